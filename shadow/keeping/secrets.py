"""What secrets look like in plain text, and which names are secrets themselves."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from shadow.keeping.secretnames import is_secret
from shadow.keeping.spans import Span, line_span, parameter_span, value_span
from shadow.times import read_time

#: Text that became a token already.
_TOKEN_START: Final = "~hmac:"  # noqa: S105 - no password


#: Shortest secret that is looked for in other places: shorter ones are in words by accident.
ECHO_CHARACTERS_MIN: Final = 6


#: Names that are none: an address, and what only a machine would call anything.
_ADDRESS: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}\.[A-Za-z]{2,24}")
_OPAQUE: Final = re.compile(r"[A-Za-z0-9_+/=.~:-]{20,}")
_HEX: Final = re.compile(r"(?=[a-fA-F]*[0-9])[0-9a-fA-F]{20,}")
#: Identifiers that are known by their form and are no secrets.
_IDENTIFIER: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|[0-7][0-9A-HJKMNP-TV-Z]{25}")
#: Changes between letters in lower case, capitals and digits: in words there are few, in random text about so many.
_CHANGES_SHARE: Final = 0.45
_DIGIT_CHANGES: Final = 6
_CLASS: Final = re.compile(r"[a-z]+|[A-Z]+|[0-9]+")


def is_no_name(name: str) -> bool:
    """Whether what stands for a name is a secret itself, as where an API keys its objects by token or by address.

    Known are addresses, what `replace_secrets` knows, and text that is so mixed that only a machine would make it.
    """
    if "@" in name and _ADDRESS.fullmatch(name):
        return True
    if name.startswith(_TOKEN_START):
        return False
    if len(name) >= _SCHEME_CHARACTERS_MIN and replace_secrets(name, _shown_secret) != name:
        return True
    if _OPAQUE.fullmatch(name) is None or _IDENTIFIER.fullmatch(name) or read_time(name) is not None:
        return False
    if _HEX.fullmatch(name):
        return True
    runs = _CLASS.findall(name)
    digits = [run for run in runs if run[0].isdigit()]
    return bool(digits) and (len(runs) > _CHANGES_SHARE * len(name) or 2 * len(digits) > _DIGIT_CHANGES)


def _shown_secret(_: str) -> str:
    return _TOKEN_START


#: Scheme and credentials of HTTP, wherever they stand; whatever white space is between them, and however it is written.
_SCHEME: Final = re.compile(
    r"(?i)(?<![A-Za-z0-9])(bearer|basic|negotiate|ntlm|dpop)((?:\s|\xa0|%20|\+|\\t|:){1,8})"
    r"([A-Za-z0-9._~+/=:|-]{8,}+|(?=[A-Za-z._~+/=|-]{0,6}[0-9])[A-Za-z0-9._~+/=|-]{4,7})"
)
#: Names of schemes that are told; what else stands before the credentials may be one itself.
KNOWN_SCHEMES: Final = frozenset(
    (
        *(
            "apikey",
            "aws4-hmac-sha256",
            "basic",
            "bearer",
            "digest",
            "dpop",
            "gnap",
            "hawk",
            "hoba",
            "hmac",
            "key",
            "mac",
        ),
        *("mutual", "negotiate", "ntlm", "oauth", "privatetoken", "scram-sha-1", "scram-sha-256", "token", "vapid"),
    )
)
#: A header with credentials, as dumps of requests have it: `Cookie: `, `"Cookie": "`, `('cookie', '`, `HTTP_COOKIE=`.
_HEADER: Final = re.compile(
    r"(?i)(?<![A-Za-z0-9])((?:http[_-])?(?:set-cookie2?|cookie2?|(?:proxy[_-])?authorization))(?![A-Za-z0-9_-])"
    r"(\\*+[\"']?\]?\s{0,4}(?:=>|->|:=|[:=]|%3[aAdD])\s{0,4}|\\*+[\"']\s{0,4},\s{0,4}(?=\\*+[\"']))"
)
_HEADER_NAME: Final = re.compile(r"(?i)(?:.*[_.-])?(?:set-cookie2?|cookie2?|authorization)")
#: Attributes of Set-Cookie: their values are no secrets.
_ATTRIBUTES: Final = frozenset(
    (
        *(
            "comment",
            "domain",
            "expires",
            "httponly",
            "max-age",
            "partitioned",
            "path",
            "priority",
            "samesite",
            "secure",
        ),
        *("version", ""),
    )
)
#: A JWT is looked for inside of one of these; a pattern for itself would begin anew at every `eyJ` of a long run.
_DOTTED: Final = re.compile(r"(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]++")
_JWT_START: Final = "eyJ"
#: Shortest first and second part of a JWT.
_JWT_PARTS: Final = (8, 5)
#: A JWE has so many parts, a JWS three.
_JWT_PARTS_MAX: Final = 5
#: User and password of a URL: up to the last @ before its path.
_USER: Final = re.compile(r"(://)([^/\s:@?#\"'<>]*+)(?::([^\s/?#\"'<>]*))?@")
_PEM: Final = re.compile(r"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)((?:[^-]|-(?!----))++)")
#: A name and what stands between it and a value: `password=`, `"token": `, `token%3D`, `api key: `. Percent-encoded, a
#: name starts after the code of the character before it.
_NAMED: Final = re.compile(
    r"(?:(?<![A-Za-z0-9_.-])|(?<=%[0-9A-Fa-f]{2}))(?:([A-Za-z]{2,20}) )?([A-Za-z0-9_.-]++)"
    r"(?:\\*+[\"']|&quot;|&#34;|&#39;|%22|%27)?\]?\s{0,4}(?:=>|->|:=|={1,3}|:{1,2}|%3[dDaA])\s{0,4}"
)
#: Two attributes or members of which the first names the second: `name="pin" value="`.
_PAIR: Final = re.compile(
    r"(?i)(?<![A-Za-z0-9_-])(?:name|key|id)\\*+[\"']?\s{0,4}[=:]\s{0,4}\\*+[\"']([A-Za-z0-9_. -]{1,80})\\*+[\"']"
    r"[^<>{}]{0,200}?(?<![A-Za-z0-9_-])(?:value|content)\\*+[\"']?\s{0,4}[=:]\s{0,4}"
)
#: The start of an element, or of its end, of a markup text inside of another text, such as an echoed SOAP request.
_ELEMENT: Final = re.compile(r"<(/?)(?:[A-Za-z0-9_.-]{1,80}:)?([A-Za-z_][A-Za-z0-9_.-]{0,80})(\s[^<>]*+|/)?>")
_CONTENT: Final = re.compile(r"\s*+(?:<!\[CDATA\[(?:[^\]]|\](?!\]>))++|[^<]++)")
_CARD: Final = re.compile(r"(?<!\d)(?<!\d[.-])\d(?:[ -]?\d){13,18}(?![.-]?\d)")
_SCHEME_CHARACTERS_MIN: Final = 8
_CARD_DIGITS_MIN: Final = 14
_CARD_DIGITS_MAX: Final = 19
#: What is secret in the query or fragment of a URL, wherever the URL stands.
_OF_URL: Final = re.compile(r"(?i)([?&#;](?:code|key|state)=)([^&#;\s\"'<>\\]++)")

Token = Callable[[str], str]
Hides = Callable[[str], bool]


def replace_secrets(text: str, token: Token, hides: Hides = is_secret) -> str:
    """Plain text with everything that looks like a secret replaced: named values, credentials, keys, card numbers.

    Args:
        text: of any length; the time is linear in it.
        token: what to put for a secret.
        hides: whether values of a name are secrets.
    """
    # Each is looked for only where a character that it needs is there: most texts are names, numbers and times.
    if text.isalnum():
        return token(text) if _CARD.fullmatch(text) is not None and _is_card(text) else text
    if "-----BEGIN" in text:
        text = _PEM.sub(lambda found: found[1] + _once(found[2], token), text)
    if len(text) >= _SCHEME_CHARACTERS_MIN:
        text = _without_credentials(text, token)
    if _JWT_START in text:
        text = _DOTTED.sub(lambda found: _without_jwts(found[0], token), text)
    if "@" in text and "://" in text:
        text = _USER.sub(lambda found: _without_user(found, token), text)
    named = "=" in text or ":" in text or "%3" in text or "->" in text
    if named:
        text = _OF_URL.sub(lambda found: found[1] + _once(found[2], token), text)
        text = _replace_named(text, token, hides)
    if "<" in text:
        text = _replace_elements(text, token, hides)
    if len(text) >= _CARD_DIGITS_MIN:
        text = _CARD.sub(lambda found: token(found[0]) if _is_card(found[0]) else found[0], text)
    return text


def hide_credentials(value: str, token: Token) -> str:
    """The value of Authorization; its scheme stays where it is one."""
    scheme, space, rest = value.partition(" ")
    if not space or scheme.lower() not in KNOWN_SCHEMES:
        return _once(value, token) if value else value
    return f"{scheme} {_once(rest.strip(), token)}" if rest.strip() else value


def hide_cookies(value: str, token: Token) -> str:
    """The value of Cookie or Set-Cookie; names, and attributes that are known, stay."""
    return ";".join([_cookie(pair, token) for pair in value.split(";")])


def _cookie(pair: str, token: Token) -> str:
    bare = pair.strip()
    name, there, value = bare.partition("=")
    if name.strip().lower() in _ATTRIBUTES:
        return pair
    start = pair[: len(pair) - len(pair.lstrip())]
    if not there:  # without a name it is all value
        return start + _once(bare, token)
    return f"{start}{name}={_once(value, token)}" if value else pair


def _without_credentials(text: str, token: Token) -> str:
    """A text without the values of headers that hold credentials, and without credentials behind their scheme."""
    lower = text.lower()
    if "cookie" in lower or "authorization" in lower:
        text = _replace_headers(text, token)
    if "bearer" in lower or "basic" in lower or "negotiate" in lower or "ntlm" in lower or "dpop" in lower:
        text = _SCHEME.sub(lambda found: found[1] + found[2] + _unless_word(found[3], token), text)
    return text


def _replace_headers(text: str, token: Token) -> str:
    pieces, done = [], 0
    for header in _HEADER.finditer(text):
        if header.start() < done:
            continue
        span = _header_span(text, header)
        if span.start >= span.end:
            continue
        value = text[span.start : span.end]
        hidden = (hide_cookies if "cookie" in header[1].lower() else hide_credentials)(value, token)
        pieces += [text[done : span.start], hidden]
        done = span.end
    return "".join([*pieces, text[done:]]) if pieces else text


def _header_span(text: str, header: re.Match[str]) -> Span:
    """The value of a header: in its quotes, up to the quote that the whole line is in, or to the end of its line."""
    before, at = text[header.start() - 1 : header.start()], header.end()
    if text[at : at + 1] in {'"', "'", "\\"} and (span := value_span(text, at)) is not None:
        return span
    if before and before in "?&":
        return parameter_span(text, at)
    line = line_span(text, at)
    if before and before in "\"'" and header[2].lstrip()[:1] not in {before, "\\"}:
        end = text.find(before, at, line.end)
        return line if end < 0 else Span(at, end)
    return line


def _once(value: str, token: Token) -> str:
    """A secret's token; what is one already stays."""
    return value if value.startswith(_TOKEN_START) else token(value)


