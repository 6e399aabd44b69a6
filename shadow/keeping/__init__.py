"""Keeps what the comparer concluded: redacted, counted exactly once, bounded by age and by size.

```
tables       every table of shadow mode, in SQLAlchemy Core
database     connections and transactions, on SQLite or PostgreSQL
schema       makes and migrates the tables
redaction    takes secrets out before anything is written; `secrets` says which names and texts are secrets
```
"""
