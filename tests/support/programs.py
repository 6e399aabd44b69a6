"""Programs that some tests need beside Python, and how to get them."""

from __future__ import annotations

import os
import shutil

import pytest

#: Name of the program -> (names it may have on PATH, how to install it).
PROGRAMS: dict[str, tuple[tuple[str, ...], str]] = {
    "nginx": (("nginx",), "apt-get install nginx-light"),
    "haproxy": (("haproxy",), "apt-get install haproxy"),
    "caddy": (("caddy",), "apt-get install caddy"),
    "git": (("git",), "apt-get install git"),
    "curl": (("curl",), "apt-get install curl"),
    "cadaver": (("cadaver",), "apt-get install cadaver"),
    "litmus": (("litmus",), "apt-get install litmus"),
    "wget": (("wget",), "apt-get install wget"),
    "node": (("node", "nodejs"), "apt-get install nodejs"),
    "chromium": (("chromium", "chromium-browser", "google-chrome"), "apt-get install chromium"),
    "wrk": (("wrk",), "apt-get install wrk"),
    "docker": (("docker",), "https://docs.docker.com/engine/install/"),
    "psql": (("psql",), "apt-get install postgresql-client"),
    "postgres": (("postgres",), "apt-get install postgresql"),
    "mariadbd": (("mariadbd",), "apt-get install mariadb-server"),
}

#: Set to 1 where a missing program must fail the run instead of skipping its tests (continuous integration).
REQUIRE_ALL = "STRANGLER_REQUIRE_ALL"


def find_program(name: str) -> str | None:
    """The program's path, or None. Looks into the sbin folders too: they are not on every user's PATH."""
    names, _ = PROGRAMS.get(name, ((name,), ""))
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    return next((found for one in names if (found := shutil.which(one, path=path))), None)


def require_program(name: str) -> None:
    """Skip the test that runs where the program is missing; fail it where everything is required."""
    if find_program(name) is not None:
        return
    _, how = PROGRAMS.get(name, ((name,), f"apt-get install {name}"))
    message = f"{name} is not installed; to run this test: {how}"
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(message, pytrace=False)
    pytest.skip(message)
