from __future__ import annotations

import datetime as dt
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from proxy.hop.tls import TlsError, client_context, server_context
from routes.config import ListenTls, ServiceTls
from support.authority import Authority


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def listen_tls(*pairs, client_ca=None):
    certificates = [{"certificate": str(certificate), "key": str(key)} for certificate, key in pairs]
    return ListenTls.model_validate({"certificates": certificates, "client_ca": client_ca and str(client_ca)})


def service_tls(**settings):
    return ServiceTls.model_validate(
        {key: str(value) if isinstance(value, Path) else value for key, value in settings.items()}
    )


def trusting(authority, *, alpn=("h2", "http/1.1")):
    context = ssl.create_default_context(cafile=str(authority.file))
    context.set_alpn_protocols(list(alpn))
    return context


class Met:
    """What a client saw of a handshake over a real connection."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        certificate = connection.getpeercert() or {}
        self.names = {value for _, value in certificate.get("subjectAltName", ())}
        self.alpn = connection.selected_alpn_protocol()
        self.version = connection.version()


def meet(server: ssl.SSLContext, client: ssl.SSLContext, name: str | None) -> Met:
    """Connects over the loopback, exchanges a byte each way (TLS 1.3 refuses client certificates late), hangs up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        accepted, _ = listener.accept()
        with accepted:
            try:
                with server.wrap_socket(accepted, server_side=True) as connection:
                    connection.sendall(connection.recv(1))
            except OSError:
                pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with (
            socket.create_connection(listener.getsockname(), timeout=5) as raw,
            client.wrap_socket(raw, server_hostname=name) as connection,
        ):
            connection.sendall(b"x")
            if connection.recv(1) != b"x":
                raise ConnectionResetError
            return Met(connection)
    finally:
        thread.join(5)
        listener.close()


