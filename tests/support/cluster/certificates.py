"""A certificate authority for a test cluster, and the certificates of its servers and users."""

import ipaddress
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SERVES, ASKS = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH


def private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def subject(name: str, groups: Sequence[str] = ()) -> x509.Name:
    """A Kubernetes user as a subject: its name is the common name, its groups are organisations."""
    organisations = [x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.ORGANIZATION_NAME, g)]) for g in groups]
    with warnings.catch_warnings():
        # the library counts to 64, as X.520 does; the API server does not, and names of service accounts are longer
        warnings.simplefilter("ignore", UserWarning)
        common = x509.NameAttribute(NameOID.COMMON_NAME, name, _validate=False)
    return x509.Name([*organisations, x509.RelativeDistinguishedName([common])])


def request(name: str, groups: Sequence[str] = ()) -> tuple[bytes, bytes]:
    """A certificate signing request of a user, and its private key, both PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    wanted = x509.CertificateSigningRequestBuilder().subject_name(subject(name, groups)).sign(key, hashes.SHA256())
    return wanted.public_bytes(Encoding.PEM), private_pem(key)


def key_pair(private: Path, public: Path) -> None:
    """The pair of keys that signs service accounts' tokens."""
    key = ec.generate_private_key(ec.SECP256R1())
    private.write_bytes(private_pem(key))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


class Authority:
    """One that lives in memory, a day long."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = subject("rostersync-test-ca")
        builder = self._builder(self._name, self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._certificate = builder.add_extension(_usage(signs=True), critical=True).sign(self._key, hashes.SHA256())
        self.pem = self._certificate.public_bytes(Encoding.PEM)

    def issue(
        self, name: str, groups: Sequence[str] = (), *, use: x509.ObjectIdentifier = ASKS, hosts: Sequence[str] = ()
    ) -> tuple[bytes, bytes]:
        """A certificate and its private key, both PEM: of a user, or with `use=SERVES` of a server at these hosts."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(subject(name, groups), key).add_extension(_usage(signs=False), critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        if hosts:
            builder = builder.add_extension(x509.SubjectAlternativeName([_host(h) for h in hosts]), critical=False)
        return builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM), private_pem(key)

    def _builder(self, who: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now, mine = datetime.now(UTC), self._key.public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(who)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            # Python 3.13 refuses certificates without it
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(mine), critical=False)
        )


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


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
