"""curl, apart from the configuration of the machine."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from typing import Any

from support.strangler_process import environment


@dataclasses.dataclass(frozen=True)
class CurlResult:
    """What curl left behind."""

    code: int
    output: bytes
    errors: str

    def json(self) -> Any:
        """The output as JSON."""
        return json.loads(self.output)

    def headers(self, name: str) -> list[str]:
        """The values of a field in the output of `-i`, `-I` or `-D -`."""
        lines = self.output.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        return [value.strip() for field, _, value in pairs if field.lower() == name.lower()]


def curl(*arguments: str, stdin: bytes | None = None) -> CurlResult:
    """Runs curl; silent but for errors, twenty seconds at most, no globbing of URLs."""
    command = ["curl", "-q", "-sS", "-g", "--noproxy", "*", "--max-time", "20", *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, env=environment(), check=False)
    return CurlResult(done.returncode, done.stdout, done.stderr.decode(errors="replace"))
