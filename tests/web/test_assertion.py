"""An assertion that is not good in every way gets the one refusal that names what is wrong, and no token."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.authority import Authority
from tests.support.http import broken_promises
from tests.support.keys import as_json, base64url, make_key
from tests.support.registrar import JWT_BEARER, RegisteredClient
from tests.web.conftest import assert_issued, assert_refused

CANARY = "Kanarifugl7"


def grant(assertion: str) -> dict[str, str]:
    """Put any assertion into the form of a grant."""
    return {"grant_type": JWT_BEARER, "assertion": assertion}


def at(offset: float, kind: type = int) -> Callable[[int], Any]:
    """A time so many seconds from the moment of the test."""
    return lambda now: kind(now + offset)


def times(issued: int, life: int) -> dict[str, Any]:
    """Say when an assertion was issued, in seconds from the moment of the test, and for how long."""
    return {"iat": at(issued), "exp": at(issued + life)}


def timely(claims: dict[str, Any]) -> dict[str, Any]:
    """Fill in the times."""
    now = int(time.time())
    return {name: value(now) if callable(value) else value for name, value in claims.items()}


@pytest.mark.parametrize(
    "assertion",
    [
        CANARY,
        "a.b",
        "a.b.c.d",
        "a.b.c.d.e",
        "..",
        "a..c",
        "e30.e30.",
        "e30=.e30=.YQ==",
        "e30.e30.YQ\n",
        " e30.e30.YQ",
        "e30.e31.YQ",
        '{"payload":"e30","signatures":[]}',
    ],
)
def test_what_is_no_compact_jwt_is_malformed(authority: Authority, assertion: str) -> None:
    """Anything but three canonical base64url segments of JSON is refused before anyone is looked up."""
    assert_refused(authority.post(grant(assertion)), 400, "invalid_request", "MP-011", CANARY)


def test_a_truncated_assertion_never_gets_a_token(authority: Authority, client: RegisteredClient) -> None:
    """Cut off anywhere, an assertion is refused as malformed or for its signature."""
    whole = client.assertion()
    for length in range(1, len(whole), 17):
        answer = authority.post(grant(whole[:length]))
        assert answer.refusal in {(400, "invalid_request", "MP-011"), (400, "invalid_grant", "MP-124")}, length
        assert broken_promises(answer, client.id, client.key.kid) == []


@pytest.mark.parametrize(
    "payload",
    [
        b'{"iss":"a","iss":"b"}',
        b'{"iss":"a","x":{"y":1,"y":2}}',
        b'{"iss":NaN}',
        b'\xef\xbb\xbf{"iss":"a"}',
        '{"iss":"a"}'.encode("utf-16"),
        b'{"iss":"\\ud800"}',
        b'{"iss":"a\\u0000"}',
        b'{"iss":"\xff"}',
        b"[]",
        b'"a"',
        b"null",
        b'{"x":' + b"[" * 60 + b"]" * 60 + b"}",
        b'{"x":1e999}',
        b'{"x":' + b"9" * 4000 + b"}",
    ],
)
def test_json_that_two_readers_could_read_differently_is_malformed(
    authority: Authority, client: RegisteredClient, payload: bytes
) -> None:
    """Repeated members, foreign encodings and numbers out of range are refused, though properly signed."""
    header = as_json({"alg": "ES256", "kid": client.key.kid})
    answer = authority.post(grant(client.key.jws(header, payload)))
    assert_refused(answer, 400, "invalid_request", "MP-011")


@pytest.mark.parametrize(("size", "code"), [(9_000, "AS-021"), (25_000, "AS-021"), (40_000, "AS-021")])
def test_an_oversized_assertion_is_refused_unread(
    authority: Authority, client: RegisteredClient, size: int, code: str
) -> None:
    """No assertion of more than the limit is decoded, however well it is signed."""
    answer = authority.token(client, scope=CANARY + "a" * size)
    assert_refused(answer, 400, "invalid_request", code, CANARY)


@pytest.mark.parametrize(
    ("header", "refusal"),
    [
        ({"crit": []}, (400, "invalid_grant", "AS-022")),
        ({"crit": ["b64"], "b64": True}, (400, "invalid_grant", "AS-022")),
        ({"jwk": {"kty": CANARY}}, (400, "invalid_grant", "AS-022")),
        ({"jku": f"https://{CANARY}.example/"}, (400, "invalid_grant", "AS-022")),
        ({"x5u": f"https://{CANARY}.example/"}, (400, "invalid_grant", "AS-022")),
        ({"zip": "DEF"}, (400, "invalid_grant", "AS-022")),
        ({"typ": "at+jwt"}, (400, "invalid_grant", "AS-023")),
        ({"typ": "client-authentication+jwt"}, (400, "invalid_grant", "AS-023")),
        ({"typ": CANARY}, (400, "invalid_grant", "AS-023")),
        ({"typ": 5}, (400, "invalid_grant", "AS-023")),
        ({"alg": "none"}, (400, "invalid_grant", "AS-024")),
        ({"alg": "HS256"}, (400, "invalid_grant", "AS-024")),
        ({"alg": "es256"}, (400, "invalid_grant", "AS-024")),
        ({"alg": CANARY}, (400, "invalid_grant", "AS-024")),
        ({"alg": None}, (400, "invalid_grant", "AS-024")),
        ({"alg": ["ES256"]}, (400, "invalid_grant", "AS-024")),
        ({"alg": "ES384"}, (400, "invalid_grant", "AS-104")),
        ({"alg": "RS256"}, (400, "invalid_grant", "AS-104")),
        ({"kid": None}, (400, "invalid_grant", "AS-102")),
        ({"kid": CANARY}, (400, "invalid_grant", "AS-103")),
        ({"kid": "../../etc/passwd"}, (400, "invalid_grant", "AS-103")),
        ({"kid": "' OR 1=1 --"}, (400, "invalid_grant", "AS-103")),
        ({"kid": 1}, (400, "invalid_grant", "AS-103")),
        ({"kid": "k" * 129}, (400, "invalid_grant", "AS-103")),
        ({"x5c": []}, (400, "invalid_grant", "MP-123")),
        ({"x5c": "x"}, (400, "invalid_grant", "MP-123")),
    ],
)
def test_a_header_chooses_neither_key_nor_algorithm(
    authority: Authority, client: RegisteredClient, header: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    """Only `alg` and `kid` of a registered key are taken, and nothing that could name a key or change the rules."""
    assert_refused(authority.post(grant(client.assertion(header=header))), *refusal, CANARY, client.key.kid)


@pytest.mark.parametrize(
    "issuer", ["Kanarifugl7", "", None, 1, ["x"], {"a": 1}, True, "x" * 129, "æøå", "'; DROP TABLE"]
)
def test_an_unknown_client_is_refused_as_such(authority: Authority, client: RegisteredClient, issuer: object) -> None:
    """An `iss` that is no registered client, or no text at all, gets MP-100."""
    assert_refused(authority.token(client, iss=issuer), 400, "invalid_grant", "MP-100", CANARY)


def test_the_same_id_in_other_letters_is_another_client(authority: Authority, client: RegisteredClient) -> None:
    """Client ids are compared to the letter."""
    for near in (client.id.upper(), client.id + " ", f" {client.id}", client.id + "\u200b"):
        assert_refused(authority.token(client, iss=near), 400, "invalid_grant", "MP-100")


def test_a_foreign_key_under_a_known_kid_does_not_verify(authority: Authority, client: RegisteredClient) -> None:
    """A signature by any other key is MP-124."""
    impostor = make_key("ES256", client.key.kid)
    answer = authority.post(grant(impostor.jwt(client.claims())))
    assert_refused(answer, 400, "invalid_grant", "MP-124", client.id)


def test_a_key_signs_for_its_own_client_only(authority: Authority, client: RegisteredClient) -> None:
    """Every other client's key is unknown to this client, though it is in the registry."""
    other = authority.registry.granted_client()
    answer = authority.post(grant(other.key.jwt(client.claims())))
    assert_refused(answer, 400, "invalid_grant", "AS-103", other.key.kid)


