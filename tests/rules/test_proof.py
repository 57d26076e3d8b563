"""Statements, consents and what a proof is worth: by files alone, and whatever somebody made of them."""

from __future__ import annotations

import json
import zlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tillit
from authserver.oauth import consent, proof, statement, status_list
from authserver.oauth.delegation import Delegation
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.jwk import accept
from authserver.oauth.models import Client, ClientKey
from tests.support.keys import KeyPair, make_key
from tillit.core.statement import terms_digest

NOW = 1_800_000_000
ISSUER = "https://authority.example/"
OURS, STRANGER, GIVERS = make_key("ES256", kid="ours"), make_key("ES256", kid="ours"), make_key("ES256", kid="givers")
JWKS = json.dumps({"keys": [OURS.jwk, {"kty": "oct", "k": "AA"}, 7]}).encode()
DELEGATION = Delegation(
    "d-1",
    "974761076",
    "958935420",
    frozenset({"a:read", "a:write"}),
    NOW - 100,
    NOW + 100,
    purpose="Årsoppgjør\n2026",
    status_index=status_list.ENTRIES + 5,
)
URI = "https://authority.example/status-lists/1"


def _registered(key: KeyPair, **terms: Any) -> Client:
    found = accept(key.jwk)
    kept = ClientKey(found.kid, found.alg, found.jwk, found.thumbprint, **{"expires_at": NOW + 1, **terms})
    return Client("the-client", "974761076", keys={kept.kid: kept})


def _signed(changes: dict[str, Any] | None = None, key: KeyPair = OURS, **header: Any) -> str:
    claims = {**statement.claims(DELEGATION, ISSUER, NOW, "j"), **(changes or {})}
    return key.jwt(claims, **{"typ": statement.TYP, **header})


def _list(status: int = 0, key: KeyPair = OURS, typ: str = status_list.TYP, **changes: Any) -> str:
    lst = status_list.encode({5: status})
    return key.jwt({**status_list.claims(ISSUER, 1, lst, NOW, ttl=60, life=600), **changes}, typ=typ)


_TERMS = statement.digest(statement.terms(DELEGATION, ISSUER))
_CONSENTED = {"iss": "the-client", "sub": "d-1", "aud": ISSUER, "iat": NOW, "terms": _TERMS}


def _consent(**changes: Any) -> str:
    return GIVERS.jwt({**_CONSENTED, **changes}, typ=consent.TYP)


def _document(kept: str | None = None, **changes: Any) -> bytes:
    """What the admin API hands out for the delegation with a consent."""
    verified = consent.verify(_consent(), _registered(GIVERS), DELEGATION, ISSUER, NOW)
    claims = statement.claims(DELEGATION, ISSUER, NOW, "j", verified.key)
    members = {
        "statement": OURS.jwt(claims, typ=statement.TYP),
        "consent": kept or verified.signature,
        "consent_key": verified.public_key,
    }
    return json.dumps({**members, **changes}).encode()


def _proven(document: bytes | str, listed: str | None = None, now: int = NOW) -> proof.Proven:
    data = document.encode() if isinstance(document, str) else document
    return proof.verify(proof.read(data), proof.keys(JWKS), ISSUER, now, listed)


def _by_tillit(document: bytes | str, listed: str | None = None, now: int = NOW) -> tillit.DelegationStatement:
    return tillit.verify_statement(document, ISSUER, JWKS, status_list=listed, now=now)


def test_both_readers_take_what_we_state() -> None:
    """The server's reader and the library's, which share no code, see the same delegation, consent and status."""
    ours, theirs = _proven(_document(), _list()), _by_tillit(_document(), _list())
    assert ours.status == "active"
    assert theirs.status is tillit.Status.VALID
    assert ours.giver_thumbprint == theirs.consent_thumbprint == accept(GIVERS.jwk).thumbprint
    assert theirs.scopes == DELEGATION.scopes
    assert (theirs.purpose, theirs.reference) == (DELEGATION.purpose, tillit.StatusReference(URI, 5))
    assert (theirs.valid_from, theirs.valid_to, theirs.depth) == (NOW - 100, NOW + 100, 0)


def test_what_was_handed_on_names_its_giver_and_its_parent() -> None:
    """The statement of a re-delegation is about the same consumer, and names who handed it on, and what."""
    handed = replace(DELEGATION, parent_id="d-0", delegator_orgno="971040238", depth=1)
    claims = statement.claims(handed, ISSUER, NOW, "j")
    found = _by_tillit(OURS.jwt(claims, typ=statement.TYP))
    assert (found.giver.number, found.consumer.number) == ("971040238", "974761076")
    assert (found.parent, found.depth) == ("d-0", 1)


