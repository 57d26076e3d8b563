from __future__ import annotations

import asyncio
import base64
import json
import threading
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from jwt.algorithms import OKPAlgorithm

from authserver.grants.ports import Signer
from authserver.keys.life import ACTIVATE_IN
from authserver.keys.private_key import RsaPrivateKey
from authserver.keys.ring import KeyRing
from authserver.keys.signer import RingSigner
from authserver.oauth.limits import JWKS_MAX_AGE, TOKEN_LIFE_CEILING
from authserver.oauth.unavailable import Unavailable
from tests.keys.conftest import NOON, FakeClock, OpenRing

ALGS = ("RS256", "PS256", "ES256", "ES384", "Ed25519")
CLAIMS = {
    "iss": "https://as.example/",
    "scope": "tax:read",
    "consumer": {"ID": "0192:974760673"},
    "name": "Blåbær",
    "iat": NOON,
}


class Validator:
    """Verifies with PyJWT against the key set it fetched last, and fetches only when its cache life is over."""

    def __init__(self, ring: KeyRing, clock: FakeClock, cache_life: int) -> None:
        self._ring, self._clock, self._life = ring, clock, cache_life
        self._fetched_at = -1
        self._keys: dict[str, jwt.PyJWK] = {}
        self._jws = jwt.PyJWS()
        self._jws.register_algorithm("Ed25519", OKPAlgorithm())

    def verify(self, token: str) -> Any:
        if self._fetched_at < 0 or self._clock() >= self._fetched_at + self._life:
            self._fetched_at = self._clock()
            keys = json.loads(self._ring.jwks(self._clock()).body)["keys"]
            self._keys = {key["kid"]: jwt.PyJWK(key, "EdDSA" if key["kty"] == "OKP" else None) for key in keys}
        header = jwt.get_unverified_header(token)
        return json.loads(self._jws.decode(token, self._keys[header["kid"]].key, algorithms=[header["alg"]]))


@pytest.fixture
def signer(ring: KeyRing, clock: FakeClock) -> Iterator[RingSigner]:
    """A signer over the ES256 ring."""
    signer = RingSigner(ring, clock, threads=1)
    yield signer
    signer.close()


@pytest.mark.parametrize("alg", ALGS)
async def test_another_implementation_verifies(open_ring: OpenRing, clock: FakeClock, alg: str) -> None:
    """A token of every algorithm, with header and claims as given, verifies in PyJWT with the key set we serve."""
    ring = open_ring()
    (made,) = ring.init((alg,))
    signer = RingSigner(ring, clock, threads=1)
    port: Signer = signer
    tokens = [await port.sign(CLAIMS, alg=alg, typ=typ) for typ in ("at+jwt", "JWT", "at+jwt")]
    signer.close()
    for token, typ in zip(tokens, ("at+jwt", "JWT", "at+jwt"), strict=True):
        assert token.kid == made.kid
        assert jwt.get_unverified_header(token.compact) == {"alg": alg, "typ": typ, "kid": made.kid}
        assert Validator(ring, clock, 0).verify(token.compact) == CLAIMS


async def test_a_changed_token_does_not_verify(ring: KeyRing, signer: RingSigner, clock: FakeClock) -> None:
    """The signature covers the claims: with one of them changed the validator refuses."""
    header, _, signature = (await signer.sign(CLAIMS, alg="ES256", typ="JWT")).compact.split(".")
    forged = base64.urlsafe_b64encode(json.dumps(CLAIMS | {"scope": "tax:write"}).encode()).decode().rstrip("=")
    with pytest.raises(jwt.InvalidSignatureError):
        Validator(ring, clock, 0).verify(f"{header}.{forged}.{signature}")


async def test_ecdsa_signatures_have_their_fixed_size(signer: RingSigner) -> None:
    """R and S are padded to 32 bytes each: of 300 signatures, some of whose integers are short, all have 64 bytes."""
    for _ in range(300):
        signature = (await signer.sign(CLAIMS, alg="ES256", typ="JWT")).compact.rsplit(".", 1)[1]
        assert len(base64.urlsafe_b64decode(signature + "==")) == 64


async def test_without_a_key_signing_is_unavailable(signer: RingSigner) -> None:
    """An algorithm that nothing signs is a part that does not answer, and surely nothing was done."""
    with pytest.raises(Unavailable) as caught:
        await signer.sign(CLAIMS, alg="RS256", typ="JWT")
    assert caught.value.part == "keys"
    assert caught.value.certain


