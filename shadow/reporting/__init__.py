"""What engineers see of shadow mode: one model of a report, five formats of it, and a gate.

```
reading       rows of the state store, added up over the window        (I/O, asynchronous)
building      rows -> RouteReport: coverage, verdicts with intervals, latency, clusters, rules, trend
gate          RouteReport's evidence -> Judgement: may this route be promoted, and why not
model         the records themselves, made of `measured`, `findings` and `judgement`; the control API answers their JSON
rendering     Report -> text, json, html, markdown, junit
```
`sentences` and `figures` are the words and numbers that all formats share, `marking` the characters that differ.
"""
