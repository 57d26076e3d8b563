"""Tokens that must be refused, each for its own reason, and what refusals may not say."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tillit.by_hand import b64, compact, public_jwk
from tests.tillit.conftest import Keys
from tests.tillit.stub import ManualClock, StubAuthority
from tillit import InvalidToken, TokenValidator

HEADER = {"alg": "ES256", "kid": "as-1", "typ": "at+jwt"}


@dataclass
class Forge:
    """What the makers of wrong tokens have at hand."""

    authority: StubAuthority
    keys: Keys
    now: int

    def header(self, **changes: object) -> str:
        """A good token but for its header."""
        head = {name: value for name, value in {**HEADER, **changes}.items() if value is not None}
        return compact(self.authority.signing_key, "ES256", head, self.authority.claims())

    def claims(self, **changes: Any) -> str:
        """A good token but for its claims; None removes one."""
        return self.authority.mint(**changes)

    def raw(self, header: bytes | None = None, claims: bytes | None = None) -> str:
        """A token signed over exactly these bytes."""
        head = json.dumps(HEADER).encode() if header is None else header
        body = json.dumps(self.authority.claims()).encode() if claims is None else claims
        return compact(self.authority.signing_key, "ES256", head, body)

    def body(self, text: str) -> str:
        """A good token with `text` spliced into its JSON claims."""
        return self.raw(claims=json.dumps(self.authority.claims()).encode()[:-1] + text.encode() + b"}")

    def hs256(self) -> str:
        """Signed with HMAC, the public key as its secret."""
        secret = self.keys.p256.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        signing_input = f"{b64(json.dumps({**HEADER, 'alg': 'HS256'}).encode())}.{self.claims().split('.')[1]}"
        return f"{signing_input}.{b64(hmac.digest(secret, signing_input.encode(), hashlib.sha256))}"

    def with_signature(self, change: Callable[[str], str]) -> str:
        """A good token with its signature part changed."""
        signing_input, _, signature = self.claims().rpartition(".")
        return f"{signing_input}.{change(signature)}"


def flip_last_bits(part: str) -> str:
    """The same bytes in another base64url spelling: trailing bits set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + alphabet[alphabet.index(part[-1]) ^ 1]


ORGANISATION = {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}

