"""The sync engine: decisions are pure, stores are behind protocols, and each step is one transaction.

```
model       what it is given: a sync, both stores, the mapping of each direction
decision    what becomes of one change: two tables, pure
batch       a set of changes in one transaction: decide, write, try again, record, quarantine
stream      one direction at work, step by step
backfill    the first copy, with what was captured meanwhile going first
checkpoint  how far a direction has come, as it is kept
throttle    how fast a backfill may go
```
"""