async def test_rsa_signs_off_the_event_loop(
    open_ring: OpenRing, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RSA signatures are made on the signer's threads, so the event loop goes on; EC ones are made where they are."""
    ring = open_ring()
    ring.init()
    seen: list[str] = []
    sign = RsaPrivateKey.sign

    def watched(key: RsaPrivateKey, signing_input: bytes) -> bytes:
        seen.append(threading.current_thread().name)
        return sign(key, signing_input)

    monkeypatch.setattr(RsaPrivateKey, "sign", watched)
    signer = RingSigner(ring, clock, threads=2)
    tokens = await asyncio.gather(*(signer.sign(CLAIMS, alg="RS256", typ="JWT") for _ in range(8)))
    signer.close()
    assert len(seen) == 8
    assert all(name.startswith("sign") for name in seen)
    for token in tokens:
        assert Validator(ring, clock, 0).verify(token.compact) == CLAIMS


async def test_one_failed_signature_leaves_the_others_alone(
    open_ring: OpenRing, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of signatures asked for at once, the one that fails and the one given up concern nobody else."""
    ring = open_ring()
    ring.init()
    sign = RsaPrivateKey.sign
    fails = iter([False, True, False, False])

    def failing(key: RsaPrivateKey, signing_input: bytes) -> bytes:
        if next(fails):
            raise ValueError("the token behind the key is gone")
        return sign(key, signing_input)

    monkeypatch.setattr(RsaPrivateKey, "sign", failing)
    signer = RingSigner(ring, clock, threads=1)
    asked = [asyncio.ensure_future(signer.sign(CLAIMS, alg="RS256", typ="JWT")) for _ in range(4)]
    await asyncio.sleep(0)
    asked[2].cancel()
    first, failed, given_up, last = await asyncio.gather(*asked, return_exceptions=True)
    signer.close()
    assert isinstance(failed, ValueError)
    assert isinstance(given_up, asyncio.CancelledError)
    for token in (first, last):
        assert not isinstance(token, BaseException)
        assert Validator(ring, clock, 0).verify(token.compact) == CLAIMS


async def test_a_closed_signer_fails_at_once(open_ring: OpenRing, clock: FakeClock) -> None:
    """Nobody waits for a signature from threads that have ended."""
    ring = open_ring()
    ring.init()
    signer = RingSigner(ring, clock, threads=2)
    signer.close()
    with pytest.raises(RuntimeError):
        await signer.sign(CLAIMS, alg="RS256", typ="JWT")


async def test_no_repr_shows_a_token(signer: RingSigner) -> None:
    """A signed token that ends up in a log line does not give itself away."""
    token = await signer.sign(CLAIMS, alg="ES256", typ="JWT")
    assert token.compact.rsplit(".", 1)[1] not in repr(token)


@pytest.mark.parametrize("cache_life", [0, JWKS_MAX_AGE, 2 * JWKS_MAX_AGE, ACTIVATE_IN])
async def test_no_validator_ever_refuses_through_a_rotation(
    ring: KeyRing, signer: RingSigner, clock: FakeClock, cache_life: int
) -> None:
    """Over three days and a rotation, stale validators verify each token when issued and at its last second (R-041)."""
    validator = Validator(ring, clock, cache_life)
    waiting: dict[int, str] = {}
    signers = []
    for now in range(NOON, NOON + 3 * 86_400, 600):
        clock.now = now
        if now == NOON + 43_200:
            ring.rotate("ES256")
        token = await signer.sign({"iat": now}, alg="ES256", typ="JWT")
        signers.append(token.kid)
        assert validator.verify(token.compact) == {"iat": now}
        waiting[now] = token.compact
        if due := waiting.pop(now - TOKEN_LIFE_CEILING, None):
            assert validator.verify(due) == {"iat": now - TOKEN_LIFE_CEILING}
    assert len(set(signers)) == 2


async def test_a_withdrawn_key_stops_verifying_at_the_next_fetch(
    ring: KeyRing, signer: RingSigner, clock: FakeClock
) -> None:
    """After an emergency removal a validator knows the key for as long as its cache lives and not longer (R-042)."""
    validator = Validator(ring, clock, JWKS_MAX_AGE)
    token = await signer.sign(CLAIMS, alg="ES256", typ="JWT")
    validator.verify(token.compact)
    clock.now += 1
    ring.rotate("ES256", activate_in=0)
    ring.retire(token.kid)
    clock.now = NOON + JWKS_MAX_AGE - 1
    validator.verify(token.compact)
    clock.now = NOON + JWKS_MAX_AGE
    with pytest.raises(KeyError, match=token.kid):
        validator.verify(token.compact)
