"""Which names hold secrets, and what secrets look like in plain text.

Names are matched by their words, however they are written: `accessToken`, `access_token`, `Access-Token` and
`x-access-token` are one. A name that is matched wrongly costs a look at a value; one that is missed costs a secret, so
that what is in doubt is redacted. `compare.redact` adds to it, nothing takes away from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from shadow.times import read_time

#: Any of them as one word of a name makes it secret.
_WORDS: Final = frozenset(
    (
        *("apikey", "assertion", "auth", "authorization", "bearer", "captcha", "cookie", "cookies", "credential"),
        *("credentials", "csrf", "cvc", "cvc2", "cvv", "cvv2", "iban", "jwt", "mfa"),
        *("otp", "pan", "pass", "passcode", "passphrase", "passwd", "password", "passwords", "pin"),
        *("pwd", "saml", "secret", "secrets", "session", "sessions", "sid", "sig", "signature"),
        *("ssn", "token", "tokens", "totp", "xsrf"),
    )
)
#: Any of them in a name, written together or not.
_JOINED: Final = (
    *("accesskey", "accountnumber", "apikey", "authcode", "cardnumber", "cardno", "clientcert", "creditcard"),
    *("password", "privatekey", "secret", "securitycode", "sessionid", "socialsecurity", "token"),
)
#: In queries and forms only: as members of documents these are ordinary words.
_OF_QUERIES: Final = frozenset(("code", "key", "state"))
#: Fields that are known to be harmless although their names say otherwise.
_HARMLESS: Final = frozenset(
    ("www-authenticate", "proxy-authenticate", "sec-websocket-key", "sec-websocket-accept", "sec-websocket-version")
)

#: Text that became a token already.
_TOKEN_START: Final = "~hmac:"  # noqa: S105 - no password

#: Longest name that is looked at.
_NAME_CHARACTERS_MAX: Final = 200
_SPLIT: Final = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")

#: Shortest secret that is looked for in other places: shorter ones are in words by accident.
ECHO_CHARACTERS_MIN: Final = 6


def is_secret(name: str) -> bool:
    """Whether values of this name are secrets.

    Args:
        name: of a header, a member of a document, an element or an attribute; a namespace in braces is left out.
    """
    return _is_secret(name[-_NAME_CHARACTERS_MAX:])


@lru_cache(maxsize=8_192)
def _is_secret(name: str) -> bool:
    name = name.rpartition("}")[2]
    if name.lower() in _HARMLESS:
        return False
    words = [word.lower() for word in _SPLIT.split(name) if word]
    joined = "".join(words)
    return not _WORDS.isdisjoint(words) or any(part in joined for part in _JOINED)


def is_secret_parameter(name: str) -> bool:
    """Whether values of this name in a query or a form are secrets."""
    return name.lower() in _OF_QUERIES or is_secret(name)


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


_SCHEME: Final = re.compile(r"(?i)\b(bearer|basic|negotiate)(\s{1,3})([A-Za-z0-9._~+/=-]{8,})")
#: A JWT is looked for inside of one of these; a pattern for itself would begin anew at every `eyJ` of a long run.
_DOTTED: Final = re.compile(r"(?<![A-Za-z0-9_.-])[A-Za-z0-9_.-]++")
_JWT_START: Final = "eyJ"
#: Shortest first and second part of a JWT.
_JWT_PARTS: Final = (8, 5)
#: A JWE has so many parts, a JWS three.
_JWT_PARTS_MAX: Final = 5
_USER: Final = re.compile(r"(://[^/\s:@?#]{0,200}):([^/\s@]{1,200})@")
_PEM: Final = re.compile(r"(-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----)((?:[^-]|-(?!----)){1,20000})")
#: A name and what stands between it and a value: `password=`, `"token": `, `token%3D`. Percent-encoded, a name starts
#: after the code of the character before it.
_NAMED: Final = re.compile(
    r"(?:(?<![A-Za-z0-9_.-])|(?<=%[0-9A-Fa-f]{2}))([A-Za-z][A-Za-z0-9_.-]{1,80})"
    r"\\?[\"']?\s{0,4}(?:=>|[=:]|%3[dDaA])\s{0,4}"
)
_VALUE: Final = re.compile(r"\\?\"([^\"]+)|'([^']+)|&quot;([^&]+)|[\[{]([^\]}]+)|([^\s\"'&;,<>]+)")
#: An element of a markup text inside of another text, such as an echoed SOAP request.
_ELEMENT: Final = re.compile(r"<(?:[A-Za-z0-9_.-]{1,80}:)?([A-Za-z][A-Za-z0-9_.-]{1,80})(?:\s[^<>]{0,500})?>([^<]+)")
_CARD: Final = re.compile(r"(?<![\d.-])\d(?:[ -]?\d){13,18}(?![.-]?\d)")
_SCHEME_CHARACTERS_MIN: Final = 13  # `basic ` and 8 characters
_CARD_DIGITS_MIN: Final = 14
_CARD_DIGITS_MAX: Final = 19
#: What is secret in the query or fragment of a URL, wherever the URL stands.
_OF_URL: Final = re.compile(r"(?i)([?&#;](?:code|key|state)=)([^&#;\s\"'<>\\]{1,4096})")


def replace_secrets(text: str, token: Callable[[str], str], hides: Callable[[str], bool] = is_secret) -> str:
    """Plain text with everything that looks like a secret replaced: named values, credentials, keys, card numbers.

    Args:
        text: of any length; the time is linear in it.
        token: what to put for a secret.
        hides: whether values of a name are secrets.
    """
    # Each is looked for only where a character that it needs is there: most texts are names, numbers and times.
    if "-----BEGIN" in text:
        text = _PEM.sub(lambda found: found[1] + token(found[2]), text)
    if _JWT_START in text:
        text = _DOTTED.sub(lambda found: _without_jwts(found[0], token), text)
    if len(text) > _SCHEME_CHARACTERS_MIN and " " in text:
        text = _SCHEME.sub(lambda found: found[1] + found[2] + _unless_word(found[3], token), text)
    if "@" in text:
        text = _USER.sub(lambda found: f"{found[1]}:{token(found[2])}@", text)
    if "=" in text:
        text = _OF_URL.sub(lambda found: found[1] + _once(found[2], token), text)
    if "=" in text or ":" in text or "%3" in text:
        text = _replace_named(text, token, hides)
    if "<" in text:
        text = _ELEMENT.sub(lambda found: _without_content(found, token, hides), text)
    if len(text) >= _CARD_DIGITS_MIN:
        text = _CARD.sub(lambda found: token(found[0]) if _is_card(found[0]) else found[0], text)
    return text


def _once(value: str, token: Callable[[str], str]) -> str:
    """A secret's token; what is one already stays."""
    return value if value.startswith(_TOKEN_START) else token(value)


