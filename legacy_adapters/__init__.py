"""Record sync: the legacy store and the new store in step while a slice is moved.

```
record, change     what passes between the parts: rows, keys, changes, positions, writes, ledger entries
connector          what a store must be able to do: the protocols of a source snapshot and a target transaction
mapper             what the engine asks of a mapping: pure, one direction
mapping/           from a legacy row to a new row and back, checked, with what is lost and what has no inverse
values/            what values are, when two are the same, how one becomes another's kind
sql/               stores reached through SQLAlchemy: reflection, typed reads, hashes, bulk writes, capture by triggers
engine/            backfill, live apply, conflicts, quarantine
verify/            both stores held against the ledgers, and repair
planning           what a sync would do and cannot promise, before anything is changed
opening, host      from configuration to open stores, and to syncs that run
kept               what the stores tell of a sync when nobody who runs it can be asked
```
State-based: a change says which key changed and how far capture has seen it; the row is read in the same snapshot as
the change. What is applied is therefore always a state that the source really had, and applying it twice is nothing.
"""
