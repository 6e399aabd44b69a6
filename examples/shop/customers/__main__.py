"""Runs the service: `python -m shop.customers --port N --store var/demo/customers.db`."""

from __future__ import annotations

from shop.customers.app import make_app
from shop.serving import serve

serve("customers", make_app)
