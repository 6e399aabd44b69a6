"""The route table: which route a request belongs to, and which arm serves it.

`Table.decide` is on the path of every request, and costs the same with 500 routes as with one:

1. the host picks an index (each configured host, each `*.suffix`, and one for all others), made when first asked for;
2. the path is walked through that index one segment at a time (`routes.segments`) to a leaf that has the candidates
   in file order, cut behind the first that matches without further conditions;
3. the leaf knows the candidates of each method; where many of them differ in the exact value of one header, parameter
   or cookie, that value picks among them; the conditions of what is left are looked at one by one.

First match in file order decides, always: a more specific template later in the file does not win.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from routes.canary import CanaryModel
from routes.compiling import compile_routes
from routes.head import Head
from routes.match import HOST_BYTES_MAX, Condition
from routes.model import ArmModel, Decision, RouteModel, ServiceModel
from routes.segments import SegmentIndex
from routes.services import compile_services
from routes.template import PathRegex, PathTemplate

if TYPE_CHECKING:
    from routes.config import Config

#: Hosts whose index is remembered; a flood of made-up hosts empties the memory and is walked label by label.
HOSTS_MAX = 4096

#: From this many candidates on, an exact condition that many of them have picks among them.
FORK_MIN = 8

#: A fork that would copy more candidates than this is not made.
FORK_ENTRIES_MAX = 100_000


class Rule:
    """One route as the matcher sees it. Plain slots: it is read on the request path.

    Args:
        route: the route.
        known: a condition that is known to hold wherever this rule is looked at.
    """

    __slots__ = ("_canary", "_captures", "_regex", "conditions", "methods", "plain", "route", "shared")

    def __init__(self, route: RouteModel, known: Condition | None = None) -> None:
        match = route.match
        self.route = route
        self.methods = match.methods
        self.conditions = tuple([condition for condition in match.conditions if condition is not known])
        self._regex = match.path if isinstance(match.path, PathRegex) else None
        self._captures = match.path if _needs_params(route) else None
        #: Whether it matches every request that gets to its leaf with a fitting method.
        self.plain = not match.conditions and self._regex is None
        #: The one decision for all requests, None where it depends on the request.
        self.shared: Decision | None = None
        self._canary: CanaryModel | None = route.canary if route.mode == "canary" else None
        if self._canary is None and self._captures is None:
            self.shared = Decision(route, _arm_of(route, new=route.serves == "new"), "mode")

    def decide(self, head: Head) -> Decision | None:
        """The decision, or None where the route does not match after all."""
        regex = self._regex
        if regex is not None and not (head.path.startswith(regex.prefix) and regex.pattern.search(head.path)):
            return None
        for condition in self.conditions:
            if not condition.holds(head):
                return None
        return self.shared or self.make(head)

    def make(self, head: Head) -> Decision:
        """The decision for a request that matches."""
        route = self.route
        params: tuple[bytes, ...] = ()
        if self._captures is not None:
            params = self._captures.pick(head.path)
        if self._canary is None:
            return Decision(route, _arm_of(route, new=route.serves == "new"), "mode", params)
        new, reason, bucket, key, cookie = self._canary.choose(head)
        return Decision(route, _arm_of(route, new=new), reason, params, bucket, key, cookie)


class Fork:
    """Many candidates that differ in the exact value of one condition; stands among candidates like a rule."""

    __slots__ = ("_condition", "_others", "_rules")

    def __init__(self, condition: Condition, rules: Mapping[bytes, Sequence[Rule]], others: Sequence[Rule]) -> None:
        self._condition = condition
        self._rules = rules
        self._others = others

    def decide(self, head: Head) -> Decision | None:
        """The decision of the first rule that matches, or None."""
        value = self._condition.value(head)
        for rule in self._others if value is None else self._rules.get(value, self._others):
            decision = rule.decide(head)
            if decision is not None:
                return decision
        return None


Candidates = tuple[Rule | Fork, ...]


class Leaf:
    """What a path leads to: the candidates in file order, by method. Plain slots.

    Attributes:
        sure: the decision where it depends on the host and the path alone.
        by_method: the candidates for methods that a route names.
        others: the candidates for all other methods.
    """

    __slots__ = ("by_method", "others", "sure")

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        first = rules[0] if rules else None
        self.sure = first.shared if first is not None and first.plain and first.methods is None else None
        named = frozenset[bytes]().union(*(rule.methods for rule in rules if rule.methods is not None))
        self.by_method = {
            method: _candidates([rule for rule in rules if rule.methods is None or method in rule.methods])
            for method in named
        }
        self.others = _candidates([rule for rule in rules if rule.methods is None])


class Table:
    """A compiled configuration. Never changes: a reload makes a new one.

    Attributes:
        version: counts up with every table that control hands out.
        routes: in file order.
        services: by name.
    """

    __slots__ = ("_any", "_exact", "_hosts", "_indexes", "_rules", "_wildcards", "routes", "services", "version")

    def __init__(self, routes: tuple[RouteModel, ...], services: dict[str, ServiceModel], version: int = 1) -> None:
        self.version = version
        self.routes = routes
        self.services = services
        self._rules = [Rule(route) for route in routes]
        patterns = [route.match.host for route in routes]
        self._any = None in patterns
        self._exact = {pattern.name for pattern in patterns if pattern is not None and not pattern.wildcard}
        self._wildcards = {pattern.name for pattern in patterns if pattern is not None and pattern.wildcard}
        self._indexes: dict[bytes, SegmentIndex[Rule, Leaf]] = {}
        self._hosts: dict[bytes, SegmentIndex[Rule, Leaf]] = {}

    def decide(self, head: Head) -> Decision | None:
        """The first route that matches and the arm that serves this request; None where no route matches."""
        index = self._hosts.get(head.host) or self._index_of(head.host)
        node = index.root
        # The same loop as SegmentIndex.find, without its call.
        for segment in head.path.split(b"/", index.depth):
            node = node.next.get(segment, node.other)
            if node.stop and index.is_final(node):
                break
        leaf = node.leaf
        if leaf.sure is not None:
            return leaf.sure
        for candidate in leaf.by_method.get(head.method, leaf.others):
            decision = candidate.decide(head)
            if decision is not None:
                return decision
        return None

    def serves_host(self, host: bytes) -> bool:
        """Whether any route is for this host (lower case, no port): if not, 421 is the answer, else 404."""
        return self._any or self._class_of(host) != b""

    def _index_of(self, host: bytes) -> SegmentIndex[Rule, Leaf]:
        """The index for a host, remembered."""
        found = self._class_of(host)
        index = self._indexes.get(found)
        if index is None:
            index = self._indexes[found] = self._build(found)
        if len(host) <= HOST_BYTES_MAX:
            if len(self._hosts) >= HOSTS_MAX:
                self._hosts.clear()
            self._hosts[host] = index
        return index

    def _class_of(self, host: bytes) -> bytes:
        """What hosts with the same candidates have in common: the host, the longest `.suffix`, or `b""`."""
        if host in self._exact:
            return host
        if self._wildcards and len(host) <= HOST_BYTES_MAX:
            dot = host.find(b".", 1)
            while dot > 0:
                if host[dot:] in self._wildcards:
                    return host[dot:]
                dot = host.find(b".", dot + 1)
        return b""

    def _build(self, found: bytes) -> SegmentIndex[Rule, Leaf]:
        host = b"*" + found if found in self._wildcards else found
        entries = [
            (_index_path(rule.route), rule)
            for rule in self._rules
            if rule.route.match.host is None or (host and rule.route.match.host.matches(host))
        ]
        return SegmentIndex(entries, Leaf)


def compile_table(config: Config, version: int = 1) -> Table:
    """Compile a validated configuration.

    Args:
        config: as loaded.
        version: what the table is called between control and the workers.

    Raises:
        ConfigError: a template, regex, key or rewrite that the schema alone could not refuse.
    """
    services = compile_services(config)
    return Table(compile_routes(config, services), services, version)


def _index_path(route: RouteModel) -> PathTemplate | None:
    """What the index knows of a route's path; of a regex the whole segments of its literal prefix."""
    path = route.match.path
    if not isinstance(path, PathRegex):
        return path
    first, *segments = path.prefix.split(b"/")
    if first or not segments:
        return None
    return PathTemplate(path.text, tuple(segments[:-1]), rest=True, names=("**",))


