"""The process that compares: takes exchanges from workers, stores what came of them, and answers when that is safe.

```
process   runs until the supervisor says so: tables, live rules, snapshots, retention
intake    one connection of a worker: frames in, answers out, one batch at a time
ledger    how far each stream was taken: what is answered from there and what is new
work      the loop: batches of all workers ─▶ Engine ─▶ one transaction ─▶ answers
figures   what it says of itself every second
```
All of it runs on one event loop without threads for the comparing. That is on purpose: an exchange on which the
comparison never ends stops the loop, the supervisor notices the silence and ends the process, and the worker drops the
batch that did it twice. A thread could not be ended.
"""