@pytest.mark.parametrize(
    ("status", "word"), [(status_list.INVALID, "revoked"), (status_list.SUSPENDED, "suspended"), (3, "unknown")]
)
def test_the_list_has_the_last_word(status: int, word: str) -> None:
    """A status but 0 is told by the server's reader, and refused by the library's."""
    assert _proven(_signed(), _list(status)).status == word
    with pytest.raises(tillit.InvalidStatement, match="not in force"):
        _by_tillit(_signed(), _list(status))


BAD: dict[str, tuple[bytes | str, str | None]] = {
    "another-key": (_signed(key=STRANGER), None),
    "an-unknown-key": (_signed(kid="other"), None),
    "another-algorithm": (_signed(alg="RS256"), None),
    "no-signature": (_signed(alg="none"), None),
    "an-access-token": (_signed(typ="at+jwt"), None),
    "no-type": (_signed(typ=None), None),
    "a-status-list": (_list(), None),
    "another-issuer": (_signed({"iss": "https://other.example/"}), None),
    "not-begun": (_signed({"nbf": NOW + 60}), None),
    "expired": (_signed({"exp": NOW}), None),
    "an-end-that-is-a-float": (_signed({"exp": NOW + 1.5}), None),
    "two-delegations": (_signed({"sub": "d-2"}), None),
    "about-nothing": (_signed({"delegation": None}), None),
    "about-nobody": (_signed({"delegation": {"id": "d-1", "scope": "a:read"}}), None),
    "longer-than-any": (_signed({"purpose": "x" * 200_000}), None),
    "embedded-key": (_signed(jwk=OURS.jwk), None),
    "cut-off": (_signed()[:-3], None),
    "no-text": (b"\xff\xfe", None),
    "a-list": (b"{[]}", None),
    "no-statement": (b"{}", None),
    "a-statement-that-is-no-text": (b'{"statement": 1}', None),
    "two-statements": (b'{"statement": "a", "statement": "b"}', None),
    "a-consent-without-its-key": (_document(consent_key=None), None),
    "a-consent-by-another-key": (_document(consent_key=STRANGER.jwk), None),
    "a-consent-that-we-do-not-know": (_document(statement=_signed()), None),
    "a-consent-to-other-terms": (_document(_consent(terms="x")), None),
    "a-consent-to-another-delegation": (_document(_consent(sub="d-2")), None),
    "a-consent-for-another-authority": (_document(_consent(aud="https://other.example/")), None),
    "a-consent-of-another-client": (_document(_consent(iss="another")), None),
    "a-consent-with-one-claim-more": (_document(_consent(scope="a:read")), None),
    "a-statement-as-a-consent": (_document(_signed()), None),
    "a-consent-cut-off": (_document(_consent()[:-3]), None),
    "a-consent-with-another-signature": (_document(".".join((*_consent().split(".")[:2], "AAAA"))), None),
    "a-consent-that-is-nothing": (_document("nothing"), None),
    "list-by-another-key": (_signed(), _list(key=STRANGER)),
    "list-of-another-type": (_signed(), _list(typ="JWT")),
    "list-of-another-address": (_signed(), _list(sub=f"{URI}0")),
    "list-of-another-issuer": (_signed(), _list(iss="https://other.example/")),
    "list-that-expired": (_signed(), _list(exp=NOW - 11)),
    "list-too-short": (_signed(), _list(status_list={"bits": 2, "lst": status_list.encode({}, entries=4)})),
    "list-that-is-a-statement": (_signed(), _signed()),
    "list-that-is-nothing": (_signed(), ""),
    "statement-without-a-list": (_signed({"status": None}), _list()),
    "an-index-below-the-first": (_signed({"status": {"status_list": {"idx": -1, "uri": URI}}}), _list()),
    "an-index-beyond-the-last": (_signed({"status": {"status_list": {"idx": 2**20, "uri": URI}}}), _list()),
    "an-index-that-is-true": (_signed({"status": {"status_list": {"idx": True, "uri": URI}}}), _list()),
}


