"""From an unverified JWS to a signed assertion (R-001 to R-005, R-009, R-016, R-017, R-019; RFC 7523 §3)."""

from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth import assertion, jose, limits
from authserver.oauth.assertion import SignedAssertion, UnverifiedAssertion
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.jose import UnverifiedJws
from authserver.oauth.models import Client
from authserver.oauth.profiles import REQUEST_PROFILES, RequestProfile
from authserver.oauth.request import AssertionKind, TokenRequest
from tests.support.build import (
    ABSENT,
    CLIENT_ID,
    ISSUER,
    NOW,
    SCOPE,
    b64,
    claims,
    client_key,
    compact,
    credentials,
    header,
    key,
    make_assertion,
    make_client,
    make_credentials_request,
    make_request,
    refuses,
)

GRANT, AUTHENTICATION = AssertionKind.GRANT, AssertionKind.CLIENT_AUTHENTICATION
STANDARD, MASKINPORTEN = REQUEST_PROFILES["standard"], REQUEST_PROFILES["maskinporten"]


def peeked(text: str, kind: AssertionKind = GRANT) -> UnverifiedAssertion:
    return assertion.peek(jose.read(text), kind)


def verified(
    text: str,
    client: Client | None = None,
    request: TokenRequest | None = None,
    profile: RequestProfile = STANDARD,
    now: int = NOW,
) -> SignedAssertion:
    request = request or make_request()
    return assertion.verify(peeked(text, request.kind), request, client or make_client(), profile, ISSUER, now)


# The header.


@pytest.mark.parametrize(
    ("kind", "typ", "allowed"),
    [
        pytest.param(GRANT, ABSENT, True, id="grant-absent"),
        pytest.param(GRANT, "JWT", True, id="grant-JWT"),
        pytest.param(GRANT, "jwt", True, id="grant-jwt"),
        pytest.param(GRANT, "client-authentication+jwt", False, id="R-016-grant-client-authentication"),
        pytest.param(AUTHENTICATION, ABSENT, True, id="R-017-authentication-absent"),
        pytest.param(AUTHENTICATION, "JWT", True, id="R-017-authentication-JWT"),
        pytest.param(AUTHENTICATION, "client-authentication+jwt", True, id="R-017-authentication-its-own"),
        *(
            pytest.param(kind, typ, False, id=f"R-016-{kind.name.lower()}-{typ}")
            for kind in AssertionKind
            for typ in (
                *("at+jwt", "application/at+jwt", "dpop+jwt", "token-introspection+jwt", "secevent+jwt", "logout+jwt"),
                *("statuslist+jwt", "entity-statement+jwt", "JOSE", "JWT ", "", 5, None, True, ["JWT"], {"a": "JWT"}),
            )
        ),
    ],
)
def test_typ_names_an_assertion_of_this_kind(kind: AssertionKind, typ: Any, allowed: bool) -> None:
    """A JWT of another kind is never taken for an assertion (RFC 8725 §3.11-3.12)."""
    text = make_assertion(in_header={"typ": typ})
    if allowed:
        assert peeked(text, kind).issuer == CLIENT_ID
    else:
        with refuses(Reason.HEADER_TYP):
            peeked(text, kind)


@pytest.mark.parametrize("alg", [ABSENT, None, 5, True, ["ES256"], {"ES256": 1}])
def test_alg_is_text(alg: Any) -> None:
    """An algorithm that is not text is refused before anything looks it up (RFC 7515 §4.1.1)."""
    with refuses(Reason.ALGORITHM):
        peeked(make_assertion(in_header={"alg": alg}))


@pytest.mark.parametrize("x5c", ["MIIB", [], [5], ["MIIB", None], {}, None, 0])
def test_x5c_is_an_array_of_text(x5c: Any) -> None:
    """MP-123: a chain of another form is refused by its own code."""
    with refuses(Reason.HEADER_X5C):
        peeked(make_assertion(in_header={"x5c": x5c}))


def test_x5c_beside_a_kid_is_tolerated() -> None:
    """Some clients send their chain along; the key is found by kid, and the chain chooses nothing."""
    assert verified(make_assertion(in_header={"x5c": ["MIIB"]})).kid == key().kid


