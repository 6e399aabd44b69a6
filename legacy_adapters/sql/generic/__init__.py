"""Any other database, through SQLAlchemy alone: slower, polled, and not tested against its server."""
