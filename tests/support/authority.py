"""Certificates for tests: an authority, and what it signed, as files and as contexts."""

from __future__ import annotations

import datetime as dt
import ssl
from pathlib import Path

import trustme


class Authority:
    """A certificate authority whose files live in a folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self.ca = trustme.CA()
        self.file = folder / f"{name}.pem"
        self.ca.cert_pem.write_to_path(self.file)

    def issue(self, *names: str, expired: bool = False) -> tuple[Path, Path]:
        """The files (certificate chain, key) of a new certificate for these names."""
        now = dt.datetime.now(dt.UTC)
        ends = now - dt.timedelta(days=1) if expired else now + dt.timedelta(days=1)
        begins = now - dt.timedelta(days=2)
        made = self.ca.issue_cert(*names, common_name=names[0], not_before=begins, not_after=ends)
        stem = f"{self.file.stem}-{names[0].replace('*', 'any')}{'-expired' if expired else ''}"
        certificate, key = self.folder / f"{stem}.crt", self.folder / f"{stem}.key"
        certificate.write_bytes(b"".join(part.bytes() for part in made.cert_chain_pems))
        made.private_key_pem.write_to_path(key)
        return certificate, key

    def server_context(self, *names: str, expired: bool = False, asks_client: bool = False) -> ssl.SSLContext:
        """A server's context with a certificate for these names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.issue(*names, expired=expired))
        if asks_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.file)
        return context
