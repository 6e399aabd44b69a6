"""Telling a regression from what moves by itself, by asking legacy twice.

```
route      takes every comparison of one route, learns, and judges: `RouteNoise.conclude`
observed   … what one of them shows: which places differ, and what that teaches
knownkeys  the places that are kept, bounded, and which of them are flagged
keys       what is counted at one place: the paired test, and how often noise may explain
evalue     the test: new is held against a second answer of legacy, so that noise cancels out
learned    what a place always holds, asserted of new's values where legacy's move
shapes     … of texts and numbers, as points of a lattice
readings   what a text can be: UUID, time, hash, token …
patterns   the same place for every object
covered    values of which less may be remembered: secrets
```
"""
