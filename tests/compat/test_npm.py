"""openid-client, oauth4webapi and jose from npm, each run by a small script in node/ with JSON in and out."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient

FOLDER = Path(__file__).with_name("node")
SECONDS = 60
API = "https://api.example/income"
FOUR = {"access_token", "token_type", "expires_in", "scope"}

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")


def node(script: str, **task: Any) -> dict[str, Any]:
    """Run a script on a task and return its result; a script that fails fails the test with what it said."""
    done = subprocess.run(
        ["node", f"{script}.mjs"],
        cwd=FOLDER,
        input=json.dumps(task),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def task(client: RegisteredClient, **changes: Any) -> dict[str, Any]:
    """Say what a script needs to act as this client."""
    return {
        "issuer": client.issuer,
        "client_id": client.id,
        "pem": client.key.pem,
        "alg": client.key.alg,
        "kid": client.key.kid,
        "scope": " ".join(client.scopes),
        "algorithm": "oauth2",
        **changes,
    }


@pytest.mark.parametrize("algorithm", ["oauth2", "oidc"])
def test_openid_client_discovers_us_and_fetches_by_jwt_bearer(
    standard: Authority, client: RegisteredClient, algorithm: str
) -> None:
    """openid-client reads our metadata at either well-known address, and its generic grant call gets two tokens."""
    result = node("openid-client", **task(client, algorithm=algorithm))
    assert result["metadata"]["token_endpoint"] == f"{standard.issuer}token"
    assert [set(answer) for answer in result["answers"]] == [FOUR, FOUR]
    assert {answer["scope"] for answer in result["answers"]} == {client.scopes[0]}


def test_openid_client_authenticates_by_private_key_jwt(standard: Authority, client: RegisteredClient) -> None:
    """openid-client's clientCredentialsGrant with PrivateKeyJwt gets a token each time."""
    result = node("openid-client", **task(client, grant="client_credentials"))
    assert [set(answer) for answer in result["answers"]] == [FOUR, FOUR]
    assert len({answer["access_token"] for answer in result["answers"]}) == 2


def test_openid_client_reads_our_refusals(standard: Authority, client: RegisteredClient) -> None:
    """openid-client hands its user our error, our description and our status when a jti is sent twice."""
    first, second = node("openid-client", **task(client, repeat_jti=True))["answers"]
    assert set(first) == FOUR
    assert (second["error"], second["status"]) == ("invalid_grant", 400)
    assert second["error_description"].startswith("MP-012: ")


def test_openid_client_reads_a_refusal_of_its_client_authentication(standard: Authority) -> None:
    """A client_credentials request with a key that was removed is told invalid_client with status 401."""
    client = standard.registry.granted_client(alg="ES256")
    standard.registry.remove_key(client)
    first, _ = node("openid-client", **task(client, grant="client_credentials"))["answers"]
    assert (first["error"], first["status"]) == ("invalid_client", 401)
    assert "Unknown key identifier (kid) for client" in first["error_description"]


def test_oauth4webapi_fetches_a_token_and_validates_it(standard: Authority, client: RegisteredClient) -> None:
    """oauth4webapi discovers us, gets a token by its generic grant call, and accepts it as RFC 9068."""
    result = node("oauth4webapi", **task(client, audience=API))
    assert set(result["answer"]) == FOUR
    assert result["claims"]["client_id"] == result["claims"]["sub"] == client.id
    assert result["claims"]["aud"] == API


def test_oauth4webapi_holds_a_token_to_its_audience(standard: Authority, client: RegisteredClient) -> None:
    """oauth4webapi refuses a standard token at an API that it is not for."""
    claims = node("oauth4webapi", **task(client, audience="https://other.example/"))["claims"]
    assert claims == {"refused": "OperationProcessingError", "message": 'unexpected JWT "aud" (audience) claim value'}


def test_oauth4webapi_gets_a_token_under_the_maskinporten_profile(classic: RegisteredClient) -> None:
    """oauth4webapi discovers an authority of profile maskinporten and gets a token from it."""
    assert set(node("oauth4webapi", **task(classic, audience=API))["answer"]) == FOUR


def validate(authority: Authority, token: str, **options: Any) -> dict[str, Any]:
    """Validate a token with jose against the authority's key set."""
    return node("jose", jwks_uri=f"{authority.issuer}jwk", token=token, issuer=authority.issuer, **options)


def test_jose_accepts_a_standard_token(standard: Authority, client: RegisteredClient) -> None:
    """The library jose validates a standard token with all it can check: algorithm, type, issuer, audience, claims."""
    required = ["sub", "client_id", "iat", "exp", "jti", "scope"]
    token = standard.token(client).token
    result = validate(standard, token, algorithms=["ES256"], typ="at+jwt", audience=API, requiredClaims=required)
    assert result["payload"]["client_id"] == client.id
    assert result["header"]["alg"] == "ES256"


def test_jose_accepts_a_maskinporten_token(maskinporten: Authority, classic: RegisteredClient) -> None:
    """The library jose validates a token of profile maskinporten: RS256, type JWT, no audience unless asked for."""
    token = maskinporten.token(classic).token
    result = validate(maskinporten, token, algorithms=["RS256"], typ="JWT", requiredClaims=["consumer", "client_amr"])
    assert result["payload"]["consumer"]["ID"] == f"0192:{classic.orgno}"


def test_jose_holds_a_token_to_its_audience(standard: Authority, client: RegisteredClient) -> None:
    """The library jose refuses a standard token at an API that it is not for."""
    token = standard.token(client).token
    result = validate(standard, token, algorithms=["ES256"], audience="https://other.example/")
    assert result == {"refused": "ERR_JWT_CLAIM_VALIDATION_FAILED", "claim": "aud"}


def test_jose_refuses_a_token_of_another_authority(
    standard: Authority, maskinporten: Authority, classic: RegisteredClient
) -> None:
    """The library jose finds no key for a token that another authority signed."""
    result = validate(standard, maskinporten.token(classic).token, algorithms=["RS256"])
    assert result["refused"] == "ERR_JWKS_NO_MATCHING_KEY"


def test_jose_verifies_a_statement_and_its_status_list(standard: Authority) -> None:
    """The library jose verifies a statement of a delegation and the list it names by the published keys, as typed."""
    registry = standard.registry
    scope = registry.scope(delegable=True)
    delegation = registry.delegate(registry.organisation(), registry.organisation(), scope)
    stated = registry.statement(delegation)
    result = validate(standard, stated, algorithms=["ES256"], typ="delegation+jwt")
    reference = result["payload"]["status"]["status_list"]
    assert (result["payload"]["sub"], result["payload"]["delegation"]["scope"]) == (delegation, scope)
    listed = standard.get(reference["uri"].removeprefix(standard.issuer.rstrip("/"))).body.decode()
    result = validate(standard, listed, algorithms=["ES256"], typ="statuslist+jwt", subject=reference["uri"])
    assert result["payload"]["status_list"]["bits"] == 2
    refused = validate(standard, stated, algorithms=["ES256"], typ="at+jwt")
    assert refused == {"refused": "ERR_JWT_CLAIM_VALIDATION_FAILED", "claim": "typ"}
