"""RFC 7521, RFC 7523 and RFC 8725: an assertion as an authorization grant."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.conformance.clauses import clause, refusal_of
from tests.support.authority import Authority
from tests.support.http import Answer
from tests.support.keys import as_json, base64url, make_key
from tests.support.registrar import JWT_BEARER, RegisteredClient, Registrar

INVALID_GRANT = (400, "invalid_grant")
INVALID_REQUEST = (400, "invalid_request")
Post = Callable[[str], Answer]


@pytest.fixture
def post(authority: Authority) -> Post:
    """Post any text as the assertion of a grant."""
    return lambda assertion: authority.post({"grant_type": JWT_BEARER, "assertion": assertion})


def soon(life: int = 60) -> int:
    """A time to come."""
    return int(time.time()) + life


@clause("RFC 7523 §2.1", "RFC 7521 §4.1")
def test_the_grant(authority: Authority, client: RegisteredClient) -> None:
    """`grant_type` is the URN of the JWT bearer grant and `assertion` one JWT; the client needs no other credential."""
    assert authority.post({"grant_type": JWT_BEARER, "assertion": client.assertion()}).status == 200
    twice = [("grant_type", JWT_BEARER), ("assertion", client.assertion()), ("assertion", client.assertion())]
    assert refusal_of(authority.post(twice)) == INVALID_REQUEST


@clause("RFC 7521 §4.1.1", "RFC 7523 §3.1", "R-020")
def test_an_invalid_assertion_is_an_invalid_grant(post: Post, client: RegisteredClient) -> None:
    """A grant that does not hold is `invalid_grant`, with 400, and the description may say why."""
    assert refusal_of(post(make_key("ES256", client.key.kid).jwt(client.claims()))) == INVALID_GRANT


@clause("RFC 7523 §3(1)", "R-009")
def test_iss_is_one_active_client(authority: Authority, client: RegisteredClient, registry: Registrar) -> None:
    """`iss` is required, a string, and names one client that is active."""
    for issuer in (None, "", "nobody", 7, [client.id], {"iss": client.id}):
        assert refusal_of(authority.token(client, iss=issuer)) == INVALID_GRANT
    disabled = registry.granted_client()
    registry.set_client(disabled, active=False)
    assert refusal_of(authority.token(disabled)) == INVALID_GRANT


@clause("RFC 7523 §3(2)", "R-010")
def test_sub_names_the_client_or_is_absent(authority: Authority, client: RegisteredClient) -> None:
    """A grant needs no `sub`; one that is there is the client id."""
    assert authority.token(client, sub=client.id).status == 200
    assert authority.token(client).status == 200
    for other in ("", "other", [client.id]):
        assert refusal_of(authority.token(client, sub=other)) == INVALID_GRANT


@clause("RFC 7523 §3(3)", "R-004")
def test_aud_is_this_authority_alone(authority: Authority, client: RegisteredClient) -> None:
    """`aud` is required and is the issuer, compared as a plain string, as its only value."""
    issuer = authority.issuer
    assert authority.token(client, aud=[issuer]).status == 200
    for other in (None, issuer[:-1], issuer.upper(), f"{issuer}token", [issuer, issuer], [issuer, "x"], "https://x/"):
        assert refusal_of(authority.token(client, aud=other)) == INVALID_GRANT


@clause("RFC 7523 §3(4)", "R-007")
def test_exp_is_required_and_near(authority: Authority, client: RegisteredClient) -> None:
    """`exp` is required, an integer, to come, and at most 120 seconds after `iat`."""
    now = int(time.time())
    assert authority.token(client, iat=now, exp=now + 120).status == 200
    assert refusal_of(authority.token(client, exp=None)) == INVALID_GRANT
    assert refusal_of(authority.token(client, iat=now - 60, exp=now - 11)) == INVALID_GRANT
    assert refusal_of(authority.token(client, iat=now, exp=now + 121)) == INVALID_GRANT
    for malformed in (str(now + 60), now + 60.5, True, 10**30):
        assert refusal_of(authority.token(client, exp=malformed)) == INVALID_REQUEST


@clause("RFC 7523 §3(5)", "R-008")
def test_nbf_is_honoured(authority: Authority, client: RegisteredClient) -> None:
    """An assertion is not used before its `nbf`."""
    assert authority.token(client, nbf=soon(-60)).status == 200
    assert refusal_of(authority.token(client, nbf=soon(60))) == INVALID_GRANT


@clause("RFC 7523 §3(6)", "R-008")
def test_iat_is_now(authority: Authority, client: RegisteredClient) -> None:
    """`iat` is required, not from the future and not older than 130 seconds; times come as integers."""
    assert authority.token(client, iat=soon(5), exp=soon(60)).status == 200
    for late in (soon(60), None):
        assert refusal_of(authority.token(client, iat=late, exp=soon(100))) == INVALID_GRANT
    assert refusal_of(authority.token(client, iat=soon(-140), exp=soon(-25))) == INVALID_GRANT


@clause("RFC 7523 §3(7)", "RFC 7521 §5.2", "R-006")
def test_jti_is_required_and_used_once(authority: Authority, client: RegisteredClient, registry: Registrar) -> None:
    """A `jti` is required and is used once for its issuer; another issuer may use the same."""
    assert refusal_of(authority.token(client, jti=None)) == INVALID_GRANT
    assert authority.token(client, jti="once").status == 200
    assert authority.token(client, jti="once").refusal == (400, "invalid_grant", "MP-012")
    assert authority.token(registry.granted_client(), jti="once").status == 200


@clause("RFC 7523 §3(8)")
def test_a_claim_not_understood_is_refused_by_name(authority: Authority, client: RegisteredClient) -> None:
    """Claims beyond the standard's may be there if they are known here; of any other the sender is told."""
    answer = authority.token(client, purpose="x")
    assert refusal_of(answer) == INVALID_REQUEST
    assert "unknown claim purpose" in answer.json["error_description"]


