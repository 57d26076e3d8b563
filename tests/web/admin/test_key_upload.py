"""Keys as people and tools hand them in: JWK, PEM and certificate, each judged before a library sees it."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from secrets import randbits
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from joserfc.jwk import RSAKey

from authserver.oauth.errors import Refusal
from authserver.oauth.jwk import accept
from tests.support.http import Answer
from tests.support.keys import KeyPair, make_key
from tests.web.admin.conftest import NewTool, Tool

YEAR = 365 * 24 * 3600
DAY = 24 * 3600


@pytest.fixture
def path(tool: Tool) -> str:
    """A client of the tool's, without a key, by its path below the API's version."""
    return f"/clients/{tool.call('POST', '/clients', {'scopes': []}).json['client_id']}"


def certificate(key: KeyPair, days: int, *, began: int = 1) -> str:
    """A certificate over a key, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "An organisation")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=began))
        .not_valid_after(now + timedelta(days=days))
    )
    assert isinstance(key.private, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    signed = built.sign(key.private, hashes.SHA256())
    return signed.public_bytes(Encoding.PEM).decode("ascii")


def upload(tool: Tool, path: str, pasted: str) -> Answer:
    """Paste a key."""
    return tool.call("POST", f"/api/v2{path}/key", pasted)


@pytest.mark.parametrize("alg", ["RS256", "ES256", "ES384", "Ed25519"])
def test_a_pem_public_key_is_taken(tool: Tool, path: str, alg: str) -> None:
    """Its kid is its thumbprint, it ends in a year, and is read back as the JWK of the same key."""
    pair = make_key(alg)
    answer = upload(tool, path, f"\n{pair.public_pem}\n")
    assert answer.status == 200, answer.body
    key = answer.json
    members = {name: value for name, value in pair.jwk.items() if name not in {"kid", "alg", "use"}}
    assert {name: key[name] for name in members} == members
    assert (key["alg"], key["use"], len(key["kid"])) == (alg, "sig", 43)
    assert abs(key["exp"] - time.time() - YEAR) < DAY
    assert tool.call("GET", f"/api/v1{path}/jwks/{key['kid']}").json == key


@pytest.mark.parametrize(("alg", "days"), [("RS256", 90), ("ES256", 1000)])
def test_a_certificate_gives_its_key_and_its_end(tool: Tool, path: str, alg: str, days: int) -> None:
    """The key ends with the certificate, or in a year if that is earlier."""
    pair = make_key(alg)
    answer = upload(tool, path, certificate(pair, days))
    assert answer.status == 200, answer.body
    assert answer.json["kty"] == pair.jwk["kty"]
    assert abs(answer.json["exp"] - time.time() - min(days * DAY, YEAR)) < DAY
    assert "x5c" not in answer.json


def test_an_uploaded_key_gets_tokens(new_tool: NewTool) -> None:
    """A key that was pasted as PEM signs for its client at once, and no more once it is removed."""
    tool, pair = new_tool(), make_key("RS256")
    kid = upload(tool, f"/clients/{tool.client.id}", pair.public_pem).json["kid"]
    claims = tool.client.claims()

    def ask() -> Answer:
        grant = pair.jwt({**claims, "jti": str(time.monotonic_ns())}, kid=kid)
        return tool.authority.post({"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": grant})

    assert ask().status == 200
    assert tool.call("DELETE", f"/clients/{tool.client.id}/jwks/{kid}").status == 200
    assert ask().refusal == (400, "invalid_grant", "AS-103")


def test_the_same_key_pasted_again_is_renewed(tool: Tool, path: str) -> None:
    """There is one key afterwards, with the later end."""
    pair = make_key("RS256")
    first = upload(tool, path, certificate(pair, 30)).json
    again = upload(tool, path, pair.public_pem).json
    assert again["kid"] == first["kid"]
    assert again["exp"] > first["exp"]
    assert len(tool.call("GET", f"{path}/jwks").json["keys"]) == 1


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "not a key",
        "{",
        "[]",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----\n" + "A" * 20_000,
        "-----BEGIN CERTIFICATE-----\næøå\n-----END CERTIFICATE-----",
    ],
)
def test_what_is_no_key_is_refused(tool: Tool, path: str, pasted: str) -> None:
    """In the body that tools read, and nothing is registered."""
    answer = upload(tool, path, pasted)
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")
    assert answer.json["errors"][0]["errorMessage"]
    assert tool.call("GET", f"{path}/jwks").json["keys"] == []


def test_a_certificate_with_its_private_key_or_past_its_end_is_refused(tool: Tool, path: str) -> None:
    """A private half beside a certificate is a private key, and a certificate that has ended gives no key."""
    pair = make_key("RS256")
    assert upload(tool, path, certificate(pair, 30) + pair.pem).status == 400
    assert upload(tool, path, certificate(pair, -1, began=2)).status == 400
    assert tool.call("GET", f"{path}/jwks").json["keys"] == []


def large(bits: int) -> dict[str, Any]:
    """A JWK of so many bits; whether anybody has its factors is beside the point."""
    modulus = randbits(bits) | 1 | 1 << (bits - 1)
    octets = urlsafe_b64encode(modulus.to_bytes(bits // 8, "big")).rstrip(b"=").decode("ascii")
    return {"kty": "RSA", "kid": "large", "use": "sig", "alg": "RS256", "n": octets, "e": "AQAB"}


@pytest.mark.parametrize("bits", [1024, 8192, 16384])
def test_a_key_of_another_size_is_refused_everywhere(tool: Tool, path: str, bits: int) -> None:
    """In a set, by its kid and pasted, in the words of a refusal that repeats nothing of it."""
    key = large(bits)
    for answer in (
        tool.call("POST", f"{path}/jwks", {"keys": [key] * 5}),
        tool.call("POST", f"{path}/jwks", {"keys": [key]}),
        tool.call("PUT", f"{path}/jwks/large", key),
        upload(tool, path, json.dumps(key)),
    ):
        assert (answer.status, answer.json["error"]) == (400, "invalid_request")
        assert key["n"][:40].encode() not in answer.body
    assert tool.call("GET", f"{path}/jwks").json["keys"] == []


@pytest.mark.parametrize("bits", [1024, 2040, 4104, 8192, 16384])
def test_no_key_object_is_built_of_another_size(monkeypatch: pytest.MonkeyPatch, bits: int) -> None:
    """The size is judged on the octets: the library that would work on the number is never asked."""

    def build(*_: object, **__: object) -> None:
        raise AssertionError("a key object was built")

    monkeypatch.setattr(RSAKey, "import_key", build)
    monkeypatch.setattr("authserver.oauth.jwk.weakness", build)
    with pytest.raises(Refusal):
        accept(large(bits))
