"""`python -m proxy.syncer`: started by the supervisor."""

from __future__ import annotations

from proxy.syncer.process import main

if __name__ == "__main__":
    main()
