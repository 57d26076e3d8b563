"""Certificates, key files that are replaced, key services and security modules as signers."""

from __future__ import annotations

import base64
import hashlib
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, pkcs12
from cryptography.x509.oid import NameOID

from tests.tillit.by_hand import PrivateKey, sign
from tests.tillit.conftest import Keys
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import ClientConfig, ConfigError, TokenClient, signers


def name(text: str) -> x509.Name:
    """A distinguished name."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def certificate(key: PrivateKey, by: PrivateKey, subject: str, issuer: str, days: int = 365) -> x509.Certificate:
    """A certificate of `key`, signed `by`."""
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(name(subject))
        .issuer_name(name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=800))
        .not_valid_after(now + timedelta(days=days))
        .sign(by, hashes.SHA256())
    )


@pytest.fixture(scope="session")
def chain(keys: Keys) -> list[x509.Certificate]:
    """Leaf of the RSA key, the authority between, and the root."""
    return [
        certificate(keys.rsa2048, keys.p256, "leaf", "between"),
        certificate(keys.p256, keys.p384, "between", "root"),
        certificate(keys.p384, keys.p384, "root", "root"),
    ]


def encoded(found: x509.Certificate) -> str:
    """A certificate as x5c has it."""
    return base64.b64encode(found.public_bytes(Encoding.DER)).decode()


def p12(path: Path, keys: Keys, chain: list[x509.Certificate]) -> Path:
    """A PKCS#12 file whose chain is in the wrong order."""
    encryption = BestAvailableEncryption(b"pw")
    path.write_bytes(
        pkcs12.serialize_key_and_certificates(b"x", keys.rsa2048, chain[0], [chain[2], chain[1]], encryption)
    )
    return path


def test_pkcs12_sends_leaf_or_chain_or_kid(keys: Keys, chain: list[x509.Certificate], tmp_path: Path) -> None:
    """The leaf alone by default; with the chain in order and without the root; the kid where that is registered."""
    path = p12(tmp_path / "k.p12", keys, chain)
    leaf, between = encoded(chain[0]), encoded(chain[1])
    assert signers.from_pkcs12(path, "pw").header() == {"x5c": [leaf]}
    assert signers.from_pkcs12(path, "pw", send_chain=True).header() == {"x5c": [leaf, between]}
    assert signers.from_pkcs12(path, "pw", kid="k").header() == {"kid": "k"}


def test_pem_with_certificate(keys: Keys, chain: list[x509.Certificate]) -> None:
    """Key and certificates may stand in one PEM text; a certificate of another key is refused."""
    text = keys.pem(keys.rsa2048) + "".join(c.public_bytes(Encoding.PEM).decode() for c in reversed(chain))
    assert signers.from_pem(text, certificate=text).header() == {"x5c": [encoded(chain[0])]}
    with pytest.raises(ConfigError, match="no certificate belongs"):
        signers.from_pem(keys.pem(keys.other_p256), certificate=text)
    with pytest.raises(ConfigError, match="not by both"):
        signers.from_pem(text, certificate=text, kid="k")


def test_pkcs12_that_cannot_work(keys: Keys, chain: list[x509.Certificate], tmp_path: Path) -> None:
    """A wrong password, a missing file and other bytes are errors that quote nothing."""
    path = p12(tmp_path / "k.p12", keys, chain)
    other = tmp_path / "other"
    other.write_bytes(b"s3cret")
    for file in (path, tmp_path / "none", other):
        with pytest.raises(ConfigError) as caught:
            signers.from_pkcs12(file, "s3cret")
        assert "s3cret" not in str(caught.value)


def test_a_chain_too_large_is_refused(keys: Keys, chain: list[x509.Certificate], monkeypatch: Any) -> None:
    """What would not fit in a header is refused when it is loaded."""
    monkeypatch.setattr("tillit.signers.chains.MAX_X5C", 100)
    text = keys.pem(keys.rsa2048) + chain[0].public_bytes(Encoding.PEM).decode()
    with pytest.raises(ConfigError, match="larger"):
        signers.from_pem(text, certificate=text)


