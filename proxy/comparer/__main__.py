"""`python -m proxy.comparer`: started by the supervisor."""

from __future__ import annotations

from proxy.comparer.process import main

if __name__ == "__main__":
    main()