@pytest.mark.parametrize(("document", "listed"), BAD.values(), ids=BAD)
def test_neither_reader_takes_anything_else(document: bytes | str, listed: str | None) -> None:
    """Whatever is wrong with a statement, its consent or its list, both readers refuse it by a sentence."""
    with pytest.raises(Refusal) as refused:
        _proven(document, listed)
    assert refused.value.reason in (Reason.INVALID, Reason.KEY_REFUSED)
    with pytest.raises((tillit.InvalidStatement, tillit.StatusUnavailable)):
        _by_tillit(document, listed)


def test_a_bomb_is_not_inflated() -> None:
    """A signed list that would inflate to 64 MiB is refused by both readers."""
    lst = urlsafe_b64encode(zlib.compress(bytes(2**26), 9)).rstrip(b"=").decode()
    bomb = _list(status_list={"bits": 2, "lst": lst})
    with pytest.raises(Refusal, match="invalid"):
        _proven(_signed(), bomb)
    with pytest.raises(tillit.StatusUnavailable, match="too large"):
        _by_tillit(_signed(), bomb)


@given(st.integers(0, 10_000), st.integers(0, 7))
@settings(max_examples=100, deadline=None)
def test_no_bit_may_be_changed(place: int, bit: int) -> None:
    """A document with one bit flipped in its statement is refused by both readers."""
    octets = bytearray(STATEMENT)
    octets[place % len(octets)] ^= 1 << bit
    with pytest.raises(Refusal):
        _proven(bytes(octets))
    with pytest.raises(tillit.InvalidStatement):
        _by_tillit(bytes(octets))


STATEMENT = _signed().encode()


@given(st.text(max_size=40), st.text(max_size=40), st.sets(st.text("abc:", min_size=1, max_size=5), max_size=4))
@settings(max_examples=150)
def test_both_sides_digest_the_same_terms(purpose: str, package: str, scopes: set[str]) -> None:
    """The server's digest of any terms is the library's, so that a consent to them is good."""
    named = replace(DELEGATION, purpose=purpose, package=package, scopes=frozenset(scopes))
    terms = statement.terms(named, ISSUER)
    assert statement.digest(terms) == terms_digest({**json.loads(json.dumps(terms)), "jti": "ignored"})


@pytest.mark.parametrize("terms", [{"active": False}, {"expires_at": NOW}])
def test_a_key_that_is_gone_signs_nothing(terms: dict[str, Any]) -> None:
    """A key that was removed or has ended makes no consent."""
    with pytest.raises(Refusal):
        consent.verify(_consent(), _registered(GIVERS, **terms), DELEGATION, ISSUER, NOW)


@pytest.mark.parametrize(
    ("signed", "told"),
    [
        ("nothing", "compact JWS"),
        (".".join((*_consent().split(".")[:2], "AAAA")), "signature"),
        (_consent(iss="another"), "another client"),
        (_consent(iat=NOW + 11), "iat"),
        (_consent(iat=-1), "iat"),
        (_consent(iat=True), "iat"),
        (_consent(iat=str(NOW)), "iat"),
        (GIVERS.jwt({}, typ=consent.TYP), "claims"),
        (make_key("ES256", kid="other").jwt(_CONSENTED, typ=consent.TYP), "registered"),
        (GIVERS.jwt(_CONSENTED, typ=consent.TYP, alg="ES384"), "algorithm"),
    ],
)
def test_a_consent_is_the_clients_own_or_none(signed: str, told: str) -> None:
    """Only what this client signed, with the key and algorithm registered and at a time that has been, is kept."""
    with pytest.raises(Refusal) as refused:
        consent.verify(signed, _registered(GIVERS), DELEGATION, ISSUER, NOW)
    assert told in refused.value.value


@pytest.mark.parametrize("jwks", [b"", b"{}", b"[]", b'{"keys": {}}', b'{"keys": null}', b"\xff"])
def test_keys_are_a_jwk_set_or_none(jwks: bytes) -> None:
    """What is no JWK Set is said to be none, by both readers."""
    with pytest.raises(Refusal, match="invalid"):
        proof.keys(jwks)
    with pytest.raises(tillit.ConfigError):
        tillit.verify_statement(_signed(), ISSUER, jwks, now=NOW)


@pytest.mark.parametrize(
    "changes", [{"status": "revoked"}, {"status": "proposed"}, {"valid_to": NOW}, {"status_index": None}]
)
def test_nothing_else_is_stated(changes: dict[str, Any]) -> None:
    """What is not in force, not even suspended, or over, yields no statement."""
    with pytest.raises(Refusal) as refused:
        statement.claims(replace(DELEGATION, **changes), ISSUER, NOW, "j")
    assert refused.value.reason is Reason.CONFLICT
