"""What can be wrong with a value.

```
UnfitError         a value does not fit into a column; says why, without the value
```
"""

from __future__ import annotations


class UnfitError(ValueError):
    """A value does not fit into a column. The message says why, and never shows the value."""
