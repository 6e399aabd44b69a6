"""Shadow mode: two answers, one verdict, a report worth reading. Pure: values in, values out.

```
exchange        one request with the answer of each arm that was asked, and how it travels between processes
stream          the frames on which exchanges travel, acknowledged batch by batch
comparison      what comparing them gave: a verdict, and the differences behind it
noise.evalue    whether new differs from legacy more often than legacy differs from itself
beta            the distribution behind that, and exact intervals for shares
```
"""
