"""Requests that must not be served, as raw bytes: the corpus of the wire tests and of the comparison with other proxies.

Every case says which status is right. `400 or 501` stands where RFC 9112 leaves the choice.
"""

from __future__ import annotations

from dataclasses import dataclass

BAD = frozenset({400})
CODING = frozenset({400, 501})
VERSION = frozenset({400, 505})
TOO_MUCH = frozenset({400, 413})


@dataclass(frozen=True)
class Refused:
    """One request that is refused.

    Attributes:
        name: of the case.
        raw: its bytes.
        statuses: any of these is right.
        closes: the connection must end, for where the next request begins is not certain. False leaves it open which.
        in_body: the head is fine, so that it may have gone on before the fault was seen; never as a whole request.
    """

    name: str
    raw: bytes
    statuses: frozenset[int] = BAD
    closes: bool = True
    in_body: bool = False


def _post(name: str, fields: bytes, body: bytes = b"hello", statuses: frozenset[int] = BAD) -> Refused:
    return Refused(name, b"POST /p HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n" + body, statuses)


def _get(name: str, fields: bytes, statuses: frozenset[int] = BAD) -> Refused:
    return Refused(name, b"GET /g HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n", statuses)


def _chunked(name: str, body: bytes, statuses: frozenset[int] = BAD) -> Refused:
    head = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    return Refused(name, head + body, statuses, in_body=True)


def _line(name: str, line: bytes, statuses: frozenset[int] = BAD) -> Refused:
    return Refused(name, line + b"\r\nHost: x\r\n\r\n", statuses)


def _host(name: str, fields: bytes) -> Refused:
    return Refused(name, b"GET /h HTTP/1.1\r\n" + fields + b"Accept: */*\r\n\r\n")


