"""Shadow mode: two answers, one verdict, a report worth reading. Pure but for `store`.

```
worker ── Exchange ──► Engine.conclude ─► compare (documents, rules) ─► noise (what moves by itself)
                              │                                              │
                              └────────── Record (verdict, sightings) ◄──────┘
                                             │
                    store (redacted, tallied, kept within bounds) ─► report ─► text, HTML, JSON, Markdown, JUnit
```
An exchange is one request with the answer of each arm that was asked (`exchange`). What comparing it gave is a
`comparison.Comparison`. The processes and sockets that carry them are the shell's (`proxy`).
"""