def _without_user(found: re.Match[str], token: Token) -> str:
    """A URL's user and password; a user alone may be a token, as those of code hosts are."""
    user, password = found[2], found[3]
    if found[0].startswith(f"://{_TOKEN_START}"):
        return found[0]
    if password is None:
        return f"{found[1]}{_unless_word(user, token) if user else user}@"
    return f"{found[1]}{user}:{_once(password, token) if password else password}@"


def _without_jwts(dotted: str, token: Token) -> str:
    """A run of what JWTs are made of, without those in it."""
    if _JWT_START not in dotted:
        return dotted
    parts, done, at = dotted.split("."), [], 0
    first, second = _JWT_PARTS
    while at < len(parts):
        part = parts[at]
        start = part.find(_JWT_START)
        if 0 <= start <= len(part) - first and at + 1 < len(parts) and len(parts[at + 1]) >= second:
            done.append(part[:start] + token(".".join([part[start:], *parts[at + 1 : at + _JWT_PARTS_MAX]])))
            at += _JWT_PARTS_MAX
        else:
            done.append(part)
            at += 1
    return ".".join(done)


def _replace_elements(text: str, token: Token, hides: Hides) -> str:
    """Contents of elements with secret names, with all that is inside of them."""
    tags = [found for found in _ELEMENT.finditer(text) if hides(found[2]) and not (found[3] or "").endswith("/")]
    ends = _element_ends(tags)
    pieces, done = [], 0
    for found in tags:
        start = found.end()
        if found[1] or found.start() < done or text.startswith(_TOKEN_START, start):
            continue
        content = _CONTENT.match(text, start)
        end = max(ends.get(found.start(), start), start if content is None else content.end())
        if text[start:end].strip():
            pieces += [text[done:start], token(text[start:end])]
            done = end
    return "".join([*pieces, text[done:]]) if pieces else text


