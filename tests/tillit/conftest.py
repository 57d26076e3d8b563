"""Keys are made once; every test has an authority and a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support import servers
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import ClientConfig, RetryPolicy, signers


@dataclass(frozen=True)
class Keys:
    """One key of each kind."""

    rsa2048: rsa.RSAPrivateKey
    p256: ec.EllipticCurvePrivateKey
    p384: ec.EllipticCurvePrivateKey
    ed25519: Ed25519PrivateKey
    other_p256: ec.EllipticCurvePrivateKey

    @staticmethod
    def pem(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | Ed25519PrivateKey) -> str:
        """The private key as PEM."""
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="session")
def keys() -> Keys:
    return Keys(
        rsa.generate_private_key(65537, 2048),
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        Ed25519PrivateKey.generate(),
        ec.generate_private_key(ec.SECP256R1()),
    )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def authority(keys: Keys, clock: ManualClock) -> Iterator[StubAuthority]:
    with StubAuthority(keys.ed25519, keys.p256, clock) as stub:
        yield stub


@pytest.fixture
def config(authority: StubAuthority, keys: Keys) -> ClientConfig:
    return ClientConfig(authority.issuer, "client-1", signers.from_pem(keys.pem(keys.ed25519), kid="k1"))


@pytest.fixture
def at_once() -> RetryPolicy:
    return RetryPolicy(attempts=3, base=0.0, cap=0.0)


@pytest.fixture(scope="session")
def valkey() -> Iterator[servers.ValkeyServer]:
    """A running Valkey."""
    with servers.valkey() as server:
        yield server
