"""The calls of tools that speak the older self-service API: their bodies, and what they read from the answers.

Each body is rebuilt from what is known of its maker: an operator in Kubernetes, a municipal key rotator, collections of
requests for hand use, and a front end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hostile.admin_estates import Estate, Land, land
from tests.support.http import Answer, request
from tests.support.keys import make_key

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d")
CLIENT_MEMBERS = {
    "client_id",
    "client_name",
    "client_orgno",
    "description",
    "active",
    "application_type",
    "integration_type",
    "scopes",
    "grant_types",
    "token_endpoint_auth_method",
    "access_token_lifetime",
    "authorization_lifetime",
    "refresh_token_lifetime",
    "refresh_token_usage",
    "redirect_uris",
    "post_logout_redirect_uris",
    "created",
    "last_updated",
}
SCOPE_MEMBERS = {
    "name",
    "prefix",
    "subscope",
    "description",
    "active",
    "allowed_integration_types",
    "owner_orgno",
    "token_type",
    "visibility",
    "accessible_for_all",
    "at_max_age",
    "requires_user_consent",
    "requires_user_authentication",
    "requires_pseudonymous_tokens",
    "created",
    "last_updated",
}
ACCESS_MEMBERS = {"scope", "owner_orgno", "consumer_orgno", "state", "created", "last_updated"}


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """An authority with the admin API."""
    with land(tmp_path_factory.mktemp("bodies")) as made:
        yield made


@pytest.fixture
def team(api: Land) -> Estate:
    """An organisation with a prefix, a scope and a client, whose tool calls."""
    return api.estate()


def send(api: Land, caller: Estate, method: str, path: str, body: Any = None) -> Answer:
    """Call as a tool does, with JSON or with text."""
    kind = "text/plain" if isinstance(body, str) else "application/json"
    data = None if body is None else (body if isinstance(body, str) else json.dumps(body)).encode()
    headers = {"authorization": f"Bearer {api.token(caller)}", "content-type": kind, "accept": "application/json"}
    return request(api.authority.port, method, path, data, headers)


def done(answer: Answer) -> Any:
    """The document of a call that was done: existing tools take 200 alone for it."""
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def operators_client(**members: Any) -> dict[str, Any]:
    """A client as an operator in Kubernetes posts it: lists that are not there are null."""
    return {
        "access_token_lifetime": 120,
        "application_type": "web",
        "authorization_lifetime": 7200,
        "client_name": "team-namespace:app",
        "client_uri": "",
        "description": "cluster:team-namespace:app",
        "frontchannel_logout_session_required": False,
        "frontchannel_logout_uri": "",
        "grant_types": [JWT_BEARER],
        "integration_type": "maskinporten",
        "post_logout_redirect_uris": None,
        "redirect_uris": None,
        "refresh_token_lifetime": 600,
        "refresh_token_usage": "ONETIME",
        "scopes": [],
        "token_endpoint_auth_method": "private_key_jwt",
        **members,
    }


def operators_scope(prefix: str, subscope: str, **members: Any) -> dict[str, Any]:
    """A scope as an operator in Kubernetes posts it: with an empty name, and 30 seconds when nobody said more."""
    return {
        "active": True,
        "allowed_integration_types": ["maskinporten"],
        "at_max_age": 30,
        "accessible_for_all": False,
        "description": "cluster:team-namespace:app",
        "name": "",
        "prefix": prefix,
        "subscope": subscope,
        "token_type": "SELF_CONTAINED",
        "visibility": "PUBLIC",
        **members,
    }


def by_hand(**members: Any) -> dict[str, Any]:
    """A client as a request for hand use of 2021 has it: lifetimes of nothing, and members that only answers have."""
    return {
        "client_name": "by hand",
        "description": "a client that was made by hand",
        "created": "2021-01-13T10:53:56.301+01:00",
        "last_updated": "2021-01-13T10:53:56.301+01:00",
        "default_scopes": [],
        "client_secret": None,
        "access_token_lifetime": 0,
        "authorization_lifetime": 0,
        "refresh_token_lifetime": 0,
        "refresh_token_usage": None,
        "grant_types": [JWT_BEARER],
        "integration_type": "maskinporten",
        "application_type": "web",
        "token_endpoint_auth_method": "private_key_jwt",
        "scopes": [],
        "redirect_uris": [],
        **members,
    }


def test_an_operators_client_is_made_found_and_changed(api: Land, team: Estate) -> None:
    """It finds its client by description in the list, replaces it as a whole, and deletes it."""
    scope = team.ids["scope"]
    made = done(send(api, team, "POST", "/api/v1/clients", operators_client(scopes=[scope])))
    assert set(made) >= CLIENT_MEMBERS
    assert (made["client_orgno"], made["scopes"], made["active"]) == (team.ids["orgno"], [scope], True)
    assert (made["redirect_uris"], made["post_logout_redirect_uris"]) == ([], [])
    assert MOMENT.fullmatch(made["created"])
    assert MOMENT.fullmatch(made["last_updated"])
    listed = done(send(api, team, "GET", "/api/v1/clients"))
    (found,) = [client for client in listed if client["description"] == "cluster:team-namespace:app"]
    assert found["client_id"] == made["client_id"]
    path = f"/api/v1/clients/{made['client_id']}"
    changed = done(send(api, team, "PUT", path, operators_client(scopes=[], client_id=made["client_id"])))
    assert (changed["scopes"], changed["client_id"], changed["created"]) == ([], made["client_id"], made["created"])
    deleted = send(api, team, "DELETE", path)
    assert (deleted.status, deleted.body) == (200, b"")


def test_an_operators_key_set_is_read_added_to_and_posted_as_a_whole(api: Land, team: Estate) -> None:
    """It posts what it has read with one key more; every key read tells its end in seconds."""
    path = f"/api/v1/clients/{team.ids['client_id']}/jwks"
    done(send(api, team, "POST", path, {"keys": [make_key("RS256").jwk]}))
    present = done(send(api, team, "GET", path))
    assert MOMENT.fullmatch(present["last_updated"])
    new = {
        name: value for name, value in make_key("RS256").jwk.items() if name in {"kty", "kid", "use", "alg", "n", "e"}
    }
    posted = done(send(api, team, "POST", path, {"keys": [*present["keys"], new]}))
    assert {key["kid"] for key in posted["keys"]} == {present["keys"][0]["kid"], new["kid"]}
    for key in posted["keys"]:
        assert (key["kty"], key["use"], key["alg"], type(key["exp"])) == ("RSA", "sig", "RS256", int)
        assert {"n", "e"} <= set(key)


def test_an_operators_scope_and_its_consumers(api: Land, team: Estate) -> None:
    """A consumer is added, seen, taken away, seen as DENIED only when asked, and added again."""
    consumer, prefix = api.authority.registry.organisation(), team.ids["prefix"]
    made = done(send(api, team, "POST", "/api/v1/scopes", operators_scope(prefix, "some/scope.read")))
    assert set(made) >= SCOPE_MEMBERS
    assert (made["name"], made["owner_orgno"], made["at_max_age"]) == (
        f"{prefix}:some/scope.read",
        team.ids["orgno"],
        30,
    )
    asked = f"scope={made['name']}"
    given = done(send(api, team, "PUT", f"/api/v1/scopes/access/{consumer}?{asked}"))
    assert set(given) >= ACCESS_MEMBERS
    assert (given["state"], given["consumer_orgno"], given["scope"]) == ("APPROVED", consumer, made["name"])
    listing = f"/api/v1/scopes/access?{asked}"
    assert [row["state"] for row in done(send(api, team, "GET", listing))] == ["APPROVED"]
    assert done(send(api, team, "DELETE", f"/api/v1/scopes/access/{consumer}?{asked}"))["state"] == "DENIED"
    assert done(send(api, team, "GET", listing)) == []
    assert [row["state"] for row in done(send(api, team, "GET", f"{listing}&inactive=true"))] == ["DENIED"]
    again = done(send(api, team, "PUT", f"/api/v1/scopes/access/{consumer}?{asked}"))
    assert (again["state"], again["created"]) == ("APPROVED", given["created"])


def test_an_operators_scope_comes_back_by_put(api: Land, team: Estate) -> None:
    """A deleted scope is found with inactive=true, cannot be posted again, and is revived by a PUT of the same body."""
    body = operators_scope(team.ids["prefix"], "back")
    name = done(send(api, team, "POST", "/api/v1/scopes", body))["name"]
    assert done(send(api, team, "DELETE", f"/api/v1/scopes?scope={name}"))["active"] is False
    assert name not in {scope["name"] for scope in done(send(api, team, "GET", "/api/v1/scopes"))}
    assert name in {scope["name"] for scope in done(send(api, team, "GET", "/api/v1/scopes?inactive=true"))}
    again = send(api, team, "POST", "/api/v1/scopes", body)
    assert (again.status, again.json["status"]) == (409, 409)
    assert done(send(api, team, "PUT", f"/api/v1/scopes?scope={name}", body))["active"] is True


@pytest.mark.parametrize("base", ["", "/api/v1"])
def test_a_request_for_hand_use_is_taken_with_what_only_answers_have(api: Land, team: Estate, base: str) -> None:
    """Lifetimes of nothing mean the default, times and secrets sent along mean nothing, and the answer can be sent."""
    made = done(send(api, team, "POST", f"{base}/clients", by_hand()))
    assert (made["access_token_lifetime"], made["refresh_token_usage"]) == (120, "ONETIME")
    assert not made["created"].startswith("2021")
    assert made.get("client_secret") is None
    changed = done(send(api, team, "PUT", f"{base}/clients/{made['client_id']}", {**made, "description": "said anew"}))
    assert {**changed, "last_updated": ""} == {**made, "description": "said anew", "last_updated": ""}


def test_a_scope_for_hand_use_is_taken_with_a_name_that_is_wrong(api: Land, team: Estate) -> None:
    """A scope's body may carry another name, a type of client and times: prefix and subscope alone say what it is."""
    body = operators_scope(team.ids["prefix"], "hand", name="another:name", integration_type="maskinporten")
    made = done(send(api, team, "POST", "/scopes", {**body, "created": "2021-01-13T10:53:56.301+01:00"}))
    assert made["name"] == f"{team.ids['prefix']}:hand"
    for flag in ("requires_user_consent", "requires_user_authentication"):
        assert done(send(api, team, "PUT", f"/scopes?scope={made['name']}", {**made, flag: True}))[flag] is True


