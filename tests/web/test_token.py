"""What a good request gets: a body of exactly four members, and a token that says exactly what was authorized."""

from __future__ import annotations

import json
import time
from hashlib import sha256

import pytest

from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient
from tests.support.tokens import claims_of, header_of, verified
from tests.web.conftest import assert_issued, assert_refused

STANDARD = {"iss", "sub", "aud", "client_id", "client_amr", "consumer", "scope", "iat", "exp", "jti"}
MASKINPORTEN = {"iss", "client_id", "client_amr", "consumer", "scope", "iat", "exp", "jti", "token_type"}
DELEGATED = {"supplier", "delegation_source"}


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "ES384", "Ed25519"])
def test_every_algorithm_of_the_standard_profile_gets_a_token(authority: Authority, alg: str) -> None:
    """Each advertised algorithm signs a grant."""
    assert_issued(authority.token(authority.registry.granted_client(alg=alg)))


@pytest.mark.parametrize("alg", ["RS256", "RS384", "RS512"])
def test_every_algorithm_of_the_maskinporten_profile_gets_a_token(authority: Authority, alg: str) -> None:
    """Each RSA algorithm that Maskinporten documents signs a grant of a client held to that profile."""
    assert_issued(authority.token(authority.registry.granted_client(alg=alg, profile="maskinporten")))


@pytest.mark.parametrize(
    ("profile", "alg"),
    [("standard", "RS384"), ("standard", "RS512"), ("maskinporten", "ES256"), ("maskinporten", "PS256")],
)
def test_an_algorithm_of_another_profile_is_refused(authority: Authority, profile: str, alg: str) -> None:
    """A registered key does not widen the profile of its client."""
    client = authority.registry.granted_client(alg=alg, profile=profile)
    assert_refused(authority.token(client), 400, "invalid_grant", "AS-024")