@pytest.mark.parametrize(
    "kid",
    ["", "k" * 129, "k" * 4000, 5, True, ["k"], "../../key", "' or 1=1 --", "k\0", "k\n", "k k", "\u212a"],
    ids=["empty", "129", "4000", "number", "boolean", "list", "path-nul", "sql", "nul", "line-feed", "space", "kelvin"],
)
def test_kid_is_a_plain_bounded_name(kid: Any) -> None:
    """R-019: a kid that no registered key can have is refused before it is looked up."""
    text = compact(header() | {"kid": kid}, claims())
    if kid == "k\0":
        with refuses(Reason.ASSERTION_MALFORMED):
            jose.read(text)
        return
    with refuses(Reason.KID_UNKNOWN):
        # A path or a quote is no kid; a bare list is no text.
        verified(text)


@pytest.mark.parametrize("iss", [ABSENT, None, "", "c" * 129, 5, True, ["c"], [CLIENT_ID], {"c": 1}])
def test_iss_is_text_of_a_client_id(iss: Any) -> None:
    """R-009: an issuer that is no text, or longer than any client id, is an unknown client."""
    with refuses(Reason.CLIENT_UNKNOWN):
        peeked(make_assertion(in_claims={"iss": iss}))


def test_the_longest_client_id_is_an_issuer() -> None:
    """A client id may fill its room."""
    assert peeked(make_assertion(in_claims={"iss": "c" * limits.CLIENT_ID_CHARS})).issuer


# The key.


def test_a_right_assertion_is_proven() -> None:
    """What a right assertion says becomes a SignedAssertion."""
    assert verified(make_assertion()) == SignedAssertion(
        client_id=CLIENT_ID,
        kid=key().kid,
        profile=STANDARD,
        assertion_id="jti-1",
        remember_until=NOW + 60 + 10 + 30,
        scopes=(SCOPE,),
        resources=(),
        consumer_org=None,
        pid=None,
    )


@pytest.mark.parametrize("profile", [STANDARD, MASKINPORTEN], ids=lambda profile: profile.name)
@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "Ed25519"])
def test_a_profile_admits_exactly_its_algorithms(profile: RequestProfile, alg: str) -> None:
    """R-002: an algorithm outside the profile's list is refused however good the signature."""
    text = make_assertion(key(alg))
    client = make_client(key(alg))
    if alg in profile.algorithms:
        assert verified(text, client, profile=profile).kid == key(alg).kid
    else:
        with refuses(Reason.ALGORITHM):
            verified(text, client, profile=profile)


@given(st.text(max_size=12) | st.sampled_from(["none", "NONE", "nOnE", "HS256", "es256", "ES256 ", "EdDSA", "RS1"]))
def test_no_other_algorithm_name_reaches_a_key(alg: str) -> None:
    """R-002: any name outside the list, in any case, is refused without touching the key."""
    if alg in STANDARD.algorithms:
        return
    bomb = replace(client_key(), verifier=Untouchable())
    jws = UnverifiedJws({"alg": alg, "kid": bomb.kid}, claims(), b"", b"")
    with refuses(Reason.ALGORITHM):
        assertion.verify(
            assertion.peek(jws, GRANT), make_request(), make_client(keys={bomb.kid: bomb}), STANDARD, ISSUER, NOW
        )


class Untouchable:
    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        raise AssertionError("the key was used")


def test_hmac_over_the_public_key_is_no_signature() -> None:
    """RFC 8725 §2.1: neither HS256 nor none is ever an algorithm, under any profile."""
    for alg in ("HS256", "HS384", "HS512", "none"):
        for profile in (STANDARD, MASKINPORTEN):
            with refuses(Reason.ALGORITHM):
                verified(make_assertion(in_header={"alg": alg}), profile=profile)


def test_a_key_is_bound_to_its_algorithm() -> None:
    """R-003: a token that names another algorithm than its key's is refused, also when storage was altered."""
    pair = key("RS256")
    altered = client_key(pair, alg="PS256")
    with refuses(Reason.KEY_ALGORITHM):
        verified(make_assertion(pair, in_header={"alg": "PS256"}), make_client(pair))
    with refuses(Reason.KEY_ALGORITHM):
        verified(make_assertion(pair), make_client(keys={pair.kid: altered}))


