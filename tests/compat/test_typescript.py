"""The TypeScript client: its types, its own tests with the shared vectors, and a token of a real authority."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient
from tests.support.typescript import build, node
from tillit import AccessError, DpopKey, DpopVerifier, Presented, TokenRequest, testing

API = "https://api.example/income"

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    """The client, checked and compiled; a fault of its types fails every test here."""
    build()


def end_to_end(client: RegisteredClient, scopes: tuple[str, ...]) -> dict[str, Any]:
    """What the client and the validator make of a real authority."""
    environment = {
        "TILLIT_CLIENT_ID": client.id,
        "TILLIT_PRIVATE_KEY": client.key.pem,
        "TILLIT_KID": client.key.kid,
        "TILLIT_ISSUER": client.issuer,
        "TILLIT_SCOPES": " ".join(scopes),
    }
    task = {"environment": environment, "issuer": client.issuer, "audience": API}
    result: dict[str, Any] = json.loads(node("test/end-to-end.mjs", told=json.dumps(task)).stdout)
    return result


def test_its_own_tests_pass() -> None:
    """Each shared vector gets its verdict, and the client keeps, renews, repeats and refuses as it should."""
    told = node("--test", "--test-reporter=tap", "dist/test/").stdout
    assert "\n# fail 0\n" in told
    assert "\n# pass 0\n" not in told


def test_a_real_token_is_fetched_validated_and_served(client: RegisteredClient) -> None:
    """A token is fetched once, found good by our validator and by jose alone, and only with it an API answers."""
    assert end_to_end(client, client.scopes) == {
        "cached": True,
        "client": client.id,
        "consumer": client.orgno,
        "strict": client.id,
        "served": [200, {"consumer": client.orgno}],
        "refused": [401, "Bearer"],
        "misaddressed": "invalid_token",
    }


def test_a_real_refusal_says_why_and_what_to_do(standard: Authority) -> None:
    """A scope that the client does not have is refused with our fine-grained code and a hint."""
    client = standard.registry.granted_client(alg="ES256")
    refused = end_to_end(client, ("other:scope",))
    assert (refused["error"], refused["code"]) == ("Rejected", "invalid_scope")
    assert refused["mpCode"] == "MP-200"
    assert "scope" in refused["hint"]


def verdicts(proofs: Sequence[dict[str, str]], task: dict[str, Any]) -> list[str]:
    """What our verifier makes of these proofs, one after the other."""
    verifier, found = DpopVerifier(task["base"]), []
    for one in proofs:
        shown = Presented("DPoP", task["token"], task["method"], task["url"], (one["proof"],))
        try:
            verifier.verify(shown, one["jkt"], task["now"])
            found.append("ok")
        except AccessError as error:
            found.append(error.code)
    return found


def delegated(authority: testing.Authority) -> list[str]:
    """A supplier's token whose delegation stands, and one whose delegation has ended since."""
    scope = authority.add_scope("x:read", audience=API, delegable=True)
    supplier = authority.add_client(scope)
    tokens = []
    for ends in (False, True):
        consumer = authority.add_organisation()
        authority.grant(scope, consumer)
        delegation = authority.delegate(consumer, supplier.org, scope)
        tokens.append(supplier.token_client().get(TokenRequest(scope, consumer_org=consumer)).value)
        if ends:
            authority.revoke_delegation(delegation)
    return tokens


def test_proofs_and_statuses_mean_the_same_here_and_there() -> None:
    """Each library takes the other's proofs, once, and a delegation that has ended is seen by who looks."""
    task: dict[str, Any] = {"method": "POST", "url": f"{API}?a=b", "token": "a.good.token", "now": 1_800_000_000}
    task["base"] = "https://api.example"
    keys = [DpopKey.generate(alg) for alg in ("ES256", "ES384", "Ed25519")]
    theirs = [
        {"jkt": key.thumbprint, "proof": key.proof("POST", task["url"], now=task["now"], token=task["token"])}
        for key in keys
    ]
    strange = {**theirs[0], "proof": keys[0].proof("GET", task["url"], now=task["now"], token=task["token"])}
    task["theirs"] = [*theirs, theirs[0], strange]
    authority = testing.Authority()
    with authority.serve():
        task |= {"tokens": delegated(authority), "issuer": authority.issuer, "audience": API}
        result = json.loads(node("test/both-ways.mjs", told=json.dumps(task)).stdout)
    assert result["verdicts"] == ["ok", "ok", "ok", "invalid_dpop_proof", "invalid_dpop_proof"]
    assert verdicts([*result["ours"], result["ours"][0]], task) == ["ok", "ok", "ok", "invalid_dpop_proof"]
    assert result["judged"] == [["ok", "ok"], ["invalid_token", "ok"]]