def _candidates(rules: list[Rule]) -> Candidates:
    """The rules up to the first that matches for sure, as a fork where that pays."""
    for at, rule in enumerate(rules):
        if rule.plain:
            rules = rules[: at + 1]
            break
    counts = Counter(
        _subject(condition) for rule in rules for condition in rule.conditions if condition.exact is not None
    )
    subject, count = counts.most_common(1)[0] if counts else (("", b""), 0)
    wanted = [_exact(rule, subject) for rule in rules]
    others = [rule for rule, condition in zip(rules, wanted, strict=True) if condition is None]
    values = {
        condition.exact: condition for condition in wanted if condition is not None and condition.exact is not None
    }
    if count < FORK_MIN or len(values) * len(others) > FORK_ENTRIES_MAX:
        return tuple(rules)
    table: dict[bytes, list[Rule]] = {value: [] for value in values}
    for rule, condition in zip(rules, wanted, strict=True):
        if condition is None or condition.exact is None:
            for found in table.values():
                found.append(rule)
        else:
            table[condition.exact].append(Rule(rule.route, known=condition))
    return (Fork(next(iter(values.values())), table, others),)


def _subject(condition: Condition) -> tuple[str, bytes]:
    return condition.source, condition.name


def _exact(rule: Rule, subject: tuple[str, bytes]) -> Condition | None:
    """The rule's exact condition on the subject, None where it has none."""
    for condition in rule.conditions:
        if condition.exact is not None and _subject(condition) == subject:
            return condition
    return None


def _needs_params(route: RouteModel) -> bool:
    arms = [route.legacy, route.new, route.fallback.arm if route.fallback is not None else None]
    return any(arm is not None and arm.rewrite.needs_params for arm in arms)


def _arm_of(route: RouteModel, *, new: bool) -> ArmModel:
    arm = route.new if new else route.legacy
    if arm is None:  # the configuration is validated: a mode names only arms that the route has
        raise AssertionError(f"route {route.name} has no {'new' if new else 'legacy'} arm")
    return arm