def test_a_key_is_named_by_kid() -> None:
    """An assertion without kid is refused, also when the client has one key only."""
    with refuses(Reason.KID_MISSING):
        verified(make_assertion(in_header={"kid": ABSENT}))
    with refuses(Reason.KID_MISSING):
        verified(make_assertion(in_header={"kid": ABSENT, "x5c": ["MIIB"]}))


def test_an_unknown_kid_is_refused() -> None:
    """Keys are looked for by exact kid."""
    for kid in ("another", key().kid.upper(), key().kid + " ", key().kid[:-1]):
        with refuses(Reason.KID_UNKNOWN):
            verified(make_assertion(in_header={"kid": kid}))


def test_a_removed_key_is_unknown() -> None:
    """A deactivated key verifies nothing."""
    with refuses(Reason.KID_UNKNOWN):
        verified(make_assertion(), make_client(keys={key().kid: client_key(active=False)}))


@pytest.mark.parametrize(("left", "allowed"), [(1, True), (0, False), (-1, False)])
def test_a_key_ends_at_its_second(left: int, allowed: bool) -> None:
    """MP-121: a key verifies until before the second at which it expires."""
    client = make_client(keys={key().kid: client_key(expires_at=NOW + left)})
    if allowed:
        assert verified(make_assertion(), client).kid == key().kid
    else:
        with refuses(Reason.KEY_EXPIRED):
            verified(make_assertion(), client)


def test_a_key_that_cannot_verify_refuses() -> None:
    """A registered key whose public half was not loaded lets nobody in."""
    with refuses(Reason.SIGNATURE):
        verified(make_assertion(), make_client(keys={key().kid: client_key(verifier=None)}))


def test_a_deactivated_client_is_refused() -> None:
    """CVE-2026-1609: a good signature does not help a client that is switched off."""
    with refuses(Reason.CLIENT_DISABLED):
        verified(make_assertion(), make_client(active=False))


def test_one_changed_bit_breaks_the_signature() -> None:
    """R-001: header, claims and signature are each bound."""
    head, body, signature = make_assertion().split(".")
    changed = (
        f"{b64(jose.decode_segment(head).replace(b'JWT', b'jwt'))}.{body}.{signature}",
        f"{head}.{b64(jose.decode_segment(body).replace(b'read', b'raed'))}.{signature}",
        f"{head}.{body}.{b64(jose.decode_segment(signature)[:-1] + b'!')}",
        f"{head}.{body}.{b64(jose.decode_segment(signature)[::-1])}",
        f"{head}.{body}.AA",
    )
    for text in changed:
        with refuses(Reason.SIGNATURE):
            verified(text)


NAMES = ("one", "two", "three")
CLIENTS = {name: make_client(replace(key("ES256", name), kid="same-kid"), client_id=name) for name in NAMES}


@pytest.mark.parametrize("signer", NAMES)
@pytest.mark.parametrize("iss", NAMES)
@pytest.mark.parametrize("client", NAMES)
def test_only_a_clients_own_key_verifies_its_assertions(signer: str, iss: str, client: str) -> None:
    """R-001: of every key with every issuer before every client, all under one kid, only the diagonal passes."""
    pair = replace(key("ES256", signer), kid="same-kid")
    text = make_assertion(pair, in_claims={"iss": iss})
    if signer == iss == client:
        assert verified(text, CLIENTS[client]).client_id == client
        return
    with refuses(Reason.SIGNATURE if iss == client else Reason.CLIENT_UNKNOWN):
        verified(text, CLIENTS[client])


def test_the_claims_are_judged_only_after_the_signature() -> None:
    """Somebody else's signature is refused as such, whatever else is wrong with the assertion."""
    wrong = {"aud": "https://elsewhere.example/", "exp": NOW - 1000, "iat": "yesterday", "unknown": 1, "jti": 5}
    with refuses(Reason.SIGNATURE):
        verified(compact(header(), claims(**wrong), key("ES256", "stranger")))


# What it is presented as.


def test_a_profile_admits_exactly_its_grants() -> None:
    """The profile maskinporten has one grant type, standard has both (design §3)."""
    pair = key("RS256")
    text = compact(header(pair), credentials(), pair)
    assert verified(text, make_client(pair), make_credentials_request()).scopes == (SCOPE,)
    with refuses(Reason.GRANT_NOT_ALLOWED):
        verified(text, make_client(pair), make_credentials_request(), MASKINPORTEN)


