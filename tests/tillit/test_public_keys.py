"""JWK Sets: what is used, and what is passed over."""

from __future__ import annotations

import json

import pytest

from tests.tillit.by_hand import b64, public_jwk
from tests.tillit.conftest import Keys
from tillit.jose.encoding import MalformedJose
from tillit.jose.public_keys import read_jwks


def test_odd_keys_are_passed_over(keys: Keys) -> None:
    """Unknown, symmetric, private, weak, encryption and malformed keys do not spoil the good one beside them."""
    good = public_jwk(keys.p256, "good", "ES256")
    rsa = public_jwk(keys.rsa2048, "r", "RS256")
    okp = public_jwk(keys.ed25519, "o", "Ed25519")
    odd: list[object] = [
        {"kty": "AKP", "kid": "pq", "alg": "ML-DSA-65", "pub": "AAAA"},
        {"kty": "oct", "kid": "s", "alg": "HS256", "k": "AAAA"},
        {**good, "kid": "private", "d": good["x"]},
        {**good, "use": "enc"},
        {**good, "key_ops": ["encrypt"]},
        {**good, "key_ops": 1},
        {**good, "alg": "ES384"},
        {**good, "alg": 1},
        {**good, "kid": None},
        {**good, "x": "AA" + good["x"]},
        {**good, "y": good["x"]},
        {**good, "crv": "secp256k1"},
        {**rsa, "n": rsa["n"][:100]},
        {**rsa, "n": rsa["n"] * 4},
        {**rsa, "e": "Aw"},
        {**rsa, "n": rsa["n"] + "=="},
        {**rsa, "alg": "HS256"},
        {**okp, "crv": "Ed448"},
        {**okp, "x": b64(b"\1" + bytes(31))},
        {**okp, "x": b64(b"\xff" * 32)},
        "not an object",
        None,
    ]
    found = read_jwks(json.dumps({"keys": [*odd, good]}).encode())
    assert [key.kid for key in found.keys] == ["good"]
    assert len(found.skipped) == len(odd)


def test_a_set_of_too_many_keys_is_refused(keys: Keys) -> None:
    """The size of a set is bounded before any key is looked at."""
    with pytest.raises(MalformedJose, match="64"):
        read_jwks(json.dumps({"keys": [public_jwk(keys.p256, "k", "ES256")] * 65}).encode())