CASES: dict[str, tuple[Callable[[Forge], str], str]] = {
    "empty": (lambda _: "", "three parts"),
    "two parts": (lambda f: f.claims().rpartition(".")[0], "three parts"),
    "four parts": (lambda f: f.claims() + ".AAAA", "three parts"),
    "five parts, as a JWE": (lambda _: "AAAA.AAAA.AAAA.AAAA.AAAA", "three parts"),
    "no signature": (lambda f: f.claims().rpartition(".")[0] + ".", "three parts"),
    "too large": (lambda f: f.claims(padding="x" * 20_000), "too large"),
    "header too large": (lambda f: f.header(note="x" * 5_000), "too large"),
    "white space": (lambda f: f.claims() + "\n", "base64url"),
    "padded signature": (lambda f: f.with_signature(lambda s: s + "=="), "base64url"),
    "signature in standard base64": (lambda f: f.with_signature(lambda s: "+/" + s[2:]), "base64url"),
    "signature with trailing bits": (lambda f: f.with_signature(flip_last_bits), "canonical"),
    "header is not JSON": (lambda f: f.raw(header=b"nonsense"), "not a JSON document"),
    "header is a list": (lambda f: f.raw(header=b"[]"), "not a JSON object"),
    "header member twice": (
        lambda f: f.raw(header=b'{"alg":"none","alg":"ES256","kid":"as-1","typ":"at+jwt"}'),
        "twice",
    ),
    "claim twice": (lambda f: f.body(',"scope":"x:admin"'), "twice"),
    "claim twice, one escaped": (lambda f: f.body(',"\\u0073cope":"x:admin"'), "twice"),
    "claim twice, deep inside": (lambda f: f.body(',"deep":{"a":{"b":1,"b":2}}'), "twice"),
    "claims in UTF-16": (lambda f: f.raw(claims=json.dumps(f.authority.claims()).encode("utf-16")), "JSON"),
    "claims with a byte-order mark": (lambda f: f.raw(claims=b"\xef\xbb\xbf{}"), "JSON"),
    "claims with NaN": (lambda f: f.body(',"n":NaN'), "not JSON"),
    "claims with a huge number": (lambda f: f.body(',"n":' + "9" * 5000), "JSON document"),
    "claims with an integer out of range": (lambda f: f.body(',"n":9007199254740993'), "out of range"),
    "claims nested deep": (lambda f: f.body(',"n":' + "[" * 2000 + "]" * 2000), "JSON|deep"),
    "claims with a lone surrogate": (lambda f: f.body(',"n":"\\ud800"'), "not allowed"),
    "claims with NUL": (lambda f: f.body(',"n":"\\u0000"'), "not allowed"),
    "alg none": (lambda f: f.header(alg="none"), "algorithm"),
    "alg None": (lambda f: f.header(alg="None"), "algorithm"),
    "alg missing": (lambda f: f.header(alg=None), "no alg"),
    "alg is a list": (lambda f: f.header(alg=["ES256"]), "no alg"),
    "alg HS256 with the public key": (lambda f: f.hs256(), "algorithm"),
    "alg in lower case": (lambda f: f.header(alg="es256"), "algorithm"),
    "alg of another key type": (lambda f: f.header(alg="RS256"), "another algorithm"),
    "alg of another curve": (lambda f: f.header(alg="ES384"), "another algorithm"),
    "kid missing": (lambda f: f.header(kid=None), "kid"),
    "kid empty": (lambda f: f.header(kid=""), "kid"),
    "kid huge": (lambda f: f.header(kid="k" * 300), "kid"),
    "kid a number": (lambda f: f.header(kid=1), "kid"),
    "kid unknown": (lambda f: f.header(kid="as-2"), "not known"),
    "kid a path": (lambda f: f.header(kid="../../dev/null"), "not known"),
    "crit": (lambda f: f.header(crit=["exp"], exp=1), "crit"),
    "crit empty": (lambda f: f.header(crit=[]), "crit"),
    "b64 false": (lambda f: f.header(b64=False), "b64"),
    "zip": (lambda f: f.header(zip="DEF"), "zip"),
    "jwk of the sender": (lambda f: f.header(jwk=public_jwk(f.keys.other_p256, "as-1", "ES256")), "jwk"),
    "jku": (lambda f: f.header(jku="https://evil.example/"), "jku"),
    "x5u": (lambda f: f.header(x5u="https://evil.example/"), "x5u"),
    "x5c": (lambda f: f.header(x5c=["AAAA"]), "x5c"),
    "typ of an ID token": (lambda f: f.header(typ="id+jwt"), "type"),
    "typ of a logout token": (lambda f: f.header(typ="logout+jwt"), "type"),
    "typ a number": (lambda f: f.header(typ=5), "typ"),
    "foreign key": (lambda f: compact(f.keys.other_p256, "ES256", HEADER, f.authority.claims()), "signature"),
    "signature of another token": (
        lambda f: f.claims(jti="1").rpartition(".")[0] + "." + f.claims(jti="2").rpartition(".")[2],
        "signature",
    ),
    "signature of zeros": (lambda f: f.with_signature(lambda _: b64(bytes(64))), "signature"),
    "signature too short": (lambda f: f.with_signature(lambda _: b64(b"\1" * 32)), "signature"),
    "signature in DER": (lambda f: f.with_signature(lambda _: b64(b"\x30\x44" + bytes(68))), "signature"),
    "expired": (lambda f: f.claims(iat=f.now - 700, exp=f.now - 10), "expired"),
    "exp missing": (lambda f: f.claims(exp=None), "exp"),
    "exp a float": (lambda f: f.claims(exp=f.now + 600.5), "exp"),
    "exp a string": (lambda f: f.claims(exp=str(f.now + 600)), "exp"),
    "exp true": (lambda f: f.claims(exp=True), "exp"),
    "exp before iat": (lambda f: f.claims(iat=f.now + 5, exp=f.now + 5), "before it was issued"),
    "iat missing": (lambda f: f.claims(iat=None), "iat"),
    "iat true": (lambda f: f.claims(iat=True), "iat"),
    "iat negative": (lambda f: f.claims(iat=-1), "iat"),
    "issued in the future": (lambda f: f.claims(iat=f.now + 60), "future"),
    "nbf in the future": (lambda f: f.claims(nbf=f.now + 60), "not valid yet"),
    "nbf a string": (lambda f: f.claims(nbf="0"), "nbf"),
    "iss missing": (lambda f: f.claims(iss=None), "issuer"),
    "iss of another": (lambda f: f.claims(iss="https://evil.example/"), "issuer"),
    "iss without its slash": (lambda f: f.claims(iss=f.authority.url), "issuer"),
    "iss with more behind it": (lambda f: f.claims(iss=f.authority.issuer + "x"), "issuer"),
    "iss a list": (lambda f: f.claims(iss=[f.authority.issuer]), "issuer"),
    "aud missing": (lambda f: f.claims(aud=None), "audience"),
    "aud of another": (lambda f: f.claims(aud="https://other.example.no/"), "another API"),
    "aud without its slash": (lambda f: f.claims(aud="https://api.example.no"), "another API"),
    "aud an empty list": (lambda f: f.claims(aud=[]), "aud"),
    "aud an object": (lambda f: f.claims(aud={"https://api.example.no/": 1}), "aud"),
    "aud with a number": (lambda f: f.claims(aud=["https://api.example.no/", 1]), "aud"),
    "sub missing from at+jwt": (lambda f: f.claims(sub=None), "sub"),
    "client_id missing": (lambda f: f.claims(client_id=None), "client_id"),
    "client_id a list": (lambda f: f.claims(client_id=["client-1"]), "client_id"),
    "jti missing": (lambda f: f.claims(jti=None), "jti"),
    "jti empty": (lambda f: f.claims(jti=""), "jti"),
    "jti huge": (lambda f: f.claims(jti="j" * 2000), "jti"),
    "consumer missing": (lambda f: f.claims(consumer=None), "consumer"),
    "consumer a string": (lambda f: f.claims(consumer="0192:991825827"), "consumer"),
    "consumer without ID": (lambda f: f.claims(consumer={"authority": "iso6523-actorid-upis"}), "consumer"),
    "consumer a list": (lambda f: f.claims(consumer=[ORGANISATION]), "consumer"),
    "supplier malformed": (lambda f: f.claims(supplier={"ID": 1}), "supplier"),
    "scope a number": (lambda f: f.claims(scope=1), "scope"),
    "scope an object": (lambda f: f.claims(scope={"x:read": True}), "scope"),
    "scope a list of numbers": (lambda f: f.claims(scope=[1]), "scope"),
    "authorization_details a string": (lambda f: f.claims(authorization_details="x"), "authorization_details"),
    "bound to a key": (lambda f: f.claims(cnf={"jkt": "A" * 43}), "bound to a key"),
    "bound to a certificate": (lambda f: f.claims(cnf={"x5t#S256": "A" * 43}), "bound to a key"),
    "bound in an unknown way": (lambda f: f.claims(cnf={"kid": "k"}), "bound in a way"),
    "bound to what is no thumbprint": (lambda f: f.claims(cnf={"jkt": "x"}), "cnf is malformed"),
}


