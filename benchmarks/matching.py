"""What one decision costs with 1, 50 and 500 routes, in nanoseconds; the bar is 1.1 times that of one route.

    python benchmarks/matching.py [--json] [--number N]

Each case is the best of several rounds, the sizes taken in turns, since noise only ever adds. `is_plain_path` and the
response mapping are measured beside it.
"""

from __future__ import annotations

import argparse
import json
import timeit
from collections.abc import Callable

from routes.config import Config
from routes.head import Head
from routes.table import Table, compile_table
from routes.template import is_plain_path

SIZES = (1, 50, 500)
ROUNDS = 7
BAR = 1.1

SERVICES = {"legacy": {"urls": ["http://127.0.0.1:9001"]}, "new": {"urls": ["http://10.0.0.7:8000/base"]}}

#: Case -> (match of route number `at`, further settings, head that the last of `count` routes takes).
Case = tuple[Callable[[int], dict[str, object]], dict[str, object], Callable[[int], Head]]


def head_of(path: str, host: str = "shop.example", method: str = "GET", **headers: str) -> Head:
    fields = [
        (b"host", host.encode(), b"Host"),
        (b"accept", b"*/*", b"Accept"),
        (b"user-agent", b"bench", b"User-Agent"),
    ]
    fields += [(name.replace("_", "-").encode(), value.encode(), name.encode()) for name, value in headers.items()]
    return Head(
        method.encode(),
        path.encode(),
        authority=host.encode(),
        host=host.encode(),
        fields=fields,
        client_ip="192.0.2.7",
    )


CASES: dict[str, Case] = {
    "prefix": (lambda at: {"path": f"/r{at}/**"}, {}, lambda n: head_of(f"/r{n - 1}/a/b")),
    "same first segment": (lambda at: {"path": f"/api/r{at}/{{id}}"}, {}, lambda n: head_of(f"/api/r{n - 1}/7")),
    "captures in front": (lambda at: {"path": f"/{{a}}/{{b}}/r{at}"}, {}, lambda n: head_of(f"/x/y/r{n - 1}")),
    "no match": (lambda at: {"path": f"/api/r{at}/{{id}}"}, {}, lambda _: head_of("/api/none/7")),
    "hosts": (lambda at: {"host": f"h{at}.example", "path": "/**"}, {}, lambda n: head_of("/a/b", f"h{n - 1}.example")),
    "wildcard hosts": (
        lambda at: {"host": f"*.h{at}.example", "path": "/**"},
        {},
        lambda n: head_of("/a/b", f"x.h{n - 1}.example"),
    ),
    "methods": (
        lambda at: {"path": "/api/{x}", "methods": [f"M{at}"]},
        {},
        lambda n: head_of("/api/7", method=f"M{n - 1}"),
    ),
    "tenant header": (
        lambda at: {"path": "/api/{x}", "headers": {"X-T": f"t{at}"}},
        {},
        lambda n: head_of("/api/7", x_t=f"t{n - 1}"),
    ),
    "regex": (lambda at: {"path": {"regex": f"^/api/r{at}/\\d+$"}}, {}, lambda n: head_of(f"/api/r{n - 1}/7")),
    "canary": (
        lambda at: {"path": f"/api/r{at}/{{id}}"},
        {"mode": "canary", "canary": {"percent": "10%", "key": ["header:X-T"]}},
        lambda n: head_of(f"/api/r{n - 1}/7", x_t="acme"),
    ),
    "captures for a rewrite": (
        lambda at: {"path": f"/api/r{at}/{{id}}"},
        {"mode": "new", "rewrite": {"new": {"path": "/v2/{id}"}}},
        lambda n: head_of(f"/api/r{n - 1}/7"),
    ),
}


def table_of(match: Callable[[int], dict[str, object]], settings: dict[str, object], count: int) -> Table:
    routes = [
        {"name": f"r{at}", "match": match(at), "legacy": "legacy", "new": "new", "mode": "legacy", **settings}
        for at in range(count)
    ]
    return compile_table(
        Config.model_validate({"listen": [{"address": "127.0.0.1:1"}], "services": SERVICES, "routes": routes})
    )


def best(calls: list[Callable[[], object]], number: int) -> list[float]:
    """Nanoseconds per call of each, measured in turns."""
    found = [float("inf")] * len(calls)
    for _ in range(ROUNDS):
        for at, call in enumerate(calls):
            found[at] = min(found[at], timeit.timeit(call, number=number) / number * 1e9)
    return found


def measure(case: Case, number: int) -> list[float]:
    match, settings, make_head = case
    calls: list[Callable[[], object]] = []
    for count in SIZES:
        table, head = table_of(match, settings, count), make_head(count)
        calls.append(lambda table=table, head=head: table.decide(head))
    return best(calls, number)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--number", type=int, default=10_000)
    options = parser.parse_args()
    results = {name: measure(case, options.number) for name, case in CASES.items()}
    mapping = table_of(lambda _: {}, {}, 1).routes[0].new
    head = head_of("/api/orders/7")
    paths = [b"/api/orders/7", b"/api/v1/customers/12345/orders/678/items", b"/a%20b/c"]
    others = {f"is_plain_path {path.decode()}": lambda path=path: is_plain_path(path) for path in paths}
    if mapping is not None:
        others["map_response Location"] = lambda: mapping.map_response(
            b"location", b"http://10.0.0.7:8000/base/x", head
        )
    single = dict(zip(others, best(list(others.values()), options.number), strict=True))
    if options.json:
        print(json.dumps({"sizes": SIZES, "decide_ns": results, "other_ns": single}))
        return
    print(f"{'decide, ns':<28}" + "".join(f"{count:>8}" for count in SIZES) + "   ratio")
    for name, found in results.items():
        ratio = found[-1] / found[0]
        note = "" if ratio <= BAR else f"  above the bar of {BAR}"
        print(f"{name:<28}" + "".join(f"{value:>8.0f}" for value in found) + f"   {ratio:.2f}{note}")
    for name, value in single.items():
        print(f"{name:<52}{value:>8.0f}")


if __name__ == "__main__":
    main()