def test_a_rotator_keeps_at_most_five_keys_and_reads_what_is_wrong(api: Land, team: Estate) -> None:
    """It reads `errors[].errorMessage` of every refusal: six keys, no key, a client that is not there."""
    path = f"/api/v1/clients/{team.ids['client_id']}/jwks"
    six = [make_key("RS256").jwk for _ in range(6)]
    for answer, status in (
        (send(api, team, "POST", path, {"keys": six}), 400),
        (send(api, team, "POST", path, {"keys": []}), 400),
        (send(api, team, "GET", "/api/v1/clients/nobody/jwks"), 404),
    ):
        assert answer.status == status, answer.body
        error = answer.json
        assert (error["status"], set(error)) == (
            status,
            {"status", "timestamp", "correlation_id", "error", "error_description", "errors"},
        )
        assert [bool(one["errorMessage"]) for one in error["errors"]] == [True]
        assert set(error["errors"][0]) == {"errorMessage", "isFieldError", "objectName", "fieldIdentifier"}
    assert len(done(send(api, team, "POST", path, {"keys": six[:5]}))["keys"]) == 5
    removed = send(api, team, "DELETE", path)
    assert (removed.status, removed.body) == (200, b"")


def test_a_front_end_uploads_a_key_as_text(api: Land, team: Estate) -> None:
    """A JWK and a PEM public key, pasted as text, are answered with the key and its end."""
    for pasted in (json.dumps(make_key("RS256").jwk), make_key("RS256").public_pem):
        key = done(send(api, team, "POST", f"/api/v2/clients/{team.ids['client_id']}/key", pasted))
        assert (key["kty"], key["use"], type(key["exp"])) == ("RSA", "sig", int)
        assert done(send(api, team, "GET", f"/api/v1/clients/{team.ids['client_id']}/jwks/{key['kid']}")) == key


