"""`python -m proxy.control`: started by the supervisor."""

from __future__ import annotations

from proxy.control.process import main

if __name__ == "__main__":
    main()
