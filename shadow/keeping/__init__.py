"""Keeps what the comparer concluded: redacted, counted exactly once, bounded by age and by size.

```
tables       every table of shadow mode, in SQLAlchemy Core
```
"""