def test_a_changed_claim_breaks_the_signature(authority: Authority, client: RegisteredClient) -> None:
    """What was signed is what counts."""
    header, _, signature = client.assertion().split(".")
    forged = base64url(as_json(client.claims(scope=CANARY)))
    assert_refused(authority.post(grant(f"{header}.{forged}.{signature}")), 400, "invalid_grant", "MP-124", CANARY)


@pytest.mark.parametrize(
    "signature", [b"\0" * 64, b"\0" * 63, b"\xff" * 64, b"0\x06\x02\x01\x01\x02\x01\x01", b"x" * 500]
)
def test_a_signature_of_no_sense_does_not_verify(
    authority: Authority, client: RegisteredClient, signature: bytes
) -> None:
    """Zeros, DER and lengths of all kinds are no ECDSA signature (RFC 7518 §3.4)."""
    unsigned = client.assertion().rpartition(".")[0]
    answer = authority.post(grant(f"{unsigned}.{base64url(signature)}"))
    assert_refused(answer, 400, "invalid_grant", "MP-124")


@pytest.mark.parametrize(
    "audience",
    [
        "{issuer}/",
        "{issuer}token",
        "{bare}",
        "{issuer} ",
        "HTTP:{rest}",
        "https:{rest}",
        "http://localhost:{port}/",
        "http://127.0.0.1/",
        ["{issuer}", "{issuer}"],
        ["{issuer}", "https://kanarifugl7.example/"],
        [["{issuer}"]],
        {"0": "{issuer}"},
        [],
        0,
        "",
        None,
    ],
)
def test_only_the_issuer_itself_is_the_audience(
    authority: Authority, client: RegisteredClient, audience: object
) -> None:
    """The audience is our issuer to the letter and nobody beside it: no forgiveness for a slash, a port or a case."""
    issuer = authority.issuer
    values = {"issuer": issuer, "bare": issuer[:-1], "rest": issuer[5:], "port": authority.port}
    text = json.dumps(audience)
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    answer = authority.token(client, aud=json.loads(text))
    assert_refused(answer, 400, "invalid_grant", "MP-110", "kanarifugl7")


