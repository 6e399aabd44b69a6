"""Response headers that name a service, mapped back to what the client sees.

A Location of `http://10.0.0.7:8000/v2/orders/7` becomes `https://shop.example/api/orders/7`: the authority is the
client's, the endpoint's base path is taken off, and the path rewrite of the arm is undone. Of relative references only
those that start with one slash are touched, and only their path. Values that name no service, and values that do not
parse, come back as they are: the same object.

References: RFC 3986 (URI), RFC 8288 (Link), RFC 6265 (Set-Cookie), the HTML standard (Refresh).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address

from routes.head import Head
from routes.paths import PathMap

#: The fields that are mapped, in lower case.
MAPPED = frozenset({b"location", b"content-location", b"refresh", b"link", b"set-cookie"})

#: A port that is left out may be either: a service behind plain HTTP often redirects to its own https.
_DEFAULT_PORTS = frozenset({80, 443})

_URL = re.compile(
    rb"(?P<before>[ \t]*+(?:(?P<scheme>https?):)?+//(?P<user>[^/?#@\s\\]*@)?+)"
    rb"(?P<host>\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]\s\\]+)(?::(?P<port>[0-9]{0,5}))?"
    rb"(?P<path>/[^?#]*)?+(?P<tail>[?#].*)?",
    re.IGNORECASE | re.DOTALL,
).fullmatch
_RELATIVE = re.compile(rb"(?P<before>[ \t]*+)(?P<path>/(?![/\\])[^?#]*)(?P<tail>[?#].*)?", re.DOTALL).fullmatch
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]").search
# The HTML standard lets the `url=` and the separator be missing, and either quote be used. Nothing here can backtrack:
# services are not trusted with the worker's time.
_REFRESH = re.compile(
    rb"(?P<before>\s*+[0-9.]++\s*+(?:[;,]\s*+)?+(?<=[\s;,])(?:url\s*+=\s*+)?+(?P<quote>[\"']?+))(?P<url>.*+)",
    re.IGNORECASE | re.DOTALL,
).fullmatch
_LINK = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|<(?P<url>[^<>]*+)>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Origins:
    """What the services of a table are called, as their responses may name them.

    Attributes:
        paths: (host, port) -> how the paths of the services behind it are mapped; longest base path first.
        hosts: all host names among them.
    """

    paths: dict[tuple[bytes, int], tuple[PathMap, ...]]
    hosts: frozenset[bytes]

    def find(self, host: bytes, port: int | None) -> tuple[PathMap, ...]:
        """The services behind an authority, empty where it names none.

        Args:
            host: lower case, IPv6 in brackets in its shortest form.
            port: None where it is left out.
        """
        if host not in self.hosts:
            return ()
        if port is not None and port not in _DEFAULT_PORTS:
            return self.paths.get((host, port), ())
        return self.paths.get((host, 80), ()) + self.paths.get((host, 443), ())


@dataclass(frozen=True, slots=True)
class ResponseMap:
    """How the response headers of one arm are mapped back.

    Attributes:
        origins: shared by all arms of a table.
        own: the maps of the arm's own service, one for each of its base paths, longest first.
        service: the arm's service.
        path_back: undoes this arm's path rewrite: path -> path, None where it is not one of this arm's.
        prefix_back: the same for the Path of a cookie, which is a prefix.
    """

    origins: Origins
    own: tuple[PathMap, ...]
    service: str
    path_back: Callable[[bytes], bytes | None]
    prefix_back: Callable[[bytes], bytes | None]

    def map(self, name: bytes, value: bytes, head: Head) -> bytes:
        """The mapped value of a field, or `value` itself."""
        if name not in MAPPED or _CONTROL(value):
            return value
        if name in {b"location", b"content-location"}:
            return self._map_url(value, head)
        if name == b"set-cookie":
            return self._map_cookie(value, head)
        return self._map_refresh(value, head) if name == b"refresh" else self._map_link(value, head)

    def _map_url(self, value: bytes, head: Head) -> bytes:
        relative = _RELATIVE(value)
        if relative is not None:
            path = relative["path"]
            mapped = self._path_of(self.own, path, head)
            return value if mapped == path else relative["before"] + _safe(mapped) + (relative["tail"] or b"")
        url = _URL(value)
        if url is None:
            return value
        maps = self.origins.find(_host(url["host"]), int(url["port"]) if url["port"] else None)
        return self._absolute(url, maps, head) if maps else value

    def _absolute(self, url: re.Match[bytes], maps: tuple[PathMap, ...], head: Head) -> bytes:
        """The URL with the client's scheme and authority and a mapped path."""
        path = url["path"] or b""
        mapped = self._path_of(maps, path, head) if path else path
        tail = url["tail"] or b""
        if not head.authority:  # HTTP/1.0 without Host: a path is all that can be told
            return _safe(mapped or b"/") + tail
        before: bytes = url["before"]
        if url["scheme"]:
            blank = before[: len(before) - len(before.lstrip())]
            before = blank + head.scheme + b"://" + (url["user"] or b"")
        return before + head.authority + mapped + tail

    def _path_of(self, maps: tuple[PathMap, ...], path: bytes, head: Head) -> bytes:
        """The path as the client knows it: without the base path, with the rewrite undone."""
        inner, found = _strip(maps, path)
        if any(found.service == self.service for found in found):
            back = self.path_back(inner)
            if back is not None:
                return back
        for service in found:
            back = service.path_back(inner, head.host)
            if back is not None:
                return back
        return inner

    def _map_refresh(self, value: bytes, head: Head) -> bytes:
        found = _REFRESH(value)
        if found is None:
            return value
        text, quote = found["url"], found["quote"]
        end = text.find(quote) if quote else len(text.rstrip())
        url = text if end < 0 else text[:end]
        mapped = self._map_url(url, head)
        return value if mapped == url else found["before"] + mapped + text[len(url) :]

    def _map_link(self, value: bytes, head: Head) -> bytes:
        def one(link: re.Match[bytes]) -> bytes:
            url: bytes | None = link["url"]
            return link[0] if url is None else b"<" + self._map_url(url, head) + b">"

        mapped = _LINK.sub(one, value)
        return value if mapped == value else mapped

    def _map_cookie(self, value: bytes, head: Head) -> bytes:
        pair, *attributes = value.split(b";")
        kept = [pair]
        for attribute in attributes:
            name, equals, text = attribute.partition(b"=")
            word = name.strip().lower()
            if word == b"domain" and equals and self._is_foreign(text.strip().lower(), head.host):
                continue
            if word == b"path" and equals:
                path = text.strip()
                mapped = self._cookie_path(path, head)
                if mapped != path:
                    attribute = name + equals + mapped  # noqa: PLW2901  the attribute that is kept
            kept.append(attribute)
        mapped_value = b";".join(kept)
        return value if mapped_value == value else mapped_value

    def _is_foreign(self, domain: bytes, client_host: bytes) -> bool:
        """Whether a Domain names a service (or a parent of one) and the client's host is not within it."""
        domain = domain.removeprefix(b".")
        if not domain or client_host == domain or client_host.endswith(b"." + domain):
            return False
        return any(host == domain or host.endswith(b"." + domain) for host in self.origins.hosts)

    def _cookie_path(self, path: bytes, head: Head) -> bytes:
        if path[:1] != b"/":
            return path
        inner, _ = _strip(self.own, path)
        back = self.prefix_back(inner)
        return back if back is not None else self._path_of(self.own, path, head)


def _strip(maps: tuple[PathMap, ...], path: bytes) -> tuple[bytes, list[PathMap]]:
    """The path without the longest base path that fits, and the services it belongs to."""
    for one in maps:
        inner = one.strip(path)
        if inner is not None:
            return inner, [other for other in maps if other.base_path == one.base_path]
    return path, list(maps)


def _safe(path: bytes) -> bytes:
    """A path that stays a path where no authority is in front: `//x` would name a host (RFC 3986 section 4.2)."""
    return b"/." + path if path[1:2] in {b"/", b"\\"} else path


def _host(host: bytes) -> bytes:
    """A host in the form that `Origins` has: lower case, no dot at the end, IPv6 at its shortest."""
    if host[:1] != b"[":
        return host.lower().removesuffix(b".")
    try:
        return b"[" + IPv6Address(host[1:-1].decode("ascii")).compressed.encode() + b"]"
    except ValueError:
        return host
