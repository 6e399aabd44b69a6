"""Stores in SQL databases.

```
store       one side of one sync: opens, prepares, hands out snapshots, transactions and audits
snapshot    reads as of one moment: changes, chunks in key order, rows by key
transaction writes all or nothing: rows with what was refused, ledger, quarantine, checkpoint
writing     groups of rows, halved until the one that is refused is alone; parking lets rows swap unique values
outbox      capture by triggers: what is the same everywhere; polling captures where triggers are not allowed
audit       checksums of ranges, for verification
dialect     what differs between databases, implemented by postgresql/, mariadb/ and sqlite/
```
A dialect gives each column one way to be read, given and hashed (its values module), so that nothing is lost between a
column and the values of `record`. Sessions have settings of ours: the server's time zone, modes and character sets do
not matter.
"""
