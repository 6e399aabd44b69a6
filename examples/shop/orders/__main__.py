"""Runs the service: `python -m shop.orders --port N --store var/demo/orders.db`."""

from __future__ import annotations

from shop.orders.app import make_app
from shop.serving import serve

serve("orders", make_app)