def test_client_authentication_takes_what_is_asked_from_the_form() -> None:
    """RFC 6749 §4.4.2: scope, resource and consumer stand beside the credentials."""
    request = make_credentials_request(
        scope=("tax:b", "tax:a"), resources=("urn:a",), consumer_org="991825827", client_id=CLIENT_ID
    )
    signed = verified(compact(header(), credentials()), request=request)
    assert signed.scopes == ("tax:b", "tax:a")
    assert signed.resources == ("urn:a",)
    assert signed.consumer_org == "991825827"


@pytest.mark.parametrize("name", ["scope", "resource", "consumer_org", "pid", "authorization_details", "azp"])
def test_client_authentication_carries_no_claims_of_a_grant(name: str) -> None:
    """R-016: an assertion that asks for something is no client authentication."""
    with refuses(Reason.CLAIM_UNKNOWN):
        verified(compact(header(), credentials(**{name: "x"})), request=make_credentials_request())


def test_a_grant_is_no_client_authentication() -> None:
    """R-016: a grant presented as client authentication is refused, for lack of a subject first."""
    with refuses(Reason.CLAIM_MISSING):
        verified(make_assertion(), request=make_credentials_request())


@pytest.mark.parametrize("client_id", ["somebody-else", CLIENT_ID.upper()])
def test_a_client_id_in_the_form_names_the_same_client(client_id: str) -> None:
    """RFC 7521 §4.2: a client_id beside the assertion must agree with it."""
    assert verified(make_assertion(), request=make_request(client_id=CLIENT_ID)).client_id == CLIENT_ID
    with refuses(Reason.PARAMETER_DISAGREES):
        verified(make_assertion(), request=make_request(client_id=client_id))


def test_an_assertion_without_jti_is_named_by_what_was_signed() -> None:
    """Design §3: the name for single use follows from header and claims, never from the malleable signature."""
    pair = key("RS256")
    text = make_assertion(pair, in_claims={"jti": ABSENT})
    signed = verified(text, make_client(pair), profile=MASKINPORTEN)
    assert signed.assertion_id == "sha256#" + sha256(text.rpartition(".")[0].encode()).hexdigest()


def test_no_jti_can_be_the_name_of_another_assertion() -> None:
    """A client cannot choose a jti that equals the digest of an assertion without one."""
    with refuses(Reason.CLAIM_VALUE):
        verified(make_assertion(in_claims={"jti": "sha256#" + "0" * 64}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(NOW - 300, NOW + 300) | st.floats(-1e15, 1e15) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
NAMES_OF_CLAIMS = st.sampled_from([*claims(), "nbf", "sub", "resource", "consumer_org", "pid", "other"])


class Believer:
    def verify(self, signing_input: bytes, signature: bytes) -> bool:
        return True


@given(st.dictionaries(NAMES_OF_CLAIMS, json_values, max_size=3), st.sampled_from(["standard", "maskinporten"]))
def test_whatever_is_signed_ends_in_an_assertion_or_a_refusal(changes: dict[str, Any], profile: str) -> None:
    """Claims of any type and value never raise anything but Refusal, and what passes keeps the promises of its type."""
    believing = replace(client_key(key("RS256")), verifier=Believer())
    jws = UnverifiedJws(header(key("RS256")), claims(**changes), b"", b"")
    client = make_client(keys={believing.kid: believing})
    try:
        unverified = assertion.peek(jws, GRANT)
        signed = assertion.verify(unverified, make_request(), client, REQUEST_PROFILES[profile], ISSUER, NOW)
    except Refusal:
        return
    assert signed.client_id == CLIENT_ID
    assert signed.scopes
    assert all(isinstance(scope, str) for scope in signed.scopes)
    assert NOW < signed.remember_until <= NOW + limits.LONGEST_ASSERTION_MEMORY
    assert 1 <= len(signed.assertion_id) <= limits.JTI_CHARS


def test_an_unverified_assertion_does_not_show_itself() -> None:
    """Its representation tells nothing of what was sent."""
    assert CLIENT_ID not in repr(peeked(make_assertion()))