def test_a_standard_token_is_that_of_rfc_9068(authority: Authority, client: RegisteredClient) -> None:
    """Header and claims are those of RFC 9068 §2 with the parties added, and nothing else."""
    before = int(time.time())
    answer = authority.token(client)
    assert_issued(answer)
    token, claims = answer.token, verified(authority, answer.token, f"{authority.issuer}api/{client.scopes[0][:9]}")
    assert header_of(token).keys() == {"alg", "typ", "kid"}
    assert (header_of(token)["alg"], header_of(token)["typ"]) == ("ES256", "at+jwt")
    assert claims.keys() == STANDARD
    assert claims["iss"] == authority.issuer
    assert claims["sub"] == claims["client_id"] == client.id
    assert claims["client_amr"] == "private_key_jwt"
    assert claims["consumer"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{client.orgno}"}
    assert before <= claims["iat"] <= time.time()
    assert claims["exp"] - claims["iat"] == answer.json["expires_in"] == 600
    assert type(answer.json["expires_in"]) is int
    assert len(claims["jti"]) >= 22
    assert answer.json["scope"] == claims["scope"] == client.scopes[0]
    assert answer.json["token_type"] == "Bearer"


def test_a_maskinporten_token_is_as_documented_there(authority: Authority, legacy_client: RegisteredClient) -> None:
    """RS256, `typ: JWT`, no `sub`, and `aud` only when it was asked for."""
    answer = authority.token(legacy_client)
    assert_issued(answer)
    claims = verified(authority, answer.token)
    assert header_of(answer.token).keys() == {"alg", "typ", "kid"}
    assert (header_of(answer.token)["alg"], header_of(answer.token)["typ"]) == ("RS256", "JWT")
    assert claims.keys() == MASKINPORTEN
    assert claims["token_type"] == "Bearer"
    assert claims["client_amr"] == "private_key_jwt"
    assert claims["consumer"] == {"authority": "iso6523-actorid-upis", "ID": f"0192:{legacy_client.orgno}"}
    assert claims["exp"] - claims["iat"] == answer.json["expires_in"] == 120
    asked = authority.token(legacy_client, resource="https://api.example/")
    assert claims_of(asked.token).keys() == MASKINPORTEN | {"aud"}
    assert claims_of(asked.token)["aud"] == "https://api.example/"


@pytest.mark.parametrize(
    ("profile", "alg", "base"), [("standard", "ES256", STANDARD), ("maskinporten", "RS256", MASKINPORTEN)]
)
def test_a_delegated_token_adds_the_supplier_and_the_source(
    authority: Authority, profile: str, alg: str, base: set[str]
) -> None:
    """`supplier` and `delegation_source` stand in a token exactly when it was delegated, `status` in a standard one."""
    registry = authority.registry
    scope = registry.scope(delegable=True)
    supplier, consumer = registry.client(scope, alg=alg, profile=profile), registry.organisation()
    registry.grant(scope, consumer)
    registry.delegate(consumer, supplier.orgno, scope)
    extra = {"aud", "status"} if profile == "standard" else set()
    assert claims_of(authority.token(supplier, consumer_org=consumer).token).keys() == base | DELEGATED | extra


def test_a_scope_may_have_a_token_profile_of_its_own(authority: Authority) -> None:
    """The owner of a scope chooses the shape of its tokens, whatever the client's profile; two shapes never mix."""
    registry = authority.registry
    old, new = registry.scope(token_profile="maskinporten"), registry.scope()
    client = registry.granted_client(old, new)
    assert header_of(authority.token(client, scope=old).token)["typ"] == "JWT"
    assert header_of(authority.token(client, scope=new).token)["typ"] == "at+jwt"
    assert_refused(authority.token(client), 400, "invalid_scope", "AS-204")


def test_scopes_come_back_in_the_order_they_were_asked_for(authority: Authority) -> None:
    """The answer repeats the request's scopes, each once."""
    prefix = authority.registry.prefix()
    names = [authority.registry.scope(f"{prefix}:{name}") for name in ("b", "c", "a")]
    client = authority.registry.granted_client(*names)
    answer = authority.token(client, scope=" ".join([*names, names[0]]))
    assert answer.json["scope"] == claims_of(answer.token)["scope"] == " ".join(names)


def test_a_person_concerned_is_carried_along(authority: Authority, legacy_client: RegisteredClient) -> None:
    """`pid` of the grant stands in the token."""
    assert claims_of(authority.token(legacy_client, pid="08089409382").token)["pid"] == "08089409382"


def test_no_two_tokens_are_alike(authority: Authority, client: RegisteredClient) -> None:
    """Every token has an id of its own."""
    ids = {claims_of(authority.token(client).token)["jti"] for _ in range(20)}
    assert len(ids) == 20


def test_every_token_is_on_record(authority: Authority, client: RegisteredClient) -> None:
    """The record names the token by its digest, whoever asked, and the key that signed."""
    token = authority.token(client).token
    found = authority.registry.decision(token_sha256=sha256(token.encode()).hexdigest())
    assert found is not None
    assert (found["outcome"], found["client_id"]) == ("issued", client.id)
    assert json.loads(found["scopes"]) == list(client.scopes)
    assert (found["kid"], found["signing_kid"]) == (client.key.kid, header_of(token)["kid"])
    assert (found["token_jti"], found["token_expires_at"]) == (claims_of(token)["jti"], claims_of(token)["exp"])


def test_a_refusal_of_a_proven_client_is_on_record(authority: Authority, client: RegisteredClient) -> None:
    """The trace id of the answer leads to the rule that failed; a stranger's leads nowhere."""
    refused = authority.token(client, scope="kanarifugl7:read")
    found = authority.registry.decision(trace_id=refused.trace_id)
    assert found is not None
    assert (found["outcome"], found["code"], found["reason"]) == ("refused", "MP-200", "scope.not.on.client")
    assert (found["client_id"], found["token_sha256"]) == (client.id, "")
    stranger = authority.token(client, iss="nobody")
    assert authority.registry.decision(trace_id=stranger.trace_id) is None


def test_a_server_of_the_maskinporten_profile_takes_what_its_clients_send(maskinporten: Authority) -> None:
    """No `jti`, times as floats, no `typ`, `nbf`, and a life of 180 seconds are as good as they are there."""
    client = maskinporten.registry.granted_client(alg="RS256")
    now = time.time()
    for changes in (
        {"jti": None},
        {"iat": now, "exp": now + 100},
        {"nbf": int(now)},
        {"iat": int(now) - 100, "exp": int(now) + 80},
        {"iat": int(now) - 170, "exp": int(now) + 5},
        {"header": {"typ": None}},
    ):
        answer = maskinporten.token(client, **changes)
        assert_issued(answer)
        verified(maskinporten, answer.token)
    again = client.form(jti=None, exp=int(now) + 90)
    assert_issued(maskinporten.post(again))
    assert_refused(maskinporten.post(again), 400, "invalid_grant", "MP-012")
    long = maskinporten.token(client, iat=int(now), exp=int(now) + 181)
    assert_refused(long, 400, "invalid_grant", "AS-132")


def test_every_token_verifies_with_a_published_key(authority: Authority, maskinporten: Authority) -> None:
    """Whatever profiles server, client and scope have, the key that signed is in the served set."""
    for server in (authority, maskinporten):
        for client_profile in (None, "standard", "maskinporten"):
            for scope_profile in (None, "standard", "maskinporten"):
                scope = server.registry.scope(token_profile=scope_profile)
                client = server.registry.granted_client(scope, alg="RS256", profile=client_profile)
                shape = scope_profile or client_profile or server.settings.profile
                token = server.token(client).token
                assert verified(server, token)["client_id"] == client.id
                assert header_of(token)["typ"] == ("at+jwt" if shape == "standard" else "JWT")
