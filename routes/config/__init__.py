"""The configuration as it is given: one frozen pydantic model per part, with its defaults, units and consequences.

`routes.loading.load_config` reads a text into a `Config`: YAML into plain data with positions, `${NAME}` filled in,
then `Config.model_validate`. Each part checks its own fields; `checks` holds what several parts must agree on. The
docstring under a field is its documentation: JSON Schema, editors and docs/reference/configuration.md show it.
"""

from __future__ import annotations

from routes.config.canary import Canary
from routes.config.control import Control, Shutdown, State, Token
from routes.config.limits import Limits
from routes.config.listen import Certificate, Listen, ListenTls
from routes.config.log import Log
from routes.config.match import Match, PresentMatch, RegexMatch
from routes.config.part import Part
from routes.config.rewrite import ArmRewrite, HeaderRewrite, QueryRewrite, Rewrite
from routes.config.root import Config
from routes.config.route import Fallback, Hold, Retry, Route
from routes.config.rule import Rule, Tolerance
from routes.config.service import Breaker, Health, RetryBudget, Service, ServiceTls
from routes.config.shadow import Compare, Shadow
from routes.config.sync import Sync
from routes.config.sync_field import SyncField
from routes.config.sync_rules import Authority, Duplicates, SyncRule
from routes.config.sync_run import Apply, Backfill
from routes.config.sync_store import Capture, Poll, SyncStore
from routes.config.sync_transform import Transform

__all__ = [
    "Apply",
    "ArmRewrite",
    "Authority",
    "Backfill",
    "Breaker",
    "Canary",
    "Capture",
    "Certificate",
    "Compare",
    "Config",
    "Control",
    "Duplicates",
    "Fallback",
    "HeaderRewrite",
    "Health",
    "Hold",
    "Limits",
    "Listen",
    "ListenTls",
    "Log",
    "Match",
    "Part",
    "Poll",
    "PresentMatch",
    "QueryRewrite",
    "RegexMatch",
    "Retry",
    "RetryBudget",
    "Rewrite",
    "Route",
    "Rule",
    "Service",
    "ServiceTls",
    "Shadow",
    "Shutdown",
    "State",
    "Sync",
    "SyncField",
    "SyncRule",
    "SyncStore",
    "Token",
    "Tolerance",
    "Transform",
]
