"""How a worker's heap behaves: memory that was just freed is about to be needed again.

By default glibc gives the top of the heap back to the kernel as soon as 128 KiB of it are free, and maps larger blocks
anew each time. A worker reads up to 256 KiB at once and collects log lines by the hundred KiB, so that it would get
the same pages from the kernel over and over. Measured with small responses: a page fault for every other request, none
to speak of with larger thresholds, and 3 to 8 % less CPU time.
"""

from __future__ import annotations

import ctypes
import gc
from typing import Final

#: Free memory at the top of the heap that is kept.
TRIM_THRESHOLD_BYTES: Final = 64 * 1024 * 1024
#: Blocks from this size on are mapped by themselves and given back at once.
MMAP_THRESHOLD_BYTES: Final = 4 * 1024 * 1024
#: Asked of the kernel beyond what is needed.
TOP_PAD_BYTES: Final = 1024 * 1024

#: Objects that come and stay before Python looks for cycles among them; by default 700.
GC_OBJECTS: Final = 50_000

# The parameters' numbers in glibc's malloc.h.
_M_TRIM_THRESHOLD: Final = -1
_M_TOP_PAD: Final = -2
_M_MMAP_THRESHOLD: Final = -3


def keep_freed_memory() -> bool:
    """Set malloc's thresholds for this process; False where the C library has no such settings (musl, macOS)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    settings = (
        (_M_TRIM_THRESHOLD, TRIM_THRESHOLD_BYTES),
        (_M_TOP_PAD, TOP_PAD_BYTES),
        (_M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES),
    )
    return all(mallopt(parameter, value) == 1 for parameter, value in settings)


def collect_rarely() -> None:
    """Have Python look for cycles less often, and never among what is there now.

    For processes that move rows: a chunk of 20,000 rows makes tuples by the ten thousand, none of them in a cycle, and
    looking at them 28 times for each took a quarter of the time of a copy.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_OBJECTS, 10, 10)