def test_the_issuer_in_an_array_of_one_is_the_same_audience(authority: Authority, client: RegisteredClient) -> None:
    """A string and an array of that one string mean the same (RFC 7519 §4.1.3)."""
    assert_issued(authority.token(client, aud=[authority.issuer]))


@pytest.mark.parametrize(
    ("claims", "refusal"),
    [
        (times(-110, 60), (400, "invalid_grant", "MP-130")),
        (times(-60, 0), (400, "invalid_grant", "MP-130")),
        (times(-60, -10), (400, "invalid_grant", "MP-130")),
        (times(60, 60), (400, "invalid_grant", "AS-131")),
        (times(3600, 100), (400, "invalid_grant", "AS-131")),
        ({"nbf": at(10_000)}, (400, "invalid_grant", "AS-131")),
        (times(-5, 121), (400, "invalid_grant", "AS-132")),
        (times(-5, 10**9), (400, "invalid_grant", "AS-132")),
        (times(-5, 2**52), (400, "invalid_grant", "AS-132")),
        ({"iat": None}, (400, "invalid_grant", "AS-112")),
        ({"exp": None}, (400, "invalid_grant", "AS-112")),
        ({"jti": None}, (400, "invalid_grant", "AS-112")),
        ({"scope": None}, (400, "invalid_grant", "AS-112")),
        ({"iat": at(0, str)}, (400, "invalid_request", "MP-011")),
        ({"exp": at(60, float)}, (400, "invalid_request", "MP-011")),
        ({"iat": True}, (400, "invalid_request", "MP-011")),
        ({"exp": [60]}, (400, "invalid_request", "MP-011")),
        ({"nbf": "0"}, (400, "invalid_request", "MP-011")),
        ({"jti": ""}, (400, "invalid_request", "MP-011")),
        ({"jti": 5}, (400, "invalid_request", "MP-011")),
        ({"jti": "a b"}, (400, "invalid_request", "MP-011")),
        ({"jti": "sha256#" + "0" * 64}, (400, "invalid_request", "MP-011")),
        ({"jti": "j" * 257}, (400, "invalid_request", "MP-011")),
        ({"scope": ["a:b"]}, (400, "invalid_request", "MP-011")),
        ({"resource": 7}, (400, "invalid_request", "MP-011")),
        ({"consumer_org": 974761076}, (400, "invalid_request", "MP-011")),
        ({"consumer_org": "0192:974761076"}, (400, "invalid_request", "MP-011")),
        ({"pid": "1234"}, (400, "invalid_request", "MP-011")),
        ({"sub": CANARY}, (400, "invalid_grant", "AS-111")),
        ({"sub": ""}, (400, "invalid_grant", "AS-111")),
        ({"authorization_details": [{"type": CANARY}]}, (400, "invalid_authorization_details", "MP-301")),
    ],
)
def test_a_claim_outside_its_bounds_is_refused(
    authority: Authority, client: RegisteredClient, claims: dict[str, Any], refusal: tuple[int, str, str]
) -> None:
    """Each claim has one type and one range, and the refusal names the claim or the rule."""
    assert_refused(authority.token(client, **timely(claims)), *refusal, CANARY, client.id)


