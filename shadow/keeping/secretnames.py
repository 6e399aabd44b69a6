"""Which names say that a value is a secret.

Names are matched by their words, however they are written: `accessToken`, `access_token`, `Access-Token` and
`x-access-token` are one. A name that is matched wrongly costs a look at a value; one that is missed costs a secret, so
that what is in doubt is redacted. `compare.redact` adds to it, nothing takes away from it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

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

#: Longest name that is looked at.
_NAME_CHARACTERS_MAX: Final = 200
_SPLIT: Final = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


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
