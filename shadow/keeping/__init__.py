"""Keeps what the comparer concluded: redacted, counted exactly once, bounded by age and by size.

```
tables       every table of shadow mode, in SQLAlchemy Core
database     connections and transactions, on SQLite or PostgreSQL
schema       makes and migrates the tables
secrets      which names and texts are secrets
redaction    takes them out before anything is written
records      one kept exchange as a value; `values` is how it becomes bytes
batch        what one transaction brings: sums, and exchanges to keep
writing      … as rows
store        `ShadowStore`: opens, commits, reads
retention    removes by age and size, rolls minutes up into hours
liverules    rules that are made while running
audit        who changed what and why
```
"""