@pytest.mark.parametrize("claims", [times(-100, 110), times(5, 120), times(-5, 120), {"nbf": at(-10_000)}])
def test_a_claim_inside_its_bounds_is_taken(
    authority: Authority, client: RegisteredClient, claims: dict[str, Any]
) -> None:
    """An old, a long and a slightly early assertion within the limits gets its token."""
    assert_issued(authority.token(client, **timely(claims)))


def test_an_unknown_claim_is_named_and_its_value_is_not(authority: Authority, client: RegisteredClient) -> None:
    """The sender is told which claim means nothing here, by a name made safe to show."""
    answer = authority.token(client, **{"my<claim>": CANARY})
    assert_refused(answer, 400, "invalid_request", "MP-011", CANARY, "<claim>")
    assert "unknown claim my?claim?" in answer.json["error_description"]


def test_an_assertion_is_used_once(authority: Authority, client: RegisteredClient) -> None:
    """The same assertion again is MP-012, and the text says what to do."""
    form = client.form()
    assert_issued(authority.post(form))
    again = authority.post(form)
    assert_refused(again, 400, "invalid_grant", "MP-012")
    assert "new jti" in again.json["error_description"]


def test_a_jti_is_used_once_whatever_else_is_new(authority: Authority, client: RegisteredClient) -> None:
    """Another assertion of the same client with a `jti` that was used is a replay too."""
    assert_issued(authority.token(client, jti="the-same"))
    assert_refused(authority.token(client, jti="the-same", exp=int(time.time()) + 50), 400, "invalid_grant", "MP-012")


def test_two_clients_may_choose_the_same_jti(authority: Authority, client: RegisteredClient) -> None:
    """A `jti` is unique within its issuer only (RFC 7523 §3)."""
    other = authority.registry.granted_client()
    assert_issued(authority.token(client, jti="shared"))
    assert_issued(authority.token(other, jti="shared"))


def test_a_refused_request_does_not_use_up_its_assertion(authority: Authority) -> None:
    """What was refused for want of access can be sent again once access is granted."""
    client = authority.registry.client(authority.registry.scope())
    form = client.form()
    assert_refused(authority.post(form), 403, "forbidden", "MP-250")
    authority.registry.grant(client.scopes[0], client.orgno)
    assert_issued(authority.post(form))


def test_the_ecdsa_twin_of_a_signature_is_the_same_assertion(authority: Authority, client: RegisteredClient) -> None:
    """ECDSA lets anyone turn (r, s) into (r, n-s); that does not make a second use."""
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    assertion = client.assertion()
    signature = client.key.sign(assertion.rpartition(".")[0].encode())
    twin = signature[:32] + (order - int.from_bytes(signature[32:], "big")).to_bytes(32, "big")
    assert_issued(authority.post(grant(f"{assertion.rpartition('.')[0]}.{base64url(twin)}")))
    assert_refused(authority.post(grant(assertion)), 400, "invalid_grant", "MP-012")