def _path(target: bytes) -> Refused:
    return Refused(f"path {target!r}", b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n", closes=False)


LENGTHS = [
    _post("length and coding", b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _post("coding and length", b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", b"0\r\n\r\n"),
    _post("length 0 and coding", b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _post("bad length and coding", b"Content-Length: x\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _post("same length twice", b"Content-Length: 5\r\nContent-Length: 5\r\n"),
    _post("two lengths", b"Content-Length: 5\r\nContent-Length: 6\r\n"),
    _post("two lengths, other case", b"Content-Length: 5\r\ncontent-length: 0\r\n"),
    _post("list of the same length", b"Content-Length: 5, 5\r\n"),
    _post("list of lengths", b"Content-Length: 5,6\r\n"),
    _post("empty length", b"Content-Length:\r\n", b""),
    _post("blank length", b"Content-Length: \t \r\n", b""),
    _post("empty length, then a length", b"Content-Length:\r\nContent-Length: 5\r\n"),
    _post("length with plus", b"Content-Length: +5\r\n"),
    _post("length with minus", b"Content-Length: -5\r\n"),
    _post("hexadecimal length", b"Content-Length: 0x5\r\n"),
    _post("length with blank inside", b"Content-Length: 5 5\r\n"),
    _post("length with underscore", b"Content-Length: 1_0\r\n"),
    _post("length with a fraction", b"Content-Length: 5.0\r\n"),
    _post("length with semicolon", b"Content-Length: 5;\r\n"),
    _post("quoted length", b'Content-Length: "5"\r\n'),
    _post("length with vertical tab", b"Content-Length: \x0b5\r\n"),
    _post("length in other digits", b"Content-Length: \xd9\xa5\r\n"),
    _post("length above 64 bits", b"Content-Length: 18446744073709551621\r\n", statuses=TOO_MUCH),
    _post("length of 200 digits", b"Content-Length: " + b"9" * 200 + b"\r\n", statuses=TOO_MUCH),
]

CODINGS = [
    _post("gzip", b"Transfer-Encoding: gzip\r\n", statuses=CODING),
    _post("identity", b"Transfer-Encoding: identity\r\n", statuses=CODING),
    _post("gzip, chunked", b"Transfer-Encoding: gzip, chunked\r\n", b"0\r\n\r\n", CODING),
    _post("chunked, gzip", b"Transfer-Encoding: chunked, gzip\r\n", b"0\r\n\r\n", CODING),
    _post("chunked, identity", b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n", CODING),
    _post("comma before", b"Transfer-Encoding: ,chunked\r\n", b"0\r\n\r\n", CODING),
    _post("comma after", b"Transfer-Encoding: chunked,\r\n", b"0\r\n\r\n", CODING),
    _post("chunked, chunked", b"Transfer-Encoding: chunked, chunked\r\n", b"0\r\n\r\n", CODING),
    _post("two fields", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n", CODING),
    _post(
        "two fields, second is identity",
        b"Transfer-Encoding: chunked\r\nTransfer-encoding: identity\r\n",
        b"0\r\n\r\n",
        CODING,
    ),
    _post(
        "two fields, second is unknown",
        b"Transfer-Encoding: chunked\r\nTransfer-encoding: cow\r\n",
        b"0\r\n\r\n",
        CODING,
    ),
    _post("parameter", b"Transfer-Encoding: chunked;q=1\r\n", b"0\r\n\r\n", CODING),
    _post("prefix", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n", CODING),
    _post("suffix", b"Transfer-Encoding: chunkedx\r\n", b"0\r\n\r\n", CODING),
    _post("two words", b"Transfer-Encoding: x chunked\r\n", b"0\r\n\r\n", CODING),
    _post("vertical tab", b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n", CODING),
    _post("vertical tab after", b"Transfer-Encoding: chunked\x0b\r\n", b"0\r\n\r\n", CODING),
    _post("no-break space", b"Transfer-Encoding: \xa0chunked\r\n", b"0\r\n\r\n", CODING),
    _post("quoted", b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n", CODING),
    _post("empty", b"Transfer-Encoding:\r\n", b"", CODING),
    _post("folded", b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n", CODING),
    _post("blank before colon", b"Transfer-Encoding : chunked\r\n", b"0\r\n\r\n"),
    _post("tab before colon", b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n"),
    _post("blank before name", b" Transfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _post("NUL in the name", b"Transfer\x00-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _post("after a bare LF", b"X: y\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    _post("after a bare CR", b"X: y\rTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    Refused(
        "chunked on HTTP/1.0",
        b"POST /p HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CODING,
    ),
    Refused(
        "chunked on HTTP/1.0 with a length",
        b"POST /p HTTP/1.0\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        CODING,
    ),
]

SYNTAX = [
    Refused("bare LF after the request line", b"GET /g HTTP/1.1\nHost: x\r\n\r\n"),
    Refused("bare LF everywhere", b"GET /g HTTP/1.1\nHost: x\n\n"),
    Refused("bare LF at the end of the head", b"GET /g HTTP/1.1\r\nHost: x\r\n\n"),
    Refused("bare LF after the last field", b"GET /g HTTP/1.1\r\nHost: x\n\r\n"),
    Refused("bare CR after the request line", b"GET /g HTTP/1.1\rHost: x\r\n\r\n"),
    _get("bare LF after a field", b"A: b\nC: d\r\n"),
    _get("bare CR in a value", b"A: b\rC: d\r\n"),
    _get("CR before CRLF", b"A: b\r\r\n"),
    _get("NUL in a value", b"A: b\x00c\r\n"),
    _get("NUL at the end of a value", b"A: b\x00\r\n"),
    _get("folded with a blank", b"A: b\r\n c\r\n"),
    _get("folded with a tab", b"A: b\r\n\tc\r\n"),
    _get("folded with a blank line", b"A: b\r\n \r\n"),
    _get("blank before colon", b"A : b\r\n"),
    _get("tab before colon", b"A\t: b\r\n"),
    _get("empty name", b": b\r\n"),
    _get("only a colon", b":\r\n"),
    _get("no colon", b"A b\r\n"),
    _get("no colon, one word", b"A\r\n"),
    _get("NUL in a name", b"A\x00B: c\r\n"),
    _get("blank in a name", b"A B: c\r\n"),
    _get("8-bit name", b"\xc4: c\r\n"),
    _get("8-bit in a name", b"A\xff: c\r\n"),
    _get("parenthesis in a name", b"A(b): c\r\n"),
    _get("at sign in a name", b"A@b: c\r\n"),
    _get("slash in a name", b"A/b: c\r\n"),
    _get("quote in a name", b'A"b: c\r\n'),
    _get("brace in a name", b"A{b}: c\r\n"),
    _get("CR in a name", b"A\rB: c\r\n"),
    Refused("blank before the first field", b"GET /g HTTP/1.1\r\n Host: x\r\n\r\n"),
    Refused("blank line first field", b"GET /g HTTP/1.1\r\n \r\nHost: x\r\n\r\n"),
    _line("blank before the method", b" GET /g HTTP/1.1"),
    _line("LF before the method", b"\nGET /g HTTP/1.1"),
    _line("CR before the method", b"\rGET /g HTTP/1.1"),
    _line("CR CR LF before the method", b"\r\r\nGET /g HTTP/1.1"),
    _line("LF before TRACE", b"\nTRACE /g HTTP/1.1", frozenset({400, 405})),
    _line("CR before CONNECT", b"\rCONNECT x:1 HTTP/1.1", frozenset({400, 405})),
    Refused("LF and an empty line", b"\n\r\n\r\n"),
    Refused("CR and an empty line", b"\r\r\n\r\n"),
    Refused("empty request line", b"\r\n\r\n\r\n\r\n\r\n\r\nGET /g HTTP/1.1\r\nHost: x\r\n\r\n"),
    _line("two blanks after the method", b"GET  /g HTTP/1.1"),
    _line("two blanks before the version", b"GET /g  HTTP/1.1"),
    _line("tab after the method", b"GET\t/g HTTP/1.1"),
    _line("tab before the version", b"GET /g\tHTTP/1.1"),
    _line("blank after the version", b"GET /g HTTP/1.1 "),
    _line("word after the version", b"GET /g HTTP/1.1 x"),
    _line("blank in the target", b"GET /g h HTTP/1.1"),
    _line("no version", b"GET /g", VERSION),
    _line("no target", b"GET HTTP/1.1"),
    _line("only a method", b"GET"),
    _line("version 0.9", b"GET /g HTTP/0.9", VERSION),
    _line("version 1.2", b"GET /g HTTP/1.2", VERSION),
    _line("version 2.0", b"GET /g HTTP/2.0", VERSION),
    _line("version 1.10", b"GET /g HTTP/1.10", VERSION),
    _line("version 01.1", b"GET /g HTTP/01.1", VERSION),
    _line("version 1", b"GET /g HTTP/1", VERSION),
    _line("version without slash", b"GET /g HTTP1.1", VERSION),
    _line("version in lower case", b"GET /g http/1.1", VERSION),
    _line("other protocol", b"GET /g ICY/1.1", VERSION),
    _line("bad method", b"G@T /g HTTP/1.1", CODING),
    _line("rest of a body before the method", b"helloGET /g HTTP/1.1", CODING),
    _line("digit before the method", b"0POST /g HTTP/1.1", CODING),
    _line("digit in the method", b"PO5ST /g HTTP/1.1", CODING),
    _line("method in lower case", b"get /g HTTP/1.1", CODING),
    _line("8-bit method", b"G\xcbT /g HTTP/1.1", CODING),
    _line("NUL in the method", b"GE\x00T /g HTTP/1.1", CODING),
    _line("NUL in the target", b"GET /g\x00h HTTP/1.1"),
    _line("control in the target", b"GET /g\x01h HTTP/1.1"),
    _line("DEL in the target", b"GET /g\x7fh HTTP/1.1"),
    _line("8-bit target", b"GET /g\xc3\xa4 HTTP/1.1"),
    Refused("HTTP/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", frozenset({400, 405, 501, 505})),
    Refused("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 and so on"),
]

CHUNKS = [
    _chunked("LF after the size", b"5\nhello\r\n0\r\n\r\n"),
    _chunked("LF after the data", b"5\r\nhello\n0\r\n\r\n"),
    _chunked("LF after the last size", b"5\r\nhello\r\n0\n\r\n"),
    _chunked("LF at the very end", b"5\r\nhello\r\n0\r\n\n"),
    _chunked("CR after the size", b"5\rhello\r\n0\r\n\r\n"),
    _chunked("CR after the data", b"5\r\nhello\r0\r\n\r\n"),
    _chunked("LF in an extension", b"5;a\nhello\r\n0\r\n\r\n"),
    _chunked("LF in an extension's value", b"5;a=b\nc\r\nhello\r\n0\r\n\r\n"),
    _chunked("LF in the last chunk's extension", b"5\r\nhello\r\n0;a\n\r\n\r\n"),
    _chunked("CR in an extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n"),
    _chunked("NUL in an extension", b"5;a\x00b\r\nhello\r\n0\r\n\r\n"),
    _chunked("no size", b"\r\nhello\r\n0\r\n\r\n"),
    _chunked("only an extension", b";a=b\r\nhello\r\n0\r\n\r\n"),
    _chunked("0x", b"0x5\r\nhello\r\n0\r\n\r\n"),
    _chunked("plus", b"+5\r\nhello\r\n0\r\n\r\n"),
    _chunked("minus", b"-5\r\nhello\r\n0\r\n\r\n"),
    _chunked("blank before the size", b" 5\r\nhello\r\n0\r\n\r\n"),
    _chunked("underscore", b"0_5\r\nhello\r\n0\r\n\r\n"),
    _chunked("not a digit", b"g\r\nhello\r\n0\r\n\r\n"),
    _chunked("word after the size", b"5 x\r\nhello\r\n0\r\n\r\n"),
    _chunked("NUL after the size", b"5\x00\r\nhello\r\n0\r\n\r\n"),
    _chunked("64 bits and more", b"10000000000000005\r\nhello\r\n0\r\n\r\n", TOO_MUCH),
    _chunked("more than 64 bits, all f", b"ffffffffffffffffff\r\nhello\r\n0\r\n\r\n", TOO_MUCH),
    _chunked("more data than the size", b"5\r\nhelloo\r\n0\r\n\r\n"),
    _chunked("less data than the size", b"5\r\nhell\r\n0\r\n\r\n"),
    _chunked("no CRLF after the data", b"5\r\nhello0\r\n\r\n"),
    _chunked("two bytes in place of CRLF", b"5\r\nhelloXX0\r\n\r\n"),
    _chunked("trailer without colon", b"0\r\nA\r\n\r\n"),
    _chunked("trailer with blank before colon", b"0\r\nA : b\r\n\r\n"),
    _chunked("trailer with empty name", b"0\r\n: b\r\n\r\n"),
    _chunked("folded trailer", b"0\r\nA: b\r\n c\r\n\r\n"),
    _chunked("LF after a trailer", b"0\r\nA: b\n\r\n"),
    _chunked("NUL in a trailer", b"0\r\nA: b\x00c\r\n\r\n"),
    _chunked("CR in a trailer", b"0\r\nA: b\rc\r\n\r\n"),
]

HOSTS = [
    _host("none", b""),
    _host("two", b"Host: x\r\nHost: x\r\n"),
    _host("two that differ", b"Host: x\r\nHost: y\r\n"),
    _host("two, other case", b"Host: x\r\nhOST: y\r\n"),
    _host("list", b"Host: x, y\r\n"),
    _host("list without blank", b"Host: x,y\r\n"),
    _host("empty", b"Host:\r\n"),
    _host("user", b"Host: u@x\r\n"),
    _host("path", b"Host: x/y\r\n"),
    _host("query", b"Host: x?y\r\n"),
    _host("fragment", b"Host: x#y\r\n"),
    _host("blank inside", b"Host: x y\r\n"),
    _host("tab inside", b"Host: x\ty\r\n"),
    _host("backslash", b"Host: x\\y\r\n"),
    _host("port that is no number", b"Host: x:y\r\n"),
    _host("signed port", b"Host: x:+80\r\n"),
    _host("port too large", b"Host: x:65536\r\n"),
    _host("two ports", b"Host: x:80:81\r\n"),
    _host("open bracket", b"Host: [::1\r\n"),
    _host("text after bracket", b"Host: [::1]x\r\n"),
    _host("IPv6 without brackets", b"Host: ::1\r\n"),
    _host("8-bit", b"Host: \xc3\xa4\r\n"),
    _host("quote", b'Host: x"\r\n'),
    _host("angle bracket", b"Host: <x>\r\n"),
    _host("a URL", b"Host: http://x\r\n"),
    Refused("two on HTTP/1.0", b"GET /h HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"),
    Refused("bad one on HTTP/1.0", b"GET /h HTTP/1.0\r\nHost: x y\r\n\r\n"),
    Refused("none, absolute target", b"GET http://x/h HTTP/1.1\r\n\r\n"),
    Refused("two, absolute target", b"GET http://x/h HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n"),
]

TARGETS = [
    _line("no slash", b"GET g HTTP/1.1"),
    _line("authority", b"GET x:80 HTTP/1.1"),
    _line("asterisk", b"GET * HTTP/1.1"),
    _line("fragment", b"GET /g#h HTTP/1.1"),
    _line("other scheme", b"GET ftp://x/g HTTP/1.1"),
    _line("no authority", b"GET http:///g HTTP/1.1"),
    _line("user", b"GET http://u:p@x/g HTTP/1.1"),
    _line("bad port", b"GET http://x:y/g HTTP/1.1"),
    _line("file", b"GET file:///etc/passwd HTTP/1.1"),
]

#: Every one is let through as it came where the route says `paths: raw`.
PATHS = [
    _path(target)
    for target in (
        b"/a%2fb", b"/a%2Fb", b"/a%5cb", b"/a%5Cb", b"/a%00b",
        b"/..", b"/../a", b"/a/..", b"/a/../b", b"/.", b"/a/.", b"/./a",
        b"/a/%2e%2e/b", b"/a/.%2E/b", b"/a/%2E./b", b"/a/%2e/b", b"/%2e%2e",
        b"/a/..;/b", b"/a/..;x=y/b", b"/a/.;/b", b"/a/%2e%2e;/b",
        b"/a\\b", b"/..\\b", b"//", b"//a", b"/a//b", b"/a//",
        b"/%", b"/a%", b"/a%4", b"/a%zz", b"/a%2", b"/a%%20",
        b"/a%2e%2e%2fb", b"/a%2f..%2fb",
    )
]  # fmt: skip

CONNECTION_NAMES = [
    Refused(
        f"Connection: {value.decode()}",
        b"GET /n HTTP/1.1\r\nHost: x\r\nConnection: " + value + b"\r\nCookie: a=b\r\nAuthorization: Basic eA==\r\n\r\n",
        closes=False,
    )
    for value in (
        b"Host", b"host", b"HOST", b"X-Forwarded-For", b"x-forwarded-for", b"X-Forwarded-Host", b"X-Forwarded-Proto",
        b"X-Forwarded-Port", b"Authorization", b"authorization", b"AUTHORIZATION", b"Cookie", b"cOOKIE",
        b"close, cookie", b"cookie,close", b"close ,\tcookie\t", b", ,cookie", b"keep-alive, Host",
        b"close\r\nConnection: Cookie", b"a\r\nX: y\r\nconnection: authorization",
    )
]  # fmt: skip

METHODS = [
    Refused("CONNECT", b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", frozenset({405})),
    Refused("CONNECT with a path", b"CONNECT /g HTTP/1.1\r\nHost: x\r\n\r\n", frozenset({400, 405})),
    Refused("TRACE", b"TRACE /g HTTP/1.1\r\nHost: x\r\nCookie: a=b\r\n\r\n", frozenset({405}), closes=False),
    Refused(
        "TRACE, last hop", b"TRACE /g HTTP/1.1\r\nHost: x\r\nMax-Forwards: 0\r\n\r\n", frozenset({405}), closes=False
    ),
]

UPGRADES = [
    Refused(
        "upgrade with a body",
        b"POST /u HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 5\r\n\r\nhello",
    ),
    Refused(
        "upgrade with chunks",
        b"POST /u HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
]

GROUPS: dict[str, list[Refused]] = {
    "length": LENGTHS,
    "coding": CODINGS,
    "syntax": SYNTAX,
    "chunks": CHUNKS,
    "host": HOSTS,
    "target": TARGETS,
    "path": PATHS,
    "connection": CONNECTION_NAMES,
    "method": METHODS,
    "upgrade": UPGRADES,
}
