"""The sync engine: decisions are pure, stores are behind protocols, and each step is one transaction.

```
model       what it is given: a sync, both stores, the mapping of each direction
decision    what becomes of one change: two tables, pure
family      what syncs whose records need each other's tell each other
heldback    rows that lack another sync's record: held back until it may have come
batch       a set of changes in one transaction: decide, write, try again, record, quarantine
item        one of those changes: what it writes, and what the ledger says of it then
lack        what becomes of a row that lacks another sync's record
tally       what became of changes, counted
stream      one direction at work, step by step
backfill    the first copy, with what was captured meanwhile going first
checkpoint  how far a direction has come, as it is kept
throttle    how fast a backfill may go
portion     how many rows are read at a time
lookups     keys of other syncs' records, from their ledgers
phases      new, backfill, live, and what delays, pauses or stops a sync: a table
runner      one sync, from its first row on, for as long as it is to run
syncer      all syncs of a process side by side
operations  quarantine and single keys, from outside the stream
status      what is shown of it: plain data
```
"""