def test_lists_that_anyone_may_read(api: Land, team: Estate) -> None:
    """Public scopes, prefixes, sources of delegations and names of organisations take no token."""
    name = api.authority.registry.scope(f"{team.ids['prefix']}:open", accessible_for_all=True)

    def read(path: str) -> Any:
        return done(request(api.authority.port, "GET", path))

    scopes = {scope["name"]: scope for scope in read("/api/v1/scopes/all?accessible_for_all=true")}
    assert set(scopes[name]) >= SCOPE_MEMBERS
    assert team.ids["scope"] not in {scope["name"] for scope in read("/api/v1/scopes/all")}
    assert team.ids["prefix"] in {prefix["prefix"] for prefix in read("/api/v1/prefix/all")}
    assert {"name", "issuer"} <= set(read("/api/v1/delegationsources")[0])
    assert read(f"/api/v1/organizations/{team.ids['orgno']}")["orgnr"] == team.ids["orgno"]


def test_an_organisation_without_anything_reads_empty_lists(api: Land) -> None:
    """Nothing of one's own is an empty list and no error."""
    registry = api.authority.registry
    caller = registry.granted_client("idporten:dcr.read", "idporten:scopes.read")
    nobody = Estate(caller, {})
    for path in ("/api/v1/scopes", "/api/v1/prefix", "/api/v1/scopes/access"):
        assert done(send(api, nobody, "GET", path)) == []
