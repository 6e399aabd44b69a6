"""Differences that are one finding, said once: with a count, examples, and the narrowest rule that would explain it.

```
relations     how the two values are related: `scaled:2`, `renamed:full_name`, `time_shifted:+2:00`
numbers       … two numbers
texts         … two texts
fingerprint   route, normalised path, kind and relation as one name
cluster       `findings` of a comparison; `Cluster`, which adds up
proposal      the narrowest rule that explains a cluster, or none where only a bug does
transforms    what such a rule may do to legacy's value
proof         before a rule is accepted: which stored pairs change verdict, which bugs it would hide
```
"""
