"""Where the proxy listens."""

from __future__ import annotations

from pydantic import Field

from routes.config.address import Address, split_address
from routes.config.part import FilePath, Part


class Certificate(Part):
    """A certificate that the proxy shows to clients, and its key."""

    certificate: FilePath
    """PEM file with the certificate and the chain after it. Its names decide for which hosts (SNI) it is shown."""
    key: FilePath
    """PEM file with the private key of the certificate, not encrypted."""


class ListenTls(Part):
    """TLS of a listening address. TLS 1.2 and 1.3, ALPN `http/1.1`."""

    certificates: list[Certificate] = Field(min_length=1)
    """One or more certificates, chosen by the host that the client asks for (SNI). The first is shown to clients that
    ask for no host or an unknown one."""
    client_ca: FilePath | None = None
    """PEM file with the authorities whose client certificates are accepted. Where set, a client without such a
    certificate cannot connect. Default: clients need none."""


class Listen(Part):
    """One address that the proxy listens on."""

    address: Address
    """`host:port`, such as `0.0.0.0:8080` or `[::1]:8080`. Port 0 takes any free one."""
    tls: ListenTls | None = None
    """Serve HTTPS here. Default: plain HTTP."""

    @property
    def host(self) -> str:
        """The host of the address, IPv6 without brackets."""
        return split_address(self.address)[0]

    @property
    def port(self) -> int:
        """The port of the address; 0 is any free one."""
        return split_address(self.address)[1]
