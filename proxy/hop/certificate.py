"""Loads a certificate with its key into a TLS context, and finds out what it says: its names, and when it ends.

The standard library decodes only a peer's certificate, and only one that it has verified. So the certificate is shown
in a handshake within this process, over memory buffers, to a context that trusts exactly that certificate, whatever
its dates. This uses no private function and no further dependency, and it proves that certificate and key can carry
out a handshake before a client has to find out that they cannot.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import structlog

_CERTIFICATE_MARK: Final = b"-----BEGIN CERTIFICATE-----"
_KEY_MARKS: Final = (b"PRIVATE KEY-----",)
_NO_CHECK_TIME: Final = 0x200000  # X509_V_FLAG_NO_CHECK_TIME of openssl/x509_vfy.h; the ssl module has no name for it
_EXPIRES_SOON_S: Final = 14 * 86400.0
_ROUNDS_MAX: Final = 10

log = structlog.get_logger(__name__)


class TlsError(Exception):
    """A certificate, key or authority file cannot be used.

    Attributes:
        file: the file that is to blame.
        reason: what is wrong with it.
        hint: what to do.
    """

    def __init__(self, file: Path, reason: str, hint: str) -> None:
        self.file = file
        self.reason = reason
        self.hint = hint
        super().__init__(file, reason, hint)

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}; {self.hint}"


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What a certificate says.

    Attributes:
        names: its DNS names in lower case, exact or `*.example`; empty where it could not be read.
        begins_at: seconds since the epoch, None where unknown.
        ends_at: seconds since the epoch, None where unknown.
    """

    names: tuple[str, ...]
    begins_at: float | None = None
    ends_at: float | None = None


def read_pem(file: Path, what: str) -> bytes:
    """The bytes of a PEM file.

    Raises:
        TlsError: it cannot be read.
    """
    try:
        return file.read_bytes()
    except OSError as error:
        reason = f"the {what} cannot be read ({error.strerror or error})"
        raise TlsError(file, reason, "check the path and that the proxy's user may read it") from error


def load_certificate(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Loads the chain and its key into the context.

    Raises:
        TlsError: a file cannot be read, is not PEM, is encrypted, or the two do not belong together.
    """
    chain = read_pem(certificate, "certificate")
    if _CERTIFICATE_MARK not in chain:
        hint = "it holds a private key: swap certificate and key" if _has_key(chain) else _hint_for_der("x509")
        raise TlsError(certificate, "there is no PEM certificate in it", hint)
    if not _has_key(read_pem(key, "key")):
        raise TlsError(key, "there is no PEM private key in it", _hint_for_der("pkey"))
    try:
        context.load_cert_chain(certificate, key, password=_refuse_password)
    except _EncryptedKeyError as error:
        hint = (
            "write it without a passphrase: openssl pkey -in KEY -out PLAIN_KEY, and let only the proxy's user read it"
        )
        raise TlsError(key, "the private key is encrypted", hint) from error
    except ssl.SSLError as error:
        raise _translated(error, certificate, key) from error
    except OSError as error:
        reason = f"the certificate cannot be read ({error.strerror or error})"
        raise TlsError(certificate, reason, "check the files") from error


def inspect_certificate(
    certificate: Path,
    key: Path,
    role: Literal["server", "client"],
    clock: Callable[[], float] = time.time,
) -> CertificateFacts:
    """Reads what a certificate says, and logs a warning where it is expired or soon will be.

    Args:
        certificate: file with the chain; `load_certificate` has accepted it.
        key: file with its key.
        role: who shows it.
        clock: seconds since the epoch.
    """
    try:
        decoded = _shown_to_ourselves(certificate, key, role)
    except (ssl.SSLError, OSError, ValueError) as error:
        reason = getattr(error, "verify_message", None) or getattr(error, "reason", None) or str(error)
        log.warning("tls.certificate.unusable", file=str(certificate), reason=reason)
        return CertificateFacts(())
    facts = CertificateFacts(
        tuple(value.lower() for kind, value in decoded.get("subjectAltName", ()) if kind == "DNS"),
        _seconds(decoded.get("notBefore")),
        _seconds(decoded.get("notAfter")),
    )
    _warn_about_dates(facts, certificate, decoded, clock())
    return facts


def _warn_about_dates(facts: CertificateFacts, certificate: Path, decoded: dict[str, Any], now: float) -> None:
    if facts.ends_at is not None and facts.ends_at <= now:
        log.warning("tls.certificate.expired", file=str(certificate), not_after=decoded["notAfter"])
    elif facts.ends_at is not None and facts.ends_at - now < _EXPIRES_SOON_S:
        log.warning("tls.certificate.expiring", file=str(certificate), not_after=decoded["notAfter"])
    if facts.begins_at is not None and facts.begins_at > now:
        log.warning("tls.certificate.not_yet_valid", file=str(certificate), not_before=decoded["notBefore"])


def _shown_to_ourselves(certificate: Path, key: Path, role: str) -> dict[str, Any]:
    """The certificate as the other side of a handshake sees it."""
    protocols = (ssl.PROTOCOL_TLS_SERVER, ssl.PROTOCOL_TLS_CLIENT)
    shower, reader = map(ssl.SSLContext, protocols if role == "server" else reversed(protocols))
    # Whoever acts as the server must show a certificate: where that is the reader, nobody looks at it.
    for context in (shower, reader):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        load_certificate(context, certificate, key)
    reader.verify_mode = ssl.CERT_REQUIRED
    reader.load_verify_locations(certificate)
    reader.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | ssl.VerifyFlags(_NO_CHECK_TIME)
    to_reader, to_shower = ssl.MemoryBIO(), ssl.MemoryBIO()
    looks = reader.wrap_bio(to_reader, to_shower, server_side=role == "client")
    shows = shower.wrap_bio(to_shower, to_reader, server_side=role == "server")
    done: set[ssl.SSLObject] = set()
    for _ in range(_ROUNDS_MAX):
        for side in (looks, shows):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
        if looks in done:
            return dict(looks.getpeercert() or {})
    raise ValueError("the handshake does not end")


class _EncryptedKeyError(Exception):
    """OpenSSL asked for a passphrase; without this it would ask on the terminal."""


def _refuse_password() -> str:
    raise _EncryptedKeyError


def _has_key(pem: bytes) -> bool:
    return any(mark in pem for mark in _KEY_MARKS)


def _hint_for_der(tool: str) -> str:
    return f"where it is DER, convert it: openssl {tool} -inform der -in FILE -out FILE.pem"


def _translated(error: ssl.SSLError, certificate: Path, key: Path) -> TlsError:
    reason = error.reason or str(error)
    if reason == "KEY_VALUES_MISMATCH":
        return TlsError(
            key, f"the key does not belong to the certificate {certificate}", "name the key it was issued for"
        )
    if "KEY_TOO_SMALL" in reason or "MD_TOO_WEAK" in reason:
        return TlsError(
            certificate, f"it is too weak for TLS ({reason})", "have it issued anew with a larger key and SHA-256"
        )
    return TlsError(
        certificate, f"OpenSSL refuses it or its key {key} ({reason})", "check both with openssl x509 and openssl pkey"
    )


def _seconds(text: str | None) -> float | None:
    return None if text is None else ssl.cert_time_to_seconds(text)