@pytest.fixture
def validator(authority: StubAuthority, clock: ManualClock) -> TokenValidator:
    return TokenValidator.for_issuer(authority.issuer, "https://api.example.no/", clock=clock)


@pytest.fixture
def forge(authority: StubAuthority, keys: Keys, clock: ManualClock) -> Forge:
    return Forge(authority, keys, int(clock.time()))


@pytest.mark.parametrize("name", CASES)
def test_wrong_token_is_refused(name: str, forge: Forge, validator: TokenValidator) -> None:
    """Each wrong token is refused as invalid_token, for the reason it is wrong, without being repeated."""
    make, reason = CASES[name]
    token = make(forge)
    validator.validate(forge.claims())

    with pytest.raises(InvalidToken, match=reason) as caught:
        validator.validate(token)

    challenge = caught.value.challenge()
    said = str(caught.value) + repr(caught.value) + json.dumps([dict(challenge.headers), dict(challenge.body)])
    assert challenge.status == 401
    assert challenge.headers["WWW-Authenticate"].startswith('Bearer error="invalid_token"')
    assert not any(part in said for part in token.split(".") if len(part) > 8)


def test_the_matrix_is_made_of_good_tokens(forge: Forge, validator: TokenValidator) -> None:
    """Unchanged, the forge makes tokens that pass: what the cases refuse is the change."""
    for token in (forge.header(), forge.claims(), forge.raw(), forge.body(',"other":1'), forge.with_signature(str)):
        validator.validate(token)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(position=st.integers(min_value=0), bit=st.integers(0, 7))
def test_no_bit_of_a_token_can_be_changed(forge: Forge, validator: TokenValidator, position: int, bit: int) -> None:
    """Flip any bit of any character, and the token is refused; nothing else than InvalidToken is ever raised."""
    token = bytearray(forge.claims().encode())
    token[position % len(token)] ^= 1 << bit
    with pytest.raises(InvalidToken):
        validator.validate(token.decode("latin-1"))


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.text(), st.binary().map(lambda data: base64.urlsafe_b64encode(data).decode() + ".e30.AA")))
def test_nothing_but_invalid_token_is_raised(validator: TokenValidator, text: str) -> None:
    """Whatever is sent, the answer is InvalidToken."""
    with pytest.raises(InvalidToken):
        validator.validate(text)
