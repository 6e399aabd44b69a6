"""`strangler explain`: where a request would go, and why not elsewhere. Asks the file, not the running proxy."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import quote

import click
import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table as Grid

from proxy.cli.exits import EXIT_OK, EXIT_USAGE, EXIT_WRONG, told
from proxy.cli.figures import share
from proxy.configfile import DEFAULT, read_config
from routes.errors import ConfigError
from routes.explain import Explanation, explain
from routes.head import Field, Head
from routes.mirroring import Mirroring
from routes.table import compile_table

#: In place of what cannot be reached: nothing is asked.
EXIT_REFUSED: Final = 3

_EXITS: Final = {
    EXIT_OK: "a route serves it",
    EXIT_WRONG: "no route matches",
    EXIT_USAGE: "wrong usage or configuration",
    EXIT_REFUSED: "path refused",
}
_REASONS = {
    "mode": "the route's mode says so",
    "percent": "the client's bucket against the canary's share",
    "sticky": "the bucket in the sticky cookie against the canary's share",
    "always_new": "the client is listed in always_new",
    "always_legacy": "the client is listed in always_legacy",
}

_UNSERVED = {
    "no_route": "No route matches: the proxy answers 404.",
    "host_not_served": "No route is for this host: the proxy answers 421.",
    "path_refused": "Servers may read this path differently: the proxy answers 400 unless the route says paths: raw.",
}


@click.command(epilog=told(_EXITS))
@click.argument("method")
@click.argument("url")
@click.option("headers", "-H", "--header", multiple=True, metavar='"Name: value"', help="A request header; repeatable.")
@click.option("--config", "file", type=click.Path(path_type=Path), default=DEFAULT, show_default=True, help="The file.")
@click.option("--client-ip", default="127.0.0.1", show_default=True, help="Address of the client.")
@click.option("--all", "show_all", is_flag=True, help="Show every route that was tried, not only near misses.")
@click.option("as_json", "--json", is_flag=True, help="Print JSON.")
def command(
    *, method: str, url: str, headers: tuple[str, ...], file: Path, client_ip: str, show_all: bool, as_json: bool
) -> None:
    """Say which route takes a request, which arm serves it, and what is sent upstream.

    URL is absolute (https://shop.example/api/orders/7) or only a path (/api/orders/7). Nothing is sent anywhere.
    """
    head = parse_head(method, url, headers, address(client_ip))
    try:
        table = compile_table(read_config(file))
    except ConfigError as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_USAGE)
    found = explain(table, head)
    if as_json:
        click.echo(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2))
    else:
        show(found, Console(highlight=False, soft_wrap=True), show_all=show_all)
    sys.exit({"served": EXIT_OK, "path_refused": EXIT_REFUSED}.get(found.outcome, EXIT_WRONG))


def address(text: str) -> str:
    """An IP address as a person typed it.

    Raises:
        click.BadParameter: it is none.
    """
    try:
        return str(ip_address(text))
    except ValueError:
        raise click.BadParameter(f"{text!r} is no IP address", param_hint="--client-ip") from None


def parse_head(method: str, url: str, headers: tuple[str, ...], client_ip: str) -> Head:
    """A request head from what a person typed.

    Args:
        method: as given; methods are case-sensitive.
        url: absolute http(s) URL, or a path with or without a query, or `*`.
        headers: `Name: value` each; a Host among them wins over the URL's.
        client_ip: address as text.

    Raises:
        click.BadParameter: the URL or a header is none.
    """
    scheme, separator, rest = url.partition("://")
    if not separator or url.startswith("/"):
        scheme, authority, target = "http", "", url.partition("#")[0]
    elif scheme.lower() in {"http", "https"}:
        rest = rest.partition("#")[0]
        end = min((rest.find(mark) for mark in "/?" if mark in rest), default=len(rest))
        scheme, authority, target = scheme.lower(), rest[:end].rpartition("@")[2], rest[end:]
    else:
        raise click.BadParameter(f"{url!r} is not an http or https URL", param_hint="URL")
    if target[:1] in {"", "?"}:
        target = "/" + target
    if target[0] != "/" and target != "*":
        raise click.BadParameter(f"{url!r} has no path that starts with '/'", param_hint="URL")
    fields = [_field(header) for header in headers]
    authority = next((value.decode("latin-1") for name, value, _ in fields if name == b"host"), authority)
    if authority and not any(name == b"host" for name, _, _ in fields):
        fields.insert(0, (b"host", authority.encode("latin-1", "replace"), b"Host"))
    path, mark, query = target.partition("?")
    return Head(
        method.encode("latin-1", "replace"),
        _raw(path),
        _raw(query) if mark else None,
        scheme=scheme.encode(),
        authority=authority.encode("latin-1", "replace"),
        host=host_of(authority),
        fields=fields,
        client_ip=client_ip,
    )


def host_of(authority: str) -> bytes:
    """The host of an authority: lower case, without port and final dot."""
    host = authority.lower()
    host = host.partition("]")[0] + "]" if host.startswith("[") else host.partition(":")[0]
    return host.removesuffix(".").encode("latin-1", "replace")


def _field(header: str) -> Field:
    name, colon, value = header.partition(":")
    if not colon or not name.strip():
        raise click.BadParameter(f'{header!r} is not a header; write "Name: value"', param_hint="-H")
    raw = name.strip().encode("latin-1", "replace")
    return raw.lower(), value.strip().encode(), raw


def _raw(text: str) -> bytes:
    """As a browser sends it: only what is beyond ASCII, and spaces, are encoded."""
    return quote(text, safe="!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").encode("ascii")


def show(found: Explanation, console: Console, *, show_all: bool) -> None:
    """Print an explanation for people."""
    decision = found.decision
    if decision is not None:
        grid = Grid.grid(padding=(0, 2))
        grid.add_column(style="dim")
        grid.add_column(overflow="fold")
        for name, value in _rows(found):
            grid.add_row(name, escape(value))
        console.print(grid)
    if found.outcome != "served":
        console.print(_UNSERVED[found.outcome], style="bold red")
    misses = [miss for miss in found.misses if show_all or miss.near]
    if misses:
        console.print("\nRoutes before it that do not match:" if decision else "\nRoutes that do not match:")
        for miss in misses:
            reasons = "; ".join(reason for _, reason in miss.reasons)
            console.print(f"  [bold]{escape(miss.route)}[/bold]  {escape(reasons)}")
    hidden = len(found.misses) - len(misses)
    if hidden:
        console.print(f"\n{hidden} more without a matching path (--all shows them)", style="dim")


def _rows(found: Explanation) -> list[tuple[str, str]]:
    """Label and value of each line about the decision."""
    decision = found.decision
    if decision is None:
        return []
    rows = [
        ("route", f"{decision.route.name} (number {decision.route.index + 1} in the file, mode {decision.route.mode})"),
        ("arm", f"{decision.arm.name}, because of {decision.reason}: {_REASONS[decision.reason]}"),
    ]
    if decision.key is not None:
        rows.append(("key", decision.key))
    if decision.bucket is not None:
        sign = "<" if decision.bucket < (found.threshold or 0) else "≥"
        rows.append(("bucket", f"{decision.bucket} {sign} threshold {found.threshold} of 10000"))
    if decision.set_cookie is not None:
        rows.append(("sets cookie", decision.set_cookie.decode("ascii", "replace")))
    sent = found.sent
    if sent is not None:
        rows += [("service", f"{sent.service}  {'  '.join(sent.urls)}")]
        rows += [("sends", sent.request_line), ("Host", sent.host or "none: give one with -H")]
        rows += [("sets header", f"{name}: {value}") for name, value in sent.headers_set]
        rows += [("removes header", name) for name in sent.headers_remove]
    if found.mirroring is not None:
        rows.append(("mirror", _mirror(found.mirroring)))
    return rows


def _mirror(mirroring: Mirroring) -> str:
    if not mirroring.mirrored:
        return f"no: {mirroring.why}"
    return f"{share(mirroring.sample)} to {mirroring.service}, the {mirroring.arm} arm: {mirroring.why}"
