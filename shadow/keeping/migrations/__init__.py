"""Alembic migrations of shadow mode's tables, packaged with the program; `shadow.keeping.schema` runs them."""