def _element_ends(tags: Sequence[re.Match[str]]) -> dict[int, int]:
    """Where each start tag's end tag begins; that of one without goes on to where the last one of its name is."""
    ends: dict[int, int] = {}
    opened: dict[str, list[int]] = {}
    last = {found[2]: found.start() for found in tags if found[1]}
    for found in tags:
        begun = opened.setdefault(found[2], [])
        if not found[1]:
            begun.append(found.start())
        elif begun:
            ends[begun.pop()] = found.start()
    for name, begun in opened.items():
        ends.update((start, last[name]) for start in begun if start < last.get(name, -1))
    return ends


def _replace_named(text: str, token: Token, hides: Hides) -> str:
    """Values behind secret names. A value behind another name is looked at in turn: `failed: password=x`."""
    pieces, done = [], 0
    for start, named in _secret_names(text, hides):
        if named < done:
            continue
        span = value_span(text, start)
        if span is None or text.startswith(_TOKEN_START, span.start):
            continue
        pieces += [text[done : span.start], token(text[span.start : span.end].rstrip("\\"))]
        done = span.end
    return "".join([*pieces, text[done:]]) if pieces else text


def _secret_names(text: str, hides: Hides) -> Iterable[tuple[int, int]]:
    """Where the value of each secret name begins, and where its name does, in their order."""
    found = []
    for named in _NAMED.finditer(text):
        before, name = named.groups()
        if (hides(name) or (before is not None and hides(f"{before} {name}"))) and _HEADER_NAME.fullmatch(name) is None:
            found.append((named.end(), named.start()))
    lower = text.lower()
    if "value" not in lower and "content" not in lower:
        return found
    pairs = [(pair.end(), pair.start()) for pair in _PAIR.finditer(text) if hides(pair[1])]
    return sorted([*found, *pairs]) if pairs else found


def _unless_word(text: str, token: Token) -> str:
    """`basic understanding` is no credential: those have digits, capitals or padding in them."""
    return text if text.isalpha() and text.islower() else _once(text, token)


def is_card_number(value: int) -> bool:
    """Whether a whole number may be the number of a payment card."""
    text = str(value) if 0 < value < 10**_CARD_DIGITS_MAX else ""
    return len(text) >= _CARD_DIGITS_MIN and _is_card(text)


def _is_card(text: str) -> bool:
    """Luhn's check: one number in ten passes it by accident."""
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])  # noqa: PLR2004 - above 4 it has two digits
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
