"""Copies of requests for the arm that does not serve them, made after the client was served.

```
client ── MirroredExchange ── a Mirror keeps what is asked and answered, up to body_bytes_max
              │ served
              ▼
          Quiet ── when no client waits, or after some milliseconds: one piece of work in a turn of the loop
              │
              ▼
          Mirror ── Ask ──► Service (a pool of its own) ──► the other arm, and for noise legacy again
              │ answered, timed out or failed
              ▼
          Quiet
              │
              ▼
          message ──► Outbox ──► unix socket, batch by batch ──► comparer
```
`Mirrors` chooses the requests by the `MirrorTable` in force, which says what goes where, and bounds all of this.

No arrow leads back to the client. Whatever stands in the way is counted as a reason in `MirrorCounters`: what was begun
is compared, shed, lost or under way, and nothing else.
"""
