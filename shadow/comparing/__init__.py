"""Comparing two answers: from documents to differences, and what of them rules explain. Pure, but rules may learn.

```
comparer     `RouteComparer.compare(legacy, new, method=…) -> Comparison`: the way through all of the below
heads        status, chosen headers, Content-Type, Set-Cookie, latency
cookies      Set-Cookie by name and attribute
walk         two documents side by side: one difference where one thing was changed
arrays       which member of one array is which of the other: by key, by content, by likeness
likeness     how much two members are alike
assignment   the cheapest way to pair two small sets
findings     the differences so far, bounded, unexplained ones first
rules        rules compiled: where each applies, whether it explains a difference
judging      what each kind of rule accepts
functions    which functions a rule that was made while running may name
formats      what a string is: UUID, time, hash, …
bijections   which value of legacy goes with which of new
```
"""
