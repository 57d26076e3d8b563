"""The TypeScript client: its types, its own tests with the shared vectors, and a token of a real authority."""

from __future__ import annotations

import json
import shutil
from typing import Any

import pytest

from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient
from tests.support.typescript import build, node

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
