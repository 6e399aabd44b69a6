"""From a row of one store to a row of the other, checked; and what is lost on the way.

```
compiling    a sync of the configuration → Mapping: one Direction for each way that changes go
fields       a field of the configuration → its steps each way, inverses found where none is given
step         one transform, built: its function, its inverse, what it loses
registry     the transforms by name; transforms/ has them by family
direction    the hot path: a row, or a chunk column by column, with what cannot be mapped set aside
column       one column through its steps, with a bounded memory of values that repeat
rules        what a record must be like
formats      what a text of a rule's format is: addresses, numbers, codes
losses       what loses information or has no way back, as data for `strangler sync plan` and `strangler check`
fitness      the same of columns: what they cannot hold
duplicates   exact duplicate keys, as a question to the store
```
Pure: no store is asked. What a mapping needs of another sync (`lookup`) it names, and is given.
"""