@clause("RFC 7523 §3(9)", "RFC 8725 §3.8", "R-001")
def test_a_key_verifies_for_its_own_client_only(post: Post, registry: Registrar) -> None:
    """Of every key with every issuer, exactly those pairs hold that are registered."""
    clients = [registry.granted_client(alg=alg) for alg in ("ES256", "ES256", "Ed25519", "RS256")]
    for issuer in clients:
        for signer in clients:
            answer = post(signer.key.jwt(issuer.claims()))
            assert (answer.status == 200) == (issuer is signer)


@clause("RFC 8725 §3.1", "RFC 8725 §3.2", "R-002")
def test_algorithms_come_from_a_list(authority: Authority, client: RegisteredClient) -> None:
    """`alg` is one of the profile's, to the letter, and never `none` or a MAC."""
    for alg in ("none", "None", "nOnE", "HS256", "es256", "ES256 ", "ES512", "EdDSA", "RS1", "", "RSA-OAEP"):
        answer = authority.token(client, header={"alg": alg})
        assert (refusal_of(answer), answer.code) == (INVALID_GRANT, "AS-024")


@clause("RFC 8725 §3.1", "R-003")
def test_a_key_has_one_algorithm(post: Post, registry: Registrar) -> None:
    """A key registered for RS256 verifies no PS256 signature, though the same key could."""
    client = registry.granted_client(alg="RS256")
    pss = type(client.key)("PS256", client.key.kid, client.key.private)
    answer = post(pss.jwt(client.claims()))
    assert (refusal_of(answer), answer.code) == (INVALID_GRANT, "AS-104")


@clause("RFC 8725 §3.10", "R-011")
def test_a_header_never_brings_a_key(authority: Authority, client: RegisteredClient) -> None:
    """`jwk`, `jku` and `x5u` refuse the assertion, and nothing is fetched."""
    own = {key: value for key, value in client.key.jwk.items() if key != "kid"}
    for header in ({"jwk": own}, {"jku": "https://127.0.0.1:1/"}, {"x5u": "https://127.0.0.1:1/"}):
        assert authority.token(client, header=header).code == "AS-022"


@clause("RFC 7515 §4.1.11", "R-012")
def test_crit_is_always_refused(authority: Authority, client: RegisteredClient) -> None:
    """No extension is understood, so any `crit` refuses, also an empty one."""
    for crit in ([], ["alg"], ["exp"], ["x", "x"], "b64"):
        assert authority.token(client, header={"crit": crit, "x": 1}).code == "AS-022"


@clause("RFC 7515 §4", "RFC 7519 §4", "R-013")
def test_json_has_one_reading(post: Post, client: RegisteredClient) -> None:
    """Member names are unique at any depth, and the text is UTF-8 without byte-order mark."""
    header = as_json({"alg": "ES256", "kid": client.key.kid})
    good = as_json(client.claims())
    for payload in (
        good[:-1] + b',"iss":"x"}',
        good[:-1] + b',"\\u0069ss":"x"}',
        b"\xef\xbb\xbf" + good,
        good.decode().encode("utf-16-le"),
    ):
        assert post(client.key.jws(header, payload)).code == "MP-011"
    assert post(client.key.jws(header[:-1] + b',"alg":"ES256"}', good)).code == "MP-011"


