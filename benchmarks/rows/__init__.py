"""The rows, in the order of the table of bars. A new row is one more entry here."""

from __future__ import annotations

from benchmarks.payloads import BODY_1M, BODY_64K, CANARY, JSON, LAST_ROUTE, POST_16K, VARIED
from benchmarks.results import Bar
from benchmarks.rows.base import Row
from benchmarks.rows.bulk import Bulk
from benchmarks.rows.highest import HighestRate
from benchmarks.rows.idle import IdleConnections
from benchmarks.rows.latency import LatencyAtHalf
from benchmarks.rows.shadowed import BESIDE, ShadowedLatency, ShadowedRate

FIELD = ("strangler", "nginx", "haproxy", "envoy", "caddy", "aiohttp")
SHADOWED = (
    "strangler-shadow",
    "strangler-shadow-hung",
    "strangler-shadow-resetting",
    "strangler-shadow-garbage",
)
LATENCIES = ("p50_us", "p99_us")
FIELD_LARGE = ("strangler", "nginx", "nginx-unbuffered", "haproxy", "envoy", "caddy", "aiohttp")
LARGE_BARS = (Bar("cpu_us", 0.8, "nginx"), Bar("cpu_us", 1.0, "haproxy"))

ROWS: tuple[Row, ...] = (
    HighestRate(
        "json", "0.8 KB response", JSON, FIELD,
        [Bar("cpu_us", 1.6, "nginx"), Bar("cpu_us", 0.6, "envoy"), Bar("cpu_us", 0.45, "caddy")],
    ),
    HighestRate("varied", "0.8 KB response, no two heads alike", VARIED, ("strangler", "nginx")),
    HighestRate("64k", "64 KiB response", BODY_64K, FIELD_LARGE, LARGE_BARS),
    HighestRate("1m", "1 MiB response", BODY_1M, FIELD_LARGE, LARGE_BARS),
    HighestRate("post", "16 KiB POST", POST_16K, FIELD, [Bar("cpu_us", 1.6, "nginx")]),
    HighestRate(
        "routes", "500 routes instead of 1", LAST_ROUTE, ("strangler-1-route", "strangler-500-routes"),
        [Bar("cpu_us", 1.1, "strangler-1-route", subject="strangler-500-routes")],
    ),
    HighestRate("canary", "0.8 KB response, 21 routes, canary by cookie", CANARY, ("strangler-canary",)),
    ShadowedRate(
        "shadow", "0.8 KB response, every request mirrored and captured", JSON,
        ("strangler-shadow", "nginx-mirror", "strangler-plane", "nginx"),
        [Bar("cpu_us", 0.8, "nginx-mirror", subject="strangler-shadow")],
    ),
    ShadowedLatency(
        "mirror", "what clients notice of the mirror, at half load",
        ("strangler-plane", *SHADOWED, BESIDE, "nginx", "nginx-mirror"),
        [
            *(Bar(metric, 1.1, "strangler-plane", subject=name) for name in SHADOWED for metric in LATENCIES),
            *(Bar(metric, None, BESIDE, subject=SHADOWED[0], note="the proxy's own part") for metric in LATENCIES),
            *(Bar(metric, None, "nginx", subject="nginx-mirror", note="for comparison") for metric in LATENCIES),
        ],
    ),
    IdleConnections("idle", "5,000 idle keep-alive connections", FIELD, [Bar("kib_each", 20, unit="KiB")]),
    Bulk(
        "bulk", "1 GiB upload, 1 GiB download", ("strangler",),
        [Bar("upload_mib", 16, unit="MiB"), Bar("download_mib", 16, unit="MiB")],
    ),
    LatencyAtHalf(
        "p99", "p99 at half of the highest rate", ("strangler", "nginx"),
        [Bar("own_p99_us", 2, "nginx", note="each at half of its own"),
         Bar("same_p99_us", None, "nginx", note="both at half of the slower one's")],
    ),
)  # fmt: skip
