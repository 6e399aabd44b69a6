"""Undoing path rewrites: from the path a service knows to the path its client knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from routes.match import HostPattern
from routes.segments import SegmentIndex
from routes.template import PathRegex, PathTemplate

#: Path -> path, None where the rule does not apply.
Back = Callable[[bytes], bytes | None]


@dataclass(frozen=True, slots=True)
class BackRule:
    """How the paths of one arm are led back.

    Attributes:
        host: of the route; the rule is for clients of such hosts only. None is all.
        template: what the service's paths look like; None is any.
        back: the inverse.
    """

    host: HostPattern | None
    template: PathTemplate | None
    back: Back


@dataclass(frozen=True, slots=True, eq=False)
class PathMap:
    """One base path of a service, and how every route to that service rewrites.

    Attributes:
        service: its name.
        base_path: `b""` or `b"/x"`.
        rules: of all routes to that service in file order, whether they rewrite or not: the first that fits decides.
    """

    service: str
    base_path: bytes
    rules: SegmentIndex[BackRule, tuple[BackRule, ...]]

    def strip(self, path: bytes) -> bytes | None:
        """The path without the base path, None where it is not below it."""
        base = self.base_path
        if not path.startswith(base) or path[len(base) : len(base) + 1] not in {b"", b"/"}:
            return None
        return path[len(base) :] or b"/"

    def path_back(self, path: bytes, host: bytes) -> bytes | None:
        """What a client of `host` calls this path of the service, None where no route tells."""
        for rule in self.rules.find(path):
            if rule.host is None or rule.host.matches(host):
                back = rule.back(path)
                if back is not None:
                    return back
        return None


def index_rules(rules: Sequence[BackRule]) -> SegmentIndex[BackRule, tuple[BackRule, ...]]:
    """An index over the rules of one service."""
    return SegmentIndex([(rule.template, rule) for rule in rules], lambda found: found)


def path_back(source: PathTemplate | PathRegex | None, sent: PathTemplate | None) -> Back | None:
    """The inverse of a path rewrite.

    Args:
        source: the route's path, as clients ask for it.
        sent: the path that is sent instead, None where it is not rewritten.

    Returns:
        The inverse; None where there is none, because a regex or a capture that is not sent cannot be led back.
    """
    if sent is None:
        return _unchanged(source)
    if not isinstance(source, PathTemplate) or not set(source.names) <= set(sent.names):
        return None
    client = source

    def back(path: bytes) -> bytes | None:
        found = sent.captures(path)
        if found is None:
            return None
        return client.fill(dict(zip(sent.names, found, strict=True))) or b"/"

    return back


def prefix_back(source: PathTemplate | PathRegex | None, sent: PathTemplate | None) -> Back:
    """The inverse for path prefixes, as cookies have them: by what differs in front of the common end."""
    if sent is None or not isinstance(source, PathTemplate):
        return _nothing
    client, service = list(source.segments), list(sent.segments)
    if source.names == sent.names and source.rest == sent.rest:
        while client and service and client[-1] == service[-1]:
            client.pop()
            service.pop()
    if None in client or None in service:
        return _nothing
    return _swap(_joined(service), _joined(client))


def _joined(segments: list[bytes | None]) -> bytes:
    return b"".join([b"/" + segment for segment in segments if segment is not None])


def _swap(service: bytes, client: bytes) -> Back:
    def back(path: bytes) -> bytes | None:
        if not path.startswith(service) or path[len(service) : len(service) + 1] not in {b"", b"/"}:
            return None
        return client + path[len(service) :] or b"/"

    return back


def _unchanged(source: PathTemplate | PathRegex | None) -> Back:
    def back(path: bytes) -> bytes | None:
        return path if source is None or source.matches(path) else None

    return back


def _nothing(path: bytes) -> bytes | None:
    del path
    return None
