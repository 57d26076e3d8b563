"""RFC 8414, RFC 7517 and RFC 7638: what is published, what is taken in, and how keys are named."""

from __future__ import annotations

import json
import time
from hashlib import sha256

import pytest

from authserver.oauth.errors import Refusal
from authserver.oauth.jwk import accept
from tests.conformance.clauses import clause
from tests.support.authority import Authority
from tests.support.keys import base64url, make_key
from tests.support.registrar import RegisteredClient, Registrar

METADATA = "/.well-known/oauth-authorization-server"


@clause("RFC 8414 §2", "RFC 8414 §3", "R-037")
def test_metadata_is_where_clients_look(authority: Authority) -> None:
    """The document stands at its well-known path and has the required members; the issuer has no query or fragment."""
    answer = authority.get(METADATA)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    metadata = answer.json
    assert metadata["issuer"] == authority.issuer
    assert {"issuer", "token_endpoint", "response_types_supported"} <= metadata.keys()
    assert not set(metadata["issuer"]) & set("?#")


@clause("RFC 8414 §2", "R-039")
def test_every_advertised_algorithm_works_and_no_other(
    authority: Authority, registry: Registrar, client: RegisteredClient
) -> None:
    """What the metadata says about algorithms and grants is what the token endpoint does."""
    metadata = authority.get(METADATA).json
    advertised = set(metadata["token_endpoint_auth_signing_alg_values_supported"])
    for alg in ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "Ed25519"):
        answer = authority.token(registry.granted_client(alg=alg))
        assert (answer.status == 200) == (alg in advertised), alg
    for grant in ("authorization_code", "password", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"):
        assert grant not in metadata["grant_types_supported"]
        assert authority.post({"grant_type": grant}).json["error"] == "unsupported_grant_type"
    assert authority.post(client.form()).status == authority.post(client.credentials_form()).status == 200
    assert len(metadata["grant_types_supported"]) == 2


@clause("RFC 8414 §2", "R-039")
def test_every_advertised_address_answers(authority: Authority) -> None:
    """Each URL in the metadata is one of this authority's own, and is there."""
    metadata = authority.get(METADATA).json
    for name, value in metadata.items():
        if name.endswith(("_endpoint", "_uri")):
            assert value.startswith(authority.issuer)
            assert authority.get("/" + value.removeprefix(authority.issuer)).status in {200, 405}, name


@clause("RFC 7517 §5", "R-040")
def test_the_published_keys(authority: Authority) -> None:
    """Unique `kid`, `use` and `alg` on every key, and public members only."""
    keys = authority.get("/jwk").json["keys"]
    assert len({key["kid"] for key in keys}) == len(keys) > 0
    for key in keys:
        assert key["use"] == "sig"
        assert key["alg"] in {"RS256", "ES256"}
        assert {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}.isdisjoint(key)


@clause("RFC 7638 §3")
def test_keys_are_named_by_their_thumbprint(authority: Authority) -> None:
    """Our `kid` is SHA-256 over the required members in order, without white space."""
    members = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}
    for key in authority.get("/jwk").json["keys"]:
        required = json.dumps({name: key[name] for name in members[key["kty"]]}, separators=(",", ":"))
        assert key["kid"] == base64url(sha256(required.encode()).digest())


@clause("R-033")
def test_a_key_with_private_members_is_refused_at_once(registry: Registrar) -> None:
    """No private or symmetric member comes in, whatever its size."""
    jwk = make_key("RS256").jwk
    for member in ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"):
        with pytest.raises(Refusal):
            accept({**jwk, member: "AQAB" * 10_000})


@clause("R-034")
def test_a_weak_rsa_key_is_refused() -> None:
    """An RSA key has 2048 to 4096 bits, the exponent 65537, and no small or close factors."""
    jwk = make_key("RS256").jwk
    number = int.from_bytes(b"\xff" * 256, "big")
    for change in (
        {"n": base64url(b"\xff" * 128)},
        {"n": base64url(b"\xff" * 2048)},
        {"n": base64url(number.to_bytes(256, "big"))},
        {"e": "Aw"},
        {"e": "AQ"},
        {"e": "AQAAAAE"},
    ):
        with pytest.raises(Refusal):
            accept({**jwk, **change})


@clause("RFC 8037 §2", "R-035")
def test_a_small_order_ed25519_key_is_refused() -> None:
    """Points under which forgeries verify, points that are not canonical, and other lengths are no keys."""
    for point in (bytes(32), b"\1" + bytes(31), b"\xec" + b"\xff" * 30 + b"\x7f", b"\xff" * 32, bytes(31), bytes(33)):
        with pytest.raises(Refusal):
            accept({"kty": "OKP", "crv": "Ed25519", "x": base64url(point)})


@clause("R-052")
def test_a_kid_names_one_key_of_its_client(registry: Registrar) -> None:
    """A second key under a `kid` that the client has had is refused."""
    client = registry.granted_client()
    with pytest.raises(Refusal):
        registry.add_key(client, make_key("ES256", client.key.kid))


@clause("R-053")
def test_a_key_belongs_to_one_organisation(registry: Registrar, client: RegisteredClient) -> None:
    """The same public key, whatever it is called, is refused for another organisation."""
    other = registry.granted_client()
    renamed = type(client.key)(client.key.alg, "another-name", client.key.private)
    with pytest.raises(Refusal):
        registry.add_key(other, renamed)


@clause("R-076")
def test_a_prefix_has_one_owner_for_ever(registry: Registrar) -> None:
    """A prefix is taken once, in one spelling, and not given to another when it is deactivated."""
    prefix = registry.prefix()
    registry.set_prefix(prefix, active=False)
    for again in (prefix, prefix.upper(), f" {prefix}", prefix.replace("p", "\u0440")):
        with pytest.raises(Refusal):
            registry.prefix(again)


@clause("R-047")
def test_ids_are_unguessable(authority: Authority, client: RegisteredClient) -> None:
    """Token ids and trace ids have at least 128 bits and never repeat."""
    from tests.support.tokens import claims_of

    ids = [claims_of(authority.token(client).token)["jti"] for _ in range(30)]
    assert len(set(ids)) == 30
    assert min(map(len, ids)) >= 22
    traces = {authority.post({}).trace_id for _ in range(30)}
    assert len(traces) == 30


@clause("R-041")
def test_a_new_key_is_announced_before_it_signs(authority: Authority, client: RegisteredClient) -> None:
    """After a rotation both keys are published, and the old one goes on signing until caches know the new one."""
    from authserver.services import open_key_ring
    from tests.support.tokens import header_of

    before = header_of(authority.token(client).token)["kid"]
    made = open_key_ring(authority.settings).rotate("ES256")
    deadline = time.monotonic() + 30
    while made.kid not in {key["kid"] for key in authority.get("/jwk").json["keys"]}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert header_of(authority.token(client).token)["kid"] == before
    assert made.active_from - time.time() >= 3600