def _without_jwts(dotted: str, token: Callable[[str], str]) -> str:
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


def _without_content(element: re.Match[str], token: Callable[[str], str], hides: Callable[[str], bool]) -> str:
    """The start of an element, and its text as a token where its name is a secret's."""
    text = element[2]
    if not text.strip() or text.startswith(_TOKEN_START) or not hides(element[1]):
        return element[0]
    return element[0][: -len(text)] + token(text)


def _replace_named(text: str, token: Callable[[str], str], hides: Callable[[str], bool]) -> str:
    """Values behind secret names. A value behind another name is looked at in turn: `failed: password=x`."""
    pieces, done = [], 0
    for named in _NAMED.finditer(text):
        if named.start() < done or not hides(named[1]):
            continue
        value = _VALUE.match(text, named.end())
        if value is None or value[0].startswith(_TOKEN_START):
            continue
        start, end = value.span(value.lastindex or 0)
        pieces += [text[done:start], token(text[start:end].rstrip("\\"))]
        done = end
    return "".join([*pieces, text[done:]]) if pieces else text


def _unless_word(text: str, token: Callable[[str], str]) -> str:
    """`basic understanding` is no credential: those have digits, capitals or padding in them."""
    return text if text.isalpha() and text.islower() else token(text)


def is_card_number(value: int) -> bool:
    """Whether a whole number may be the number of a payment card."""
    text = str(value) if 0 < value < 10**_CARD_DIGITS_MAX else ""
    return len(text) >= _CARD_DIGITS_MIN and _is_card(text)


def _is_card(text: str) -> bool:
    """Luhn's check: one number in ten passes it by accident."""
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = (digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2])  # noqa: PLR2004 - above 4 it has two digits
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
