"""Are both stores in step? Checksums by range, bisected down to keys, and only what stays different counts.

```
bisect      two lists of hashes by key, held against each other range by range
settling    whether a key that differs is at fault, or its change is on its way
looking     what one look says of suspects
remapping   the mapping computed again, held against what the target has
finding     what is wrong with a record
verifying   one direction of a sync: lost changes, rogue writes, wrong mappings
repairing   what was found, once more through the normal path
```
The rows of a store are held against the ledger that the same sync wrote: the source's rows against `source_hash` finds
lost changes, the target's rows against `target_hash` finds rogue writes. Hashes of different stores are never compared.
"""
