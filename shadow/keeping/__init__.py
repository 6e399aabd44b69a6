"""Keeps what the comparer concluded: redacted, counted exactly once, bounded by age and by size.

```
tables       every table of shadow mode, in SQLAlchemy Core
database     connections and transactions, on SQLite or PostgreSQL
schema       makes and migrates the tables
secretnames  which names say that a value is a secret
secrets      what secrets look like in texts; `spans` says where such a value ends
places       which places of a route are secret, and the tokens for what is in them
hidden       what was hidden in one exchange, to be found again wherever else it stands
redaction    takes secrets out before anything is written; `differing` those of one difference
redacted     one exchange with its secrets taken out, made when first somebody needs it
veil         … and what noise learns without them
keeper       from an exchange and what was concluded to what is kept of it
quota        which exchanges are kept whole
records      one kept exchange as a value; `values` is how it becomes bytes
batch        what one transaction brings: sums, and exchanges to keep
writing      … as rows
store        `ShadowStore`: opens, commits, reads
retention    removes by age and size; `rollup` makes hours of minutes
liverules    rules that are made while running
retests      routes whose paired test was begun anew
audit        who changed what and why
```
"""