@clause("RFC 7515 §2", "R-014")
def test_base64url_has_one_spelling(post: Post, client: RegisteredClient) -> None:
    """No padding, no white space, no foreign alphabet, no stray bits, and exactly two dots."""
    assertion = client.assertion()
    stray = assertion[:-1] + {"A": "B", "Q": "R", "g": "h", "w": "x"}.get(assertion[-1], "_")
    for other in (
        f"{assertion}=",
        f"{assertion}\n",
        assertion.replace(".", "..", 1),
        f"{assertion}.",
        f"{assertion}+",
        stray,
    ):
        assert post(other).status == 400
        assert post(other).code in {"MP-011", "MP-124"}


@clause("RFC 8725 §3.6", "R-015")
def test_encrypted_and_compressed_tokens_are_refused(
    authority: Authority, post: Post, client: RegisteredClient
) -> None:
    """Five parts are no assertion, and `zip` is refused."""
    assert post(".".join(["e30"] * 5)).code == "MP-011"
    assert authority.token(client, header={"zip": "DEF"}).code == "AS-022"


@clause("RFC 8725 §3.11", "RFC 8725 §3.12", "R-016")
def test_kinds_of_tokens_are_not_exchanged(authority: Authority, post: Post, client: RegisteredClient) -> None:
    """An access token, a client authentication and anything typed otherwise is no grant."""
    assert post(authority.token(client).token).status == 400
    assert post(client.credentials_form()["client_assertion"]).code == "AS-023"
    for typ in ("at+jwt", "secevent+jwt", "dpop+jwt", "token-introspection+jwt", "logout+jwt", "application/jwt"):
        assert authority.token(client, header={"typ": typ}).code == "AS-023"


@clause("RFC 7515 §4.1.4", "R-019")
def test_kid_is_a_name_and_nothing_else(authority: Authority, client: RegisteredClient) -> None:
    """A `kid` is looked up among the client's own keys, whatever it looks like."""
    for kid in ("../key", "' OR 1=1 --", "a\0b", "%s%n", "file:///etc/passwd", "x" * 200):
        answer = authority.token(client, header={"kid": kid})
        assert answer.code in {"AS-103", "MP-011"}


@clause("RFC 7518 §3.4", "R-036")
def test_an_ecdsa_signature_is_r_and_s(post: Post, client: RegisteredClient) -> None:
    """R and S of fixed length, each between 1 and n-1; DER is refused."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    unsigned = client.assertion().rpartition(".")[0]
    good = client.key.sign(unsigned.encode())
    r, s = good[:32], good[32:]
    for bad in (
        b"\0" * 64,
        bytes(32) + s,
        r + bytes(32),
        r + (int.from_bytes(s, "big") + order).to_bytes(33, "big"),
        good + b"\0",
        b"\0" + good,
        good[:63],
        b"\x30\x44\x02\x20" + r + b"\x02\x20" + s,
    ):
        assert post(f"{unsigned}.{base64url(bad)}").code == "MP-124"
    assert post(f"{unsigned}.{base64url(good)}").status == 200


@clause("R-051")
def test_a_key_that_is_not_for_signatures_never_verifies(registry: Registrar) -> None:
    """`use`, `key_ops` and `alg` of a registered key are honoured, at registration."""
    from authserver.oauth.errors import Refusal
    from authserver.oauth.jwk import accept

    jwk = make_key("ES256").jwk
    changes: list[dict[str, Any]] = [{"use": "enc"}, {"key_ops": ["sign"]}, {"key_ops": "verify"}, {"alg": "ECDH-ES"}]
    for change in changes:
        with pytest.raises(Refusal):
            accept({**jwk, **change})


@clause("R-031")
def test_every_token_is_on_record(authority: Authority, client: RegisteredClient, registry: Registrar) -> None:
    """The decision is there when the token is; tests/hostile kills everything to see it."""
    from hashlib import sha256

    token = authority.token(client).token
    assert registry.decision(token_sha256=sha256(token.encode()).hexdigest()) is not None


@clause("R-030")
def test_a_revocation_holds_for_the_next_request(authority: Authority, registry: Registrar) -> None:
    """After a revocation has returned no token rests on what was revoked; tests/hostile does it under load."""
    client = registry.granted_client()
    assert authority.token(client).status == 200
    registry.remove_key(client)
    assert refusal_of(authority.token(client)) == INVALID_GRANT


@clause("R-059")
def test_a_key_stops_at_its_second(authority: Authority, post: Post, registry: Registrar) -> None:
    """An expired key stops working when it was registered to."""
    client, brief, end = registry.granted_client(), make_key(), int(time.time()) + 2
    registry.add_key(client, brief, expires_at=end)
    time.sleep(max(0, end - time.time()))
    assert post(brief.jwt(client.claims())).code == "MP-121"
    assert authority.token(client).status == 200
