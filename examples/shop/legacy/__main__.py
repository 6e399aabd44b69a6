"""Runs the monolith: `python -m shop.legacy --port 9001 --store var/demo/legacy.db`."""

from __future__ import annotations

from shop.legacy.app import make_app
from shop.serving import serve

serve("legacy", make_app)
