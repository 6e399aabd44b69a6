"""Shadow mode: two answers, one verdict, a report worth reading. Comparing is pure; `keeping` and reports do I/O.

```
exchange        one request with the answer of each arm that was asked, and how it travels between processes
stream          the frames on which exchanges travel, acknowledged batch by batch
reading         from the bytes of an answer to a document, whatever its coding, charset and media type
comparing       from two answers to a verdict and the differences behind it, and what of them rules explain
comparison      what comparing them gave: a verdict, and the differences behind it
noise           whether new differs from legacy more often than legacy differs from itself
beta            the distribution behind that, and exact intervals for shares
clusters        differences that are one finding, and rules that would explain it
proving         bugs in copies: what does the comparer find?
engine          all of these, one exchange after the other
keeping         what is stored of it: redacted, counted exactly once, bounded
reporting       what people see of it
replaying       what of a kept request can be sent again
```
"""
