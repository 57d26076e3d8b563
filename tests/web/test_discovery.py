"""What anyone may read: metadata and keys, cacheable, with strong entity tags, and nothing that is private."""

from __future__ import annotations

from hashlib import sha256

import jwt
import pytest

from tests.support.authority import Authority
from tests.support.http import request
from tests.support.keys import as_json, base64url
from tests.support.registrar import JWT_BEARER

METADATA = ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration")
KEYS = ("/jwk", "/jwks", "/.well-known/jwks.json")
PRIVATE = {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}


def test_the_metadata_of_the_standard_profile(authority: Authority) -> None:
    """Exactly what is enforced is advertised (RFC 8414 §2)."""
    assert authority.get(METADATA[0]).json == {
        "issuer": authority.issuer,
        "token_endpoint": f"{authority.issuer}token",
        "jwks_uri": f"{authority.issuer}jwk",
        "grant_types_supported": [JWT_BEARER, "client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["ES256", "ES384", "Ed25519", "PS256", "RS256"],
        "profile": "standard",
    }


def test_the_metadata_of_the_maskinporten_profile(maskinporten: Authority) -> None:
    """Under `maskinporten` there is one grant type, and RSA alone."""
    metadata = maskinporten.get(METADATA[0]).json
    assert metadata["grant_types_supported"] == [JWT_BEARER]
    assert metadata["token_endpoint_auth_signing_alg_values_supported"] == ["RS256", "RS384", "RS512"]
    assert metadata["profile"] == "maskinporten"


@pytest.mark.parametrize("path", [*METADATA, *KEYS])
@pytest.mark.parametrize("server", ["authority", "maskinporten"])
def test_a_document_is_cacheable_json_for_everyone(request: pytest.FixtureRequest, server: str, path: str) -> None:
    """Type, caching, a strong tag and leave for scripts of any origin to read it."""
    answer = request.getfixturevalue(server).get(path)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["etag"] == f'"{sha256(answer.body).hexdigest()}"'


@pytest.mark.parametrize("aliases", [METADATA, KEYS])
def test_aliases_serve_the_same_bytes(authority: Authority, aliases: tuple[str, ...]) -> None:
    """Every path of a document has the same body and the same tag."""
    answers = [authority.get(path) for path in aliases]
    assert len({(answer.body, answer.headers["etag"]) for answer in answers}) == 1


@pytest.mark.parametrize("path", [METADATA[0], KEYS[0]])
def test_a_known_tag_gets_304_without_a_body(authority: Authority, path: str) -> None:
    """A cache that holds the document is told so (RFC 9110 §13.1.2), and another tag gets the document."""
    etag = authority.get(path).headers["etag"]
    for known in (etag, f'"other", {etag}', f"W/{etag}", "*"):
        answer = authority.get(path, {"if-none-match": known})
        assert (answer.status, answer.body) == (304, b""), known
        assert answer.headers["etag"] == etag
        assert answer.headers["cache-control"] == "public, max-age=3600"
        assert "content-type" not in answer.headers
    for other in ('"other"', etag.strip('"'), ""):
        assert authority.get(path, {"if-none-match": other}).status == 200


@pytest.mark.parametrize("path", [METADATA[0], KEYS[0]])
def test_head_is_get_without_the_body(authority: Authority, path: str) -> None:
    """HEAD has the headers of GET, length included (RFC 9110 §9.3.2)."""
    get, head = authority.get(path), request(authority.port, "HEAD", path)
    assert (head.status, head.body) == (200, b"")
    for name in ("etag", "content-length", "content-type", "cache-control"):
        assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize("path", [METADATA[0], KEYS[0]])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_a_document_is_only_read(authority: Authority, path: str, method: str) -> None:
    """Any other method is 405, and Allow says which are there."""
    answer = request(authority.port, method, path, b"x")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")


def test_the_keys_are_public_and_complete(authority: Authority) -> None:
    """Each key has `kid`, `use` and `alg`, no private member, and its RFC 7638 thumbprint for a name."""
    keys = authority.get("/jwk").json["keys"]
    assert {(key["kty"], key["alg"]) for key in keys} == {("RSA", "RS256"), ("EC", "ES256")}
    for key in keys:
        assert PRIVATE.isdisjoint(key)
        assert key["use"] == "sig"
        members = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}[key["kty"]]
        required = as_json({name: key[name] for name in members})
        assert key["kid"] == base64url(sha256(required).digest())
        assert jwt.PyJWK(key).algorithm_name == key["alg"]
    assert len({key["kid"] for key in keys}) == len(keys)


def test_a_maskinporten_server_publishes_rsa_alone(maskinporten: Authority) -> None:
    """A strict reader that knows RSA only can read the whole set."""
    keys = maskinporten.get("/jwk").json["keys"]
    assert [(key["kty"], key["alg"], key["use"]) for key in keys] == [("RSA", "RS256", "sig")]
    assert PRIVATE.isdisjoint(keys[0])


@pytest.mark.parametrize(
    "path", ["/nowhere", "/jwk/", "/.well-known/", "/.well-known/oauth-authorization-server/", "/api"]
)
def test_a_path_that_does_not_exist_is_404_in_json(authority: Authority, path: str) -> None:
    """There are no redirects, no HTML, and no help for the guesser."""
    answer = authority.get(path)
    assert (answer.status, answer.json["error"]) == (404, "not_found")
    assert "location" not in answer.headers


def test_the_front_page_runs_nothing(authority: Authority) -> None:
    """The page for visitors has no script and a policy that allows none."""
    answer = authority.get("/")
    assert answer.status == 200
    assert b"<script" not in answer.body
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert authority.issuer.encode() in answer.body
