"""The certificates of one run: an authority of its own, the server's certificate, and clients' on demand.

Keys live in memory; they touch the disk only while OpenSSL reads them, in a folder that nobody else can open.
"""

from __future__ import annotations

import datetime
import ipaddress
import ssl
import tempfile
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = datetime.timedelta(days=365)
CLOCKS_DIFFER = datetime.timedelta(minutes=5)  # a client whose clock is a little behind still believes us
SERVICE_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local")
SERVICE_ADDRESS = "10.96.0.1"


PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey


class Authority:
    """A certificate authority that lives as long as the server."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = _name("controlplane")
        self._certificate = (
            _builder(name, name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def pem(self) -> bytes:
        """The authority's certificate: what clients trust."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def server(self, hosts: list[str]) -> tuple[bytes, bytes]:
        """(certificate, key) for a server that is called by these names and addresses."""
        names: list[x509.GeneralName] = []
        for host in dict.fromkeys(hosts):
            try:
                names.append(x509.IPAddress(ipaddress.ip_address(host)))
            except ValueError:
                names.append(x509.DNSName(host))
        return self._issue("kube-apiserver", (), ExtendedKeyUsageOID.SERVER_AUTH, names)

    def client(self, user: str, groups: tuple[str, ...] = ()) -> tuple[bytes, bytes]:
        """(certificate, key) with which a client is `user`, a member of `groups`."""
        return self._issue(user, groups, ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def sign(self, public_key: PublicKey, subject: x509.Name) -> bytes:
        """A client's certificate for a key that we never see (a CertificateSigningRequest)."""
        return self._sign(public_key, subject, ExtendedKeyUsageOID.CLIENT_AUTH, [])

    def _issue(
        self, user: str, groups: tuple[str, ...], purpose: x509.ObjectIdentifier, names: list[x509.GeneralName]
    ) -> tuple[bytes, bytes]:
        key = ec.generate_private_key(ec.SECP256R1())
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return self._sign(key.public_key(), _name(user, groups), purpose, names), secret

    def _sign(
        self,
        public_key: PublicKey,
        subject: x509.Name,
        purpose: x509.ObjectIdentifier,
        names: list[x509.GeneralName],
    ) -> bytes:
        builder = (
            _builder(subject, self._certificate.subject, public_key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def context(authority: Authority, host: str) -> ssl.SSLContext:
    """What the server speaks TLS with: it shows its certificate, and reads a client's if there is one."""
    hosts = ["localhost", "127.0.0.1", "::1", *SERVICE_NAMES, SERVICE_ADDRESS]
    if host not in ("0.0.0.0", "::"):
        hosts.append(host)
    certificate, key = authority.server(hosts)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_2
    with tempfile.TemporaryDirectory() as folder:  # made with mode 0700
        path = Path(folder) / "server.pem"
        path.write_bytes(certificate + key)
        tls.load_cert_chain(path)
    tls.load_verify_locations(cadata=authority.pem.decode())
    tls.verify_mode = ssl.CERT_OPTIONAL
    tls.set_alpn_protocols(["http/1.1"])
    return tls


def _builder(subject: x509.Name, issuer: x509.Name, key: PublicKey) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_DIFFER)
        .not_valid_after(now + VALID)
    )


def _name(user: str, groups: tuple[str, ...] = ()) -> x509.Name:
    """A user's name is the certificate's common name, the groups are its organizations."""
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in groups]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
