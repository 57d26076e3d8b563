"""The main journey over HTTP alone, between two nodes on PostgreSQL and Valkey: from nothing to a token and its end."""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex
from typing import Any

import pytest

from tests.faults.site import Node, Site, site
from tests.support.http import Answer
from tests.support.keys import make_key
from tests.support.registrar import RegisteredClient
from tests.support.servers import postgres, valkey
from tests.web.admin.conftest import ADMINISTRATOR, PREFIX, Tool, established
from tillit import ClientConfig, Rejected, TokenClient, TokenValidator, signers
from tillit.core.authority import Authority as Endpoints

OWNER, CONSUMER = "974761076", "974760673"


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Two nodes after `authserver init`."""
    with postgres() as database, valkey() as shared, site(tmp_path_factory.mktemp("site"), database, shared) as made:
        established(made.nodes[0])
        yield made


def done(answer: Answer, status: int = 200) -> dict[str, Any]:
    """The document of an answer that must be a success."""
    assert answer.status == status, answer.body
    return answer.json


def administrator(operator: Tool, node: Node, orgno: str) -> Tool:
    """Register an organisation as the operator does, with access to the admin scopes and a client that may have them.

    Its first client has a key that the organisation made; from then on it helps itself, at this node.
    """
    done(operator.call("POST", "/api/v1/organisations", {"orgno": orgno, "name": f"Organisation {orgno}"}), 201)
    for scope in ADMINISTRATOR:
        done(operator.call("PUT", f"/api/v1/scopes/access/{orgno}?scope={scope}"))
    made = register(operator, "Administration", *ADMINISTRATOR, client_orgno=orgno)
    return Tool(node, made)


def register(tool: Tool, name: str, *scopes: str, client_orgno: str | None = None) -> RegisteredClient:
    """Register a client and then its key."""
    body = {"client_name": name, "description": name, "integration_type": "maskinporten", "scopes": scopes}
    client = done(tool.call("POST", "/api/v1/clients", {**body, "client_orgno": client_orgno}))
    key = make_key("ES256")
    keys = done(tool.call("POST", f"/api/v1/clients/{client['client_id']}/jwks", {"keys": [key.jwk]}))["keys"]
    assert [one["kid"] for one in keys] == [key.kid]
    return RegisteredClient(client["client_id"], client["client_orgno"], scopes, tool.authority.issuer, key)


def own_scope(owner: Tool, operator: Tool) -> str:
    """Let an organisation ask for a prefix, get it from the operator, and define a scope under it."""
    prefix = f"p{token_hex(4)}"
    asked = owner.call("POST", "/api/v1/prefix-requests", {"prefix": prefix, "purpose": "The land register"})
    path, seen = f"/api/v1/prefix-requests/{done(asked, 201)['id']}", {"if-match": asked.headers["etag"]}
    assert done(operator.call("POST", f"{path}/approve", {}, seen))["state"] == "APPROVED"
    body = {"prefix": prefix, "subscope": "read", "description": "Read the land register"}
    return str(done(owner.call("POST", "/api/v1/scopes", body))["name"])


def asking(node: Node, client: RegisteredClient) -> TokenClient:
    """The client library as the client runs it, at one node."""
    endpoint = f"http://127.0.0.1:{node.port}/token"
    signer = signers.from_pem(client.key.pem, kid=client.key.kid)
    return TokenClient(ClientConfig(Endpoints(node.issuer, endpoint), client.id, signer, client.scopes))


def test_from_nothing_to_a_token_and_its_end(nodes: Site) -> None:
    """B asks for A's scope, A approves, B registers and gets a token; once A revokes, B gets none, at either node."""
    first, second = nodes.nodes
    scopes = tuple(f"{PREFIX}:{name}" for name in ("operator", "dcr.write", "scopes.write"))
    operator = Tool(first, first.registry.granted_client(*scopes, org=first.settings.operator))
    owner, consumer = administrator(operator, first, OWNER), administrator(operator, second, CONSUMER)
    scope = own_scope(owner, operator)

    body = {"scope": scope, "purpose": "Pay out benefits", "legal_basis": "The National Insurance Act"}
    asked = consumer.call("POST", "/api/v1/access-requests", body, {"idempotency-key": "the-first"})
    path = asked.headers["location"]
    assert done(asked, 201)["state"] == done(owner.call("GET", path))["state"] == "REQUESTED"
    seen = {"if-match": asked.headers["etag"]}
    assert done(owner.call("POST", f"{path}/approve", {"answer": "Welcome"}, seen))["state"] == "APPROVED"
    assert done(consumer.call("GET", path))["answer"] == "Welcome"

    client = register(consumer, "Benefits", scope)
    with asking(first, client) as here, asking(second, client) as there:
        validator = TokenValidator.for_issuer(first.issuer, f"{first.issuer}api/{scope.partition(':')[0]}")
        for backend in (here, there):
            got = validator.validate(backend.get().value)
            assert (got.client_id, got.consumer.number, got.scopes) == (client.id, CONSUMER, frozenset({scope}))
        taken = owner.call("DELETE", f"/api/v1/scopes/access/{CONSUMER}?scope={scope}&reason=Misused")
        assert done(taken)["state"] == "DENIED"
        for backend in (there, here):
            with pytest.raises(Rejected) as refused:
                backend.get(force=True)
            assert (refused.value.status, refused.value.mp_code) == (403, "MP-250")
