"""Git through `strangler run`: clone, fetch and push of a repository of thousands of objects over smart HTTP."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.git_http import GitServer, git
from support.loop_thread import LoopThread
from support.strangler_process import StranglerProcess

pytestmark = pytest.mark.needs("git")

COMMITS = 400
FILES_PER_COMMIT = 6


def history(seed: int, parent: str = "") -> bytes:
    """A stream for `git fast-import`: many commits of small files, and one file that does not compress."""
    source = random.Random(seed)
    parts: list[bytes] = []
    time_s = 1_700_000_000 + seed * 10_000
    for number in range(COMMITS):
        message = f"change {seed}.{number}".encode()
        parts.append(b"commit refs/heads/main\ncommitter Ada <ada@shop.example> %d +0000\n" % (time_s + number))
        parts.append(b"data %d\n%s\n" % (len(message), message))
        if number == 0 and parent:
            parts.append(b"from %s\n" % parent.encode())
        for file in range(FILES_PER_COMMIT):
            content = source.randbytes(600)
            path = f"folder{source.randrange(40)}/file{seed}-{file}-{source.randrange(99)}".encode()
            parts.append(b"M 100644 inline %s\ndata %d\n%s\n" % (path, len(content), content))
    big = source.randbytes(2 << 20)
    parts.append(
        b"commit refs/heads/main\ncommitter Ada <ada@shop.example> %d +0000\ndata 3\nbig\n" % (time_s + COMMITS)
    )
    parts.append(b"M 100644 inline big-%d\ndata %d\n%s\ndone\n" % (seed, len(big), big))
    return b"feature done\n" + b"".join(parts)


@pytest.fixture(scope="module")
def repositories(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `shop.git`, a bare repository that takes pushes."""
    folder = tmp_path_factory.mktemp("repositories")
    git("init", "--bare", "--quiet", "-b", "main", "shop.git", folder=folder)
    git("config", "http.receivepack", "true", folder=folder / "shop.git")
    git("fast-import", "--quiet", folder=folder / "shop.git", stdin=history(1))
    return folder


@pytest.fixture(scope="module")
def origin(servers: LoopThread, repositories: Path) -> Iterator[GitServer]:
    server = servers.run(GitServer(repositories).start())
    yield server
    servers.run(server.stop())


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, origin: GitServer) -> Iterator[StranglerProcess]:
    config = {
        "services": {"git": {"urls": [origin.url]}},
        "routes": [{"name": "git", "match": {"path": "/{rest...}"}, "legacy": "git", "mode": "legacy"}],
    }
    with StranglerProcess(tmp_path_factory.mktemp("git"), config) as running:
        yield running


def objects(folder: Path) -> int:
    return int(re.findall(r"in-pack: (\d+)|count: (\d+)", git("count-objects", "-v", folder=folder))[1][0])


def test_clone_brings_every_object(gateway: StranglerProcess, repositories: Path, tmp_path: Path) -> None:
    git("clone", "--quiet", f"{gateway.url}/shop.git", "copy", folder=tmp_path)
    git("fsck", "--strict", folder=tmp_path / "copy")
    assert objects(tmp_path / "copy") == objects(repositories / "shop.git") > 3000


def test_shallow_clone_deepens_later(gateway: StranglerProcess, tmp_path: Path) -> None:
    git("clone", "--quiet", "--depth", "2", f"{gateway.url}/shop.git", "copy", folder=tmp_path)
    git("fetch", "--quiet", "--unshallow", folder=tmp_path / "copy")
    assert int(git("rev-list", "--count", "HEAD", folder=tmp_path / "copy")) > COMMITS


@pytest.mark.parametrize("protocol", ["0", "2"])
def test_requests_of_a_fetch_are_compressed_by_git(
    gateway: StranglerProcess, origin: GitServer, repositories: Path, tmp_path: Path, protocol: str
) -> None:
    """With hundreds of commits that the server lacks, the list of what the client has is long enough for gzip."""
    common = ("-c", f"protocol.version={protocol}")
    served = repositories / f"ahead{protocol}.git"
    git("clone", "--quiet", "--bare", "shop.git", served.name, folder=repositories)
    git(*common, "clone", "--quiet", f"{gateway.url}/{served.name}", "copy", folder=tmp_path)
    copy = tmp_path / "copy"
    head = git("rev-parse", "HEAD", folder=copy).strip()
    git("fast-import", "--quiet", "--force", folder=copy, stdin=history(int(protocol) + 10, head))
    ahead = git("commit-tree", "main^{tree}", "-p", "main", "-m", "ahead", folder=served).strip()
    git("update-ref", "refs/heads/main", ahead, folder=served)
    origin.seen.clear()
    git(*common, "fetch", "--quiet", "origin", "main", folder=copy)
    assert any(headers.get("Content-Encoding") == "gzip" for _, _, headers in origin.seen)
    assert git("rev-parse", "FETCH_HEAD", folder=copy).strip() == ahead


@pytest.mark.parametrize("framing", ["Transfer-Encoding", "Content-Length"])
def test_push_arrives_whole(
    gateway: StranglerProcess, origin: GitServer, repositories: Path, tmp_path: Path, framing: str
) -> None:
    """Git sends what is larger than its buffer in chunks, the rest with its length."""
    buffer = "http.postBuffer=65536" if framing == "Transfer-Encoding" else "http.postBuffer=64m"
    git("clone", "--quiet", f"{gateway.url}/shop.git", "copy", folder=tmp_path)
    copy, served = tmp_path / "copy", repositories / "shop.git"
    branch = f"with-{framing.lower()}"
    head = git("rev-parse", "HEAD", folder=copy).strip()
    git("fast-import", "--quiet", "--force", folder=copy, stdin=history(len(framing), head))
    origin.seen.clear()
    git("-c", buffer, "push", "--quiet", "origin", f"main:{branch}", folder=copy)
    assert git("rev-parse", branch, folder=served) == git("rev-parse", "main", folder=copy)
    git("fsck", "--strict", folder=served)
    last = [headers for method, path, headers in origin.seen if method == "POST" and path.endswith("receive-pack")][-1]
    assert framing in last


def test_push_that_the_server_refuses_is_told_to_the_user(
    gateway: StranglerProcess, repositories: Path, tmp_path: Path
) -> None:
    git("clone", "--quiet", f"{gateway.url}/shop.git", "copy", folder=tmp_path)
    copy = tmp_path / "copy"
    git("commit", "--quiet", "--amend", "-m", "rewritten", folder=copy)
    git("config", "receive.denyNonFastForwards", "true", folder=repositories / "shop.git")
    with pytest.raises(AssertionError, match=r"denying non-fast-forward|remote rejected"):
        git("push", "--force", "origin", "main", folder=copy)


def test_repository_that_does_not_exist_is_not_found(gateway: StranglerProcess, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="not found"):
        git("clone", f"{gateway.url}/none.git", folder=tmp_path)
