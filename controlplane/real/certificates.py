"""The certificates that the Ingress controller shows, by the name that a client asks for (SNI)."""

from __future__ import annotations

import datetime
import ssl
import tempfile

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

FAKE = "Kubernetes Ingress Controller Fake Certificate"  # what ingress-nginx shows where it has no better one

Pair = tuple[bytes, bytes]  # (certificates, key), both PEM


class Certificates:
    """`context` serves them all."""

    def __init__(self) -> None:
        self.context = _context(self_signed(FAKE))
        self.context.sni_callback = self._choose
        self._pairs: dict[str, Pair] = {}
        self._contexts: dict[str, ssl.SSLContext] = {}

    def update(self, pairs: dict[str, Pair]) -> None:
        """The certificates from now on, by host; "*.shop.example" is for all names below it.

        One that cannot be read is passed over, as ingress-nginx does.
        """
        for host in [host for host in self._contexts if pairs.get(host) != self._pairs.get(host)]:
            del self._contexts[host]
        for host, pair in pairs.items():
            if host not in self._contexts:
                try:
                    self._contexts[host] = _context(pair)
                except (ssl.SSLError, ValueError):
                    continue
        for host in [host for host in self._contexts if host not in pairs]:
            del self._contexts[host]
        self._pairs = dict(pairs)

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, name: str | None, context: ssl.SSLContext) -> None:
        host = (name or "").lower()
        found = self._contexts.get(host) or self._contexts.get("*." + host.partition(".")[2])
        if found is not None:
            connection.context = found


def _context(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.NamedTemporaryFile() as file:  # 0600, and gone at once: OpenSSL reads files only
        file.write(b"\n".join(pair))
        file.flush()
        context.load_cert_chain(file.name, password="")  # never asks the terminal for one
    return context


def self_signed(common_name: str) -> Pair:
    """A certificate that nobody has to trust."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=365))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("ingress.local")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return certificate.public_bytes(pem), key.private_bytes(pem, form, plain)
