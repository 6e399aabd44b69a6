"""What shadow mode does on one route, compiled: who is mirrored, and how the two answers are compared.

Frozen records in the manner of `routes.model`; the data plane reads `ShadowModel`, the comparer reads `CompareModel`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from zlib import crc32

_SPREAD: Final = float(1 << 32)
#: An odd number near 2^64 over the golden ratio: multiples of it fall evenly and far from each other (Knuth, 6.4).
_FACTOR: Final = 0x9E3779B97F4A7C15

#: What a rule may do; each names what `RuleModel.argument` holds for it.
RULE_KINDS: Final = (
    "ignore", "tolerance", "time_tolerance", "unordered", "key", "null_is_absent", "case_insensitive", "pattern",
    "same_kind", "map", "bijection", "call",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class RuleModel:
    """One rule of one route.

    Attributes:
        id: `file:<position>` or `live:<number>`.
        path: exact path, `/items/*/price`; `*` is one array index or key, never a prefix. Headers are `@header/<name>`
            in lower case, cookies `@cookie/<name>/<attribute>`, the status `@status`, latency `@latency`.
        kind: one of `RULE_KINDS`.
        argument: what the kind needs: `{"absolute": 0.01}`, `{"relative": 0.001}`, seconds as float for
            `time_tolerance`, the member's name for `key`, the regex for `pattern`, a dict or `module:function` for
            `map`, `module:function` for `call`; None otherwise.
        reason: why, for the report.
        owner: who answers for it.
        expires: Unix time in seconds after which it no longer applies; None is never.
    """

    id: str
    path: str
    kind: str
    argument: Any = None
    reason: str = ""
    owner: str = ""
    expires: float | None = None


@dataclass(frozen=True, slots=True)
class CompareModel:
    """How two answers of one route are compared.

    Attributes:
        rules: in the order of the file.
        headers: names in lower case of the response headers that are compared, beside Content-Type.
        cookies: whether Set-Cookie is compared by name and attribute.
        latency_factor: new slower than legacy by more than this is a difference at `@latency`; None compares nothing.
        redact: paths, and names anywhere (without a slash), whose values are stored as tokens only.
        nodes_max: values of one document that are looked at.
        differences_max: differences that are listed.
        decoded_bytes_max: of one body after its Content-Encoding was taken off.
    """

    rules: tuple[RuleModel, ...] = ()
    headers: tuple[str, ...] = ("cache-control", "content-disposition", "content-language", "location")
    cookies: bool = True
    latency_factor: float | None = None
    redact: tuple[str, ...] = ()
    nodes_max: int = 200_000
    differences_max: int = 100
    decoded_bytes_max: int = 16 << 20


@dataclass(frozen=True, slots=True)
class ShadowModel:
    """Which requests of a route are mirrored, where to and within which bounds.

    Attributes:
        sample: share of the requests, 0.0 to 1.0, by a stable hash of the request id (`spread`).
        rate_max: mirrors per second and worker at most; None is unbounded.
        unsafe_methods: `"never"`, `"sandbox"` or `"allow"`.
        sandbox_service: service that gets the mirrored writes with `sandbox`.
        timeout_s: for a whole mirrored request, connect to last byte.
        concurrency_max: mirrored requests under way, per worker.
        body_bytes_max: longest request or response body that is captured.
        noise_sample: share of the mirrored safe requests for which legacy is asked a second time.
        noise_sample_max: the same while that settles whether a difference is noise.
        compare: for the comparer.
    """

    sample: float = 1.0
    rate_max: float | None = None
    unsafe_methods: str = "never"
    sandbox_service: str | None = None
    timeout_s: float = 10.0
    concurrency_max: int = 64
    body_bytes_max: int = 1 << 20
    noise_sample: float = 0.01
    noise_sample_max: float = 0.2
    compare: CompareModel = field(default_factory=CompareModel)

    def samples(self, spread_id: int) -> bool:
        """Whether the request with this `spread` is mirrored."""
        return self.sample >= 1.0 or (spread_id >> 32) < self.sample * _SPREAD

    def samples_noise(self, spread_id: int) -> bool:
        """Whether legacy is asked a second time for it; independent of `samples`."""
        return (spread_id & 0xFFFFFFFF) < self.noise_sample * _SPREAD

    def may_sample_noise(self, spread_id: int) -> bool:
        """Whether it may be while that settles something; whatever `samples_noise` takes, this takes too."""
        return (spread_id & 0xFFFFFFFF) < max(self.noise_sample, self.noise_sample_max) * _SPREAD


def spread(request_id: bytes) -> int:
    """A request id as 64 bits, the upper and the lower half each as good as drawn at random; the same everywhere."""
    return crc32(request_id) * _FACTOR & 0xFFFFFFFFFFFFFFFF
