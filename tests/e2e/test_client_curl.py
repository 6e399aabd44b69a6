"""curl through `strangler run`: what the most used client does, and what it asks for when told to."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.authority import Authority
from support.curl import curl
from support.echo_app import EchoOrigin
from support.nginx_files import NginxFiles
from support.strangler_process import StranglerProcess

pytestmark = [pytest.mark.needs("curl"), pytest.mark.needs("nginx")]

NOTES = "".join(f"note {number}\n" for number in range(2000))
UPLOAD = random.Random(1).randbytes(3 << 20)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, echo: EchoOrigin, files: NginxFiles, authority: Authority
) -> Iterator[StranglerProcess]:
    (files.files / "files" / "notes.txt").write_text(NOTES)
    certificates = [
        dict(zip(("certificate", "key"), map(str, authority.issue(name)), strict=True))
        for name in ("shop.example", "*.other.example")
    ]
    config = {
        "services": {"echo": {"urls": [echo.url]}, "files": {"urls": [files.url]}},
        "routes": [
            {"name": "files", "match": {"path": "/files/{rest...}"}, "legacy": "files", "mode": "legacy"},
            {"name": "all", "match": {"path": "/{rest...}"}, "legacy": "echo", "mode": "legacy"},
        ],
    }
    listeners = [
        {"certificates": certificates},
        {"certificates": certificates, "client_ca": str(authority.file)},
    ]
    with StranglerProcess(tmp_path_factory.mktemp("curl"), config, tls=listeners) as running:
        yield running


def test_one_connection_serves_several_urls(gateway: StranglerProcess) -> None:
    urls = [f"{gateway.url}/echo/{number}" for number in range(5)]
    outputs = [argument for _ in urls for argument in ("-o", "/dev/null")]
    done = curl(*outputs, "-w", "%{http_code} %{num_connects}\n", *urls)
    assert done.output.decode().split("\n")[:-1] == ["200 1", *["200 0"] * 4]


def test_parallel_transfers_all_succeed(gateway: StranglerProcess, tmp_path: Path) -> None:
    done = curl("-Z", "--parallel-max", "20", "-w", "%{http_code}\n", "-o", str(tmp_path / "#1"), "--no-globoff",
                f"{gateway.url}/echo/[1-100]")  # fmt: skip
    assert done.output.decode().split() == ["200"] * 100


def test_http_1_0_client_gets_a_body_without_chunks(gateway: StranglerProcess) -> None:
    done = curl("--http1.0", "-i", f"{gateway.url}/download/200000")
    head, _, body = done.output.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.")
    assert done.headers("Transfer-Encoding") == []
    assert body == bytes(200_000)


def test_http_1_0_client_that_asks_for_it_keeps_its_connection(gateway: StranglerProcess) -> None:
    url = f"{gateway.url}/echo"
    done = curl("--http1.0", "-H", "Connection: keep-alive", "-o", "/dev/null", "-o", "/dev/null",
                "-w", "%{http_code} %{num_connects}\n", url, url)  # fmt: skip
    assert done.output.decode().split("\n")[:-1] == ["200 1", "200 0"]


def test_upload_of_unknown_length_arrives_chunked_and_whole(gateway: StranglerProcess) -> None:
    seen = curl("-T", "-", f"{gateway.url}/echo", stdin=UPLOAD).json()
    assert seen["method"] == "PUT"
    assert seen["body"] == {"bytes": len(UPLOAD), "sha256": hashlib.sha256(UPLOAD).hexdigest()}
    assert ["Transfer-Encoding", "chunked"] in seen["headers"]


def test_upload_of_known_length_keeps_its_length(gateway: StranglerProcess) -> None:
    seen = curl("--data-binary", "@-", f"{gateway.url}/echo", stdin=UPLOAD).json()
    assert seen["body"] == {"bytes": len(UPLOAD), "sha256": hashlib.sha256(UPLOAD).hexdigest()}
    assert ["Content-Length", str(len(UPLOAD))] in seen["headers"]


def test_form_with_files_arrives(gateway: StranglerProcess, tmp_path: Path) -> None:
    (tmp_path / "order.bin").write_bytes(UPLOAD[:100_000])
    seen = curl("-F", "name=Ada", "-F", f"file=@{tmp_path}/order.bin", f"{gateway.url}/echo").json()
    assert seen["body"]["bytes"] > 100_000


def test_expect_is_relayed_and_the_body_follows_the_services_100(gateway: StranglerProcess) -> None:
    done = curl("-v", "-H", "Expect: 100-continue", "--expect100-timeout", "15", "--data-binary", "@-",
                f"{gateway.url}/echo", stdin=UPLOAD)  # fmt: skip
    assert done.errors.count("< HTTP/1.1 100 Continue") == 1
    assert done.json()["body"]["sha256"] == hashlib.sha256(UPLOAD).hexdigest()


def test_body_that_the_service_refuses_is_never_sent(gateway: StranglerProcess) -> None:
    done = curl("-H", "Expect: 100-continue", "--expect100-timeout", "15", "--data-binary", "@-",
                "-w", " %{http_code} %{size_upload}", f"{gateway.url}/refuse", stdin=UPLOAD)  # fmt: skip
    assert done.output == b"no 403 0"


def test_range_is_answered_partially(gateway: StranglerProcess) -> None:
    done = curl("-i", "--range", "10-19", f"{gateway.url}/files/notes.txt")
    head, _, body = done.output.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206 ")
    assert done.headers("Content-Range") == [f"bytes 10-19/{len(NOTES)}"]
    assert body == NOTES.encode()[10:20]


def test_several_ranges_come_as_multipart(gateway: StranglerProcess, files: NginxFiles) -> None:
    done = curl("-i", "--range", "0-3,100-103", f"{gateway.url}/files/notes.txt")
    assert done.headers("Content-Type")[0].startswith("multipart/byteranges")
    assert NOTES.encode()[100:104] in done.output


def test_compressed_body_passes_untouched(gateway: StranglerProcess) -> None:
    plain = curl("--compressed", f"{gateway.url}/files/notes.txt")
    raw = curl("-H", "Accept-Encoding: gzip", "-i", f"{gateway.url}/files/notes.txt")
    assert plain.output.decode() == NOTES
    assert raw.headers("Content-Encoding") == ["gzip"]
    assert gzip.decompress(raw.output.partition(b"\r\n\r\n")[2]).decode() == NOTES


def test_head_says_the_length_and_the_connection_goes_on(gateway: StranglerProcess) -> None:
    url = f"{gateway.url}/files/notes.txt"
    done = curl("-I", url)
    assert done.headers("Content-Length") == [str(len(NOTES))]
    both = curl("-I", url, "-o", "/dev/null", "-w", "%{num_connects} %{size_download}\n",
                "--next", "-sS", "-o", "/dev/null", "-w", "%{num_connects} %{size_download}\n", url)  # fmt: skip
    assert both.output.decode().split("\n")[:-1] == ["1 0", f"0 {len(NOTES)}"]


def test_unchanged_file_is_answered_304(gateway: StranglerProcess, tmp_path: Path) -> None:
    url, tag = f"{gateway.url}/files/notes.txt", str(tmp_path / "etag")
    arguments = ("-w", "%{http_code}", "-o", "/dev/null", url)
    first = curl("--etag-save", tag, *arguments)
    again = curl("--etag-compare", tag, *arguments)
    assert (first.output, again.output) == (b"200", b"304")


def test_target_arrives_byte_for_byte(gateway: StranglerProcess) -> None:
    target = "/echo/a%20b;v=1/%C3%A4:@!$&'()*+,=~?q=%2F%2f&list[]=1|2&empty=&&x=a+b??"
    assert curl("--path-as-is", f"{gateway.url}{target}").json()["target"] == target


def test_absolute_target_names_the_host(gateway: StranglerProcess) -> None:
    seen = curl("--noproxy", "", "-x", gateway.url, "http://shop.example/echo?a=1").json()
    assert seen["target"] == "/echo?a=1"
    assert ["Host", "shop.example"] in seen["headers"]


@pytest.mark.parametrize(
    "path",
    ["/files/../echo", "/echo/%2e%2e/secret", "/echo/..%2fsecret", "//echo", "/echo/a%5cb", "/echo/%00", "/echo/%zz"],
)
def test_ambiguous_path_is_refused(gateway: StranglerProcess, echo: EchoOrigin, path: str) -> None:
    before = echo.requests
    done = curl("-i", "--path-as-is", f"{gateway.url}{path}")
    assert done.output.startswith(b"HTTP/1.1 400 ")
    assert done.headers("Content-Type") == ["application/problem+json"]
    assert echo.requests == before


@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_method_that_no_proxy_should_pass_is_refused(gateway: StranglerProcess, method: str) -> None:
    target = "shop.example:443" if method == "CONNECT" else "/echo"
    done = curl("-i", "-X", method, "--request-target", target, f"{gateway.url}/echo")
    assert done.output.startswith(b"HTTP/1.1 405 ")
    assert done.headers("Allow")


def test_redirect_to_the_service_leads_back_to_the_proxy(gateway: StranglerProcess) -> None:
    done = curl("-L", "-w", "\n%{url_effective}", f"{gateway.url}/redirect")
    assert done.output.decode().rsplit("\n", 1)[1] == f"{gateway.url}/echo?from=GET"


def test_redirected_upload_is_sent_again_by_the_client(gateway: StranglerProcess) -> None:
    seen = curl("-L", "-d", "order=7", f"{gateway.url}/redirect?status=307").json()
    assert (seen["method"], seen["body"]["bytes"]) == ("POST", 7)


def test_proxy_says_who_the_client_is(gateway: StranglerProcess) -> None:
    seen = curl("-H", "X-Forwarded-For: 6.6.6.6", "-H", "Host: shop.example", f"{gateway.url}/echo").json()
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert headers["host"] == "shop.example"
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "http"
    assert headers["x-forwarded-host"] == "shop.example"


@pytest.mark.parametrize("name", ["shop.example", "www.other.example"])
def test_tls_name_chooses_the_certificate(gateway: StranglerProcess, authority: Authority, name: str) -> None:
    port = gateway.tls_ports[0]
    done = curl("--resolve", f"{name}:{port}:127.0.0.1", "--cacert", str(authority.file), f"https://{name}:{port}/echo")
    assert done.errors == ""
    headers = {field.lower(): value for field, value in done.json()["headers"]}
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-port"] == str(port)


def test_tls_client_that_offers_http2_gets_http1(gateway: StranglerProcess, authority: Authority) -> None:
    port = gateway.tls_ports[0]
    done = curl("--http2", "-o", "/dev/null", "-w", "%{http_version} %{http_code}", "--cacert", str(authority.file),
                "--resolve", f"shop.example:{port}:127.0.0.1", f"https://shop.example:{port}/echo")  # fmt: skip
    assert done.output == b"1.1 200"


def test_large_bodies_pass_over_tls(gateway: StranglerProcess, authority: Authority) -> None:
    port = gateway.tls_ports[0]
    common = ("--cacert", str(authority.file), "--resolve", f"shop.example:{port}:127.0.0.1")
    up = curl(*common, "-T", "-", f"https://shop.example:{port}/echo", stdin=UPLOAD)
    down = curl(*common, f"https://shop.example:{port}/download/3000000")
    assert up.json()["body"]["sha256"] == hashlib.sha256(UPLOAD).hexdigest()
    assert down.output == bytes(3_000_000)


def test_client_certificate_is_demanded_and_accepted(gateway: StranglerProcess, authority: Authority) -> None:
    port = gateway.tls_ports[1]
    common = ("--cacert", str(authority.file), "--resolve", f"shop.example:{port}:127.0.0.1",
              "-w", "%{http_code}", "-o", "/dev/null", f"https://shop.example:{port}/echo")  # fmt: skip
    certificate, key = authority.issue("ada@shop.example")
    without = curl(*common)
    with_one = curl("--cert", str(certificate), "--key", str(key), *common)
    assert without.code != 0
    assert without.output == b"000"
    assert with_one.output == b"200"


def test_certificate_of_a_stranger_is_refused(gateway: StranglerProcess, authority: Authority, tmp_path: Path) -> None:
    port = gateway.tls_ports[1]
    certificate, key = Authority(tmp_path, "stranger").issue("eve@shop.example")
    done = curl("--cert", str(certificate), "--key", str(key), "--cacert", str(authority.file),
                "--resolve", f"shop.example:{port}:127.0.0.1", f"https://shop.example:{port}/echo")  # fmt: skip
    assert done.code != 0
