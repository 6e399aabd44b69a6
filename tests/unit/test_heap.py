from __future__ import annotations

import subprocess
import sys

# Whether a block that was freed at the top of the heap is given back, seen from a process of its own.
PROBE = """
import ctypes, resource, sys
from proxy.heap import keep_freed_memory
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def use():
    blocks = [libc.malloc(1 << 16) for _ in range(32)]
    for block in blocks:
        ctypes.memset(block, 1, 1 << 16)
    for block in blocks:
        libc.free(block)
use(); use()
before = faults()
for _ in range(20):
    use()
print(faults() - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", PROBE, how], capture_output=True, text=True, check=True, timeout=30)
    return int(done.stdout)


def test_memory_that_was_freed_is_used_again_without_asking_the_kernel():
    assert faults("kept") < 20 < faults("given back")