def anonymous() -> ssl.SSLContext:
    """A client that verifies the chain, but no name, and sends no SNI."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    return context


# Towards clients


def test_each_host_gets_its_certificate(authority):
    server = server_context(
        listen_tls(
            authority.issue("default.example"),
            authority.issue("*.shop.example"),
            authority.issue("Api.shop.example", "other.example"),
        )
    )
    client = trusting(authority)
    assert meet(server, client, "default.example").names == {"default.example"}
    assert meet(server, client, "www.shop.example").names == {"*.shop.example"}
    assert "other.example" in meet(server, client, "api.shop.example").names, "an exact name wins over a wildcard"
    assert "other.example" in meet(server, client, "API.Shop.Example").names
    assert "other.example" in meet(server, client, "other.example").names


def test_unknown_and_missing_hosts_get_the_first_certificate(authority):
    server = server_context(listen_tls(authority.issue("default.example"), authority.issue("*.shop.example")))
    client = trusting(authority)
    client.check_hostname = False
    assert meet(server, client, "unknown.example").names == {"default.example"}
    assert meet(server, client, "a.b.shop.example").names == {"default.example"}, "a wildcard stands for one label"
    assert meet(server, client, "shop.example").names == {"default.example"}
    assert meet(server, client, None).names == {"default.example"}


def test_only_http_1_1_is_offered_by_alpn_for_every_certificate(authority):
    server = server_context(listen_tls(authority.issue("one.example"), authority.issue("two.example")))
    for name in ("one.example", "two.example"):
        assert meet(server, trusting(authority), name).alpn == "http/1.1"
        assert meet(server, trusting(authority, alpn=["h2"]), name).alpn is None


def test_nothing_older_than_tls_1_2_is_spoken(authority):
    server = server_context(listen_tls(authority.issue("one.example")))
    for version, text in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        client = trusting(authority)
        client.minimum_version = client.maximum_version = version
        assert meet(server, client, "one.example").version == text
    assert server.minimum_version is ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("name", ["one.example", "two.example", "unknown.example"])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_client_ca_is_demanded_whatever_host_is_asked_for(authority, tmp_path, name, version):
    clients, strangers = Authority(tmp_path, "clients"), Authority(tmp_path, "strangers")
    server = server_context(
        listen_tls(authority.issue("one.example"), authority.issue("two.example"), client_ca=clients.file)
    )

    def client(*pair):
        context = trusting(authority)
        context.check_hostname = False
        context.minimum_version = context.maximum_version = version
        if pair:
            context.load_cert_chain(*pair)
        return context

    assert meet(server, client(*clients.issue("app.example")), name)
    with pytest.raises(OSError, match=r"certificate required|handshake failure|reset|unknown ca|EOF|^$"):
        meet(server, client(), name)
    with pytest.raises(OSError, match=r"unknown ca|reset|EOF|^$"):
        meet(server, client(*strangers.issue("app.example")), name)


def test_an_expired_certificate_is_used_and_named_in_a_warning(authority):
    with capture_logs() as events:
        server = server_context(
            listen_tls(authority.issue("one.example", expired=True), authority.issue("two.example"))
        )
    expired = [event for event in events if event["event"] == "tls.certificate.expired"]
    assert len(expired) == 1
    assert expired[0]["file"].endswith("one.example-expired.crt")
    assert expired[0]["log_level"] == "warning"
    client = trusting(authority)
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        meet(server, client, "one.example")
    assert meet(server, client, "two.example").names == {"two.example"}


def test_a_certificate_that_ends_soon_or_has_not_begun_is_named_in_a_warning(authority):
    pair = authority.issue("one.example")  # from two days ago until tomorrow
    now = dt.datetime.now(dt.UTC).timestamp()
    for days, event in ((0, "tls.certificate.expiring"), (-30, "tls.certificate.not_yet_valid")):
        with capture_logs() as events:
            server_context(listen_tls(pair), clock=lambda days=days: now + days * 86400)
        assert [entry["event"] for entry in events] == [event]


# Files that cannot be used


def broken(error: pytest.ExceptionInfo[TlsError], file: Path, *words: str) -> None:
    text = str(error.value)
    assert text.startswith(f"{file}: "), text
    assert error.value.file == file
    for word in words:
        assert word in text


def test_a_missing_file_is_named(authority, tmp_path):
    certificate, key = authority.issue("one.example")
    missing = tmp_path / "missing.pem"
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((missing, key)))
    broken(error, missing, "No such file", "check the path")
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((certificate, missing)))
    broken(error, missing, "the key cannot be read")
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((certificate, key), client_ca=missing))
    broken(error, missing, "authority")
    with pytest.raises(TlsError) as error:
        client_context(service_tls(ca=missing))
    broken(error, missing, "authority")


def test_a_key_of_another_certificate_is_named(authority):
    certificate, _ = authority.issue("one.example")
    _, key = authority.issue("two.example")
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((certificate, key)))
    broken(error, key, "does not belong to", str(certificate))


def test_swapped_files_are_recognised(authority):
    certificate, key = authority.issue("one.example")
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((key, certificate)))
    broken(error, key, "swap")


def test_files_that_are_not_pem_are_named(authority, tmp_path):
    certificate, key = authority.issue("one.example")
    der = tmp_path / "one.der"
    der.write_bytes(
        ssl.PEM_cert_to_DER_cert(
            certificate.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
        )
    )
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((der, key)))
    broken(error, der, "no PEM certificate", "openssl x509 -inform der")
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((certificate, der)))
    broken(error, der, "no PEM private key")
    with pytest.raises(TlsError) as error:
        client_context(service_tls(ca=der))
    broken(error, der, "no PEM certificate")


def test_damaged_pem_is_named(authority, tmp_path):
    certificate, key = authority.issue("one.example")
    damaged = tmp_path / "damaged.pem"
    damaged.write_bytes(certificate.read_bytes()[:200] + b"!!!" + certificate.read_bytes()[203:])
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((damaged, key)))
    broken(error, damaged, "OpenSSL refuses")
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((certificate, key), client_ca=damaged))
    broken(error, damaged, "OpenSSL refuses the authority")


def test_an_encrypted_key_is_refused_and_nothing_is_asked_on_the_terminal(authority, tmp_path):
    certificate, key = authority.issue("one.example")
    encrypted = tmp_path / "encrypted.key"
    subprocess.run(
        ["openssl", "pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", encrypted],
        check=True,
        capture_output=True,
    )
    with pytest.raises(TlsError) as error:
        server_context(listen_tls((certificate, encrypted)))
    broken(error, encrypted, "encrypted", "openssl pkey")


# Towards services


def test_a_service_is_verified_by_chain_and_name(authority, tmp_path):
    server = authority.server_context("orders.internal")
    client = client_context(service_tls(ca=authority.file))
    assert meet(server, client, "orders.internal").alpn is None
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        meet(server, client, "other.internal")
    for settings in ({}, {"ca": Authority(tmp_path, "other").file}):
        with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
            meet(server, client_context(service_tls(**settings)), "orders.internal")
    with pytest.raises(ssl.SSLCertVerificationError, match="expired"):
        meet(authority.server_context("orders.internal", expired=True), client, "orders.internal")


def test_a_service_is_offered_http_1_1(authority):
    server = authority.server_context("orders.internal")
    server.set_alpn_protocols(["h2", "http/1.1"])
    assert meet(server, client_context(service_tls(ca=authority.file)), "orders.internal").alpn == "http/1.1"


def test_a_client_certificate_is_shown_to_a_service_that_asks(authority):
    server = authority.server_context("orders.internal", asks_client=True)
    certificate, key = authority.issue("proxy.internal")
    with capture_logs() as events:
        client = client_context(service_tls(ca=authority.file, certificate=certificate, key=key))
    assert [event["event"] for event in events] == ["tls.certificate.expiring"], "it was read: it ends tomorrow"
    assert meet(server, client, "orders.internal")
    with pytest.raises(OSError, match=r"certificate required|reset|EOF|^$"):
        meet(server, client_context(service_tls(ca=authority.file)), "orders.internal")


def test_verify_false_accepts_anything_and_says_so_once(authority):
    with capture_logs() as events:
        client = client_context(service_tls(verify=False), service="orders")
    assert [(event["event"], event["service"]) for event in events] == [("tls.verification.disabled", "orders")]
    assert meet(authority.server_context("other.internal", expired=True), client, "orders.internal")


def test_a_self_signed_certificate_for_clients_only_is_used_and_named_in_a_warning(tmp_path):
    """What cannot be read serves as the default certificate, as it would anywhere else."""
    certificate, key = tmp_path / "odd.crt", tmp_path / "odd.key"
    subprocess.run(
        [
            *(
                "openssl",
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
                "-nodes",
                "-days",
                "90",
            ),
            *(
                "-subj",
                "/CN=odd.example",
                "-addext",
                "extendedKeyUsage=clientAuth",
                "-keyout",
                key,
                "-out",
                certificate,
            ),
        ],
        check=True,
        capture_output=True,
    )
    with capture_logs() as events:
        server = server_context(listen_tls((certificate, key)))
    assert [event["event"] for event in events] == ["tls.certificate.unusable"]
    assert "purpose" in events[0]["reason"]
    anyone = anonymous()
    anyone.verify_mode = ssl.CERT_NONE
    assert meet(server, anyone, None)


def test_certificates_of_other_key_types_are_read(authority, tmp_path):
    rsa = authority.ca.issue_cert("rsa.example", key_type=trustme.KeyType.RSA)
    certificate, key = tmp_path / "rsa.crt", tmp_path / "rsa.key"
    certificate.write_bytes(b"".join(part.bytes() for part in rsa.cert_chain_pems))
    rsa.private_key_pem.write_to_path(key)
    server = server_context(listen_tls(authority.issue("one.example"), (certificate, key)))
    assert meet(server, trusting(authority), "rsa.example").names == {"rsa.example"}