def test_a_certificate_that_ends_soon_is_announced(keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    """Thirty days before its end, a warning says so."""
    soon = certificate(keys.rsa2048, keys.p256, "leaf", "between", days=10)
    text = keys.pem(keys.rsa2048) + soon.public_bytes(Encoding.PEM).decode()
    signers.from_pem(text, certificate=text)
    assert "certificate ends" in caplog.text


def test_a_replaced_key_file_gets_a_new_token(
    authority: StubAuthority, keys: Keys, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The old key holds while the file is unreadable, logged once; the new key gets a token of its own."""
    clock = ManualClock()
    path = tmp_path / "key.pem"
    path.write_text(keys.pem(keys.ed25519))
    signer = signers.Rotating(path, monotonic=clock.monotonic)
    client = TokenClient(ClientConfig(authority.issuer, "client-1", signer))
    first = client.get("a:b")
    old = signer.thumbprint

    path.write_text("half a k")
    for _ in range(3):
        clock.advance(2)
        assert client.get("a:b") is first
    assert caplog.text.count("the last key stays in use") == 1

    (tmp_path / "next").write_text(keys.pem(keys.rsa2048))
    (tmp_path / "next").replace(path)
    clock.advance(2)
    authority.client_key = keys.rsa2048
    assert client.get("a:b") is not first
    assert signer.thumbprint != old
    assert authority.assertions[-1]["header"] == {"alg": "RS256", "typ": "JWT", "kid": signer.thumbprint}


def test_key_services_that_answer_in_asn1(keys: Keys) -> None:
    """With der=True the signature is rewritten; without it, one in ASN.1 is refused with the remedy."""

    def service(data: bytes) -> bytes:
        return keys.p256.sign(data, ec.ECDSA(hashes.SHA256()))

    raw = signers.from_callable("ES256", "k", service, der=True).sign(b"x")
    assert len(bytes(raw)) == 64  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="der=True"):
        signers.from_callable("ES256", "k", service).sign(b"x")
    with pytest.raises(ConfigError):
        signers.from_callable("RS256", "k", service, der=True)
    with pytest.raises(ConfigError):
        signers.raw_signature(b"nothing", "ES256")


class FakeError(Exception):
    """What the fake module raises."""


class FakeModule:
    """As much of `pkcs11` as signing takes; it loses its session when told to."""

    def __init__(self, key: PrivateKey) -> None:
        self.key, self.opened, self.lost = key, 0, False
        self.Mechanism = SimpleNamespace(SHA256_RSA_PKCS="rsa", SHA256_RSA_PKCS_PSS="pss", ECDSA="ec", SHA256="s")
        self.MGF = SimpleNamespace(SHA256="mgf")
        self.ObjectClass = SimpleNamespace(PRIVATE_KEY="private")
        self.exceptions = SimpleNamespace(PKCS11Error=FakeError)

    def lib(self, path: str) -> FakeModule:
        assert path == "/lib/module.so"
        return self

    def get_token(self, token_label: str) -> FakeModule:
        assert token_label == "token"
        return self

    def open(self, user_pin: str) -> FakeModule:
        assert user_pin == "1234"
        self.opened, self.lost = self.opened + 1, False
        return self

    def get_key(self, object_class: str, label: str) -> FakeModule:
        assert (object_class, label) == ("private", "signing")
        return self

    def close(self) -> None:
        raise FakeError

    def sign(self, data: bytes, mechanism: str, mechanism_param: object = None) -> bytes:
        if self.lost:
            raise FakeError
        if mechanism == "ec":
            assert len(data) == 32
            self.digest = data
            return b"r" * 32 + b"s" * 32
        assert isinstance(self.key, rsa.RSAPrivateKey)
        return sign(self.key, "PS256" if mechanism == "pss" else "RS256", data)


def in_module(monkeypatch: pytest.MonkeyPatch, key: PrivateKey, alg: str) -> tuple[FakeModule, signers.Pkcs11Signer]:
    """A signer whose key is in a fake module."""
    fake = FakeModule(key)
    monkeypatch.setitem(sys.modules, "pkcs11", fake)
    signer = signers.from_pkcs11(
        "/lib/module.so", token_label="token", pin="1234", alg=alg, kid="k", key_label="signing"
    )
    return fake, signer


def test_pkcs11_signs_and_opens_its_session_again(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """One session for many signatures; another when it is lost; ECDSA gets the digest."""
    fake, signer = in_module(monkeypatch, keys.rsa2048, "RS256")
    public = keys.rsa2048.public_key()
    for _ in range(2):
        public.verify(signer.sign(b"x"), b"x", padding.PKCS1v15(), hashes.SHA256())
    assert fake.opened == 1
    fake.lost = True
    public.verify(signer.sign(b"x"), b"x", padding.PKCS1v15(), hashes.SHA256())
    assert fake.opened == 2
    assert "1234" not in repr(signer)

    fake, signer = in_module(monkeypatch, keys.p256, "ES256")
    signer.sign(b"x")
    assert fake.digest == hashlib.sha256(b"x").digest()


def test_pkcs11_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error names it."""
    monkeypatch.setitem(sys.modules, "pkcs11", None)
    with pytest.raises(ConfigError, match=r"tillit\[pkcs11\]"):
        signers.from_pkcs11("/m", token_label="t", pin=None, alg="RS256", kid="k", key_label="x")
