"""The comparer proves itself: bugs are put into copies of real answers, and it is counted how many are found.

```
mutations   one seeded bug in one document: a value, a type, a missing member, another object's id …
leaves      where in a document a bug can be put
selfproof   every so many exchanges: mutate a copy, compare, judge, count; and legacy against itself for false alarms
tally       what came of it, as a record that adds up
```
"""
