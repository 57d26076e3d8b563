"""The look-up of delegations that other authorities may use: Altinn's shape, and who may ask about what."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import pytest

from authserver.registry.administration import Administration, establish
from authserver.registry.lookup import SUBSCOPES
from authserver.registry.ports import Actor
from authserver.services import open_store
from authserver.web.lookup import PATHS
from tests.support.authority import Authority
from tests.support.http import Answer, request
from tests.support.registrar import RegisteredClient
from tests.web.admin.conftest import PREFIX

ASK, ASK_ALL = (f"{PREFIX}:{subscope}" for subscope in SUBSCOPES)
PATH = "/accessmanagement/api/v1/maskinporten/delegations/"


@dataclass(frozen=True)
class Estate:
    """A scope's owner who may look its delegations up, a delegation of the scope, and another authority."""

    authority: Authority
    owner: RegisteredClient
    everyone: RegisteredClient
    scope: str
    consumer: str
    supplier: str

    def ask(
        self, client: RegisteredClient | None = None, /, *, path: str = PATH, token: str = "", **query: str
    ) -> Answer:
        """Look up with a fresh token of this client, the owner's if none is named."""
        bearer = token or self.authority.token(client or self.owner).token
        wanted = {"scope": self.scope, **query}
        return request(
            self.authority.port,
            "GET",
            f"{path}{'&' if '?' in path else '?'}{urlencode(wanted)}",
            None,
            {"authorization": f"Bearer {bearer}"},
        )

    def rows(self, client: RegisteredClient | None = None, /, **query: str) -> list[dict[str, Any]]:
        """Look up and return the rows."""
        answer = self.ask(client, **query)
        assert answer.status == 200, answer.body
        found: list[dict[str, Any]] = json.loads(answer.body)
        return found


@pytest.fixture(scope="module", autouse=True)
def lookups(authority: Authority) -> None:
    """The scopes of the look-up, as `authserver init` makes them."""
    asyncio.run(_establish(authority))


async def _establish(authority: Authority) -> None:
    settings = authority.settings
    lookups = Administration(settings.lookup_prefix, settings.operator, SUBSCOPES)
    async with open_store(settings) as store:
        await establish(store, Actor("operator"), int(time.time()), administration=lookups, name="The operator")


@pytest.fixture
def estate(authority: Authority) -> Estate:
    """A new owner, scope, consumer and supplier, and the delegation between the two."""
    registry = authority.registry
    scope = registry.scope(delegable=True)
    consumer, supplier = registry.organisation(), registry.organisation()
    registry.delegate(consumer, supplier, scope)
    owner = registry.granted_client(ASK, org=registry.owner(scope))
    return Estate(authority, owner, registry.granted_client(ASK_ALL), scope, consumer, supplier)


def test_a_row_has_the_members_that_callers_read(estate: Estate) -> None:
    """One row for the delegation, with the odd capital of its id, a UUID, and a time in UTC."""
    (row,) = estate.rows()
    assert list(row) == ["consumer_org", "supplier_org", "delegation_scheme_Id", "scopes", "created", "resourceid"]
    assert (row["consumer_org"], row["supplier_org"]) == (estate.consumer, estate.supplier)
    assert (row["scopes"], row["resourceid"]) == ([estate.scope], estate.scope)
    assert str(UUID(row["delegation_scheme_Id"])) == row["delegation_scheme_Id"]
    assert time.strptime(row["created"], "%Y-%m-%dT%H:%M:%SZ").tm_year >= 2024


def test_every_path_answers_alike_with_and_without_a_slash(estate: Estate) -> None:
    """The API's path, the shorter one and the older one are one API."""
    answers = {path: estate.ask(path=path) for path in PATHS}
    assert {answer.status for answer in answers.values()} == {200}
    assert len({answer.body for answer in answers.values()}) == 1
    assert len(PATHS) == 6


@pytest.mark.parametrize(
    ("consumer", "supplier", "found"),
    [("", "", 2), ("consumer", "", 1), ("", "supplier", 2), ("consumer", "supplier", 1), ("supplier", "consumer", 0)],
)
def test_parties_narrow_the_answer_and_empty_ones_do_not(
    estate: Estate, consumer: str, supplier: str, found: int
) -> None:
    """Either party, both or none; a parameter without value is as one that is absent."""
    registry = estate.authority.registry
    registry.delegate(registry.organisation(), estate.supplier, estate.scope)
    named = {"consumer": estate.consumer, "supplier": estate.supplier, "": ""}
    assert len(estate.rows(consumerOrg=named[consumer], supplierOrg=named[supplier])) == found


def test_who_owns_the_prefix_may_ask_about_its_scopes_alone(estate: Estate) -> None:
    """Another organisation with the same right is told by the title that it is not authorized, whatever exists."""
    other = estate.authority.registry.granted_client(ASK)
    for scope in (estate.scope, "nobody:knows"):
        answer = estate.ask(other, scope=scope)
        assert (answer.status, answer.headers["content-type"]) == (403, "application/problem+json")
        assert answer.json["title"] == f"Not authorized for lookup of delegations for the scope: {scope}"
        assert answer.json["status"] == 403
    own_prefix = estate.scope.partition(":")[0]
    assert estate.rows(scope=f"{own_prefix}:unheard-of") == []


def test_a_longer_prefix_is_another_prefix(estate: Estate) -> None:
    """Owning a prefix says nothing of one that begins with the same letters."""
    prefix = estate.scope.partition(":")[0]
    longer = estate.authority.registry.scope(f"{prefix}x:read", delegable=True)
    assert estate.ask(scope=longer).status == 403


def test_the_wider_right_may_ask_about_every_scope(estate: Estate) -> None:
    """With .admin the caller's own prefixes do not matter."""
    assert estate.rows(estate.everyone) == estate.rows()
    assert estate.rows(estate.everyone, scope="nobody:knows") == []


def test_only_the_rights_scopes_admit(estate: Estate) -> None:
    """No token, somebody else's token, or a token without one of the two scopes asks nothing."""
    assert estate.ask(token="x").status == 401
    without = request(estate.authority.port, "GET", f"{PATH}?scope={estate.scope}")
    assert (without.status, without.headers["www-authenticate"]) == (401, 'Bearer error="invalid_token"')
    scope = estate.authority.registry.scope(audience=f"{estate.authority.issuer}api/{PREFIX}")
    answer = estate.ask(estate.authority.registry.granted_client(scope, org=estate.owner.orgno))
    assert answer.status == 403
    assert answer.headers["www-authenticate"] == f'Bearer error="insufficient_scope", scope="{ASK} {ASK_ALL}"'


def test_a_right_that_was_taken_refuses_though_the_token_lives(estate: Estate) -> None:
    """P3: access revoked after the token was issued counts for the next question."""
    token = estate.authority.token(estate.owner).token
    assert estate.ask(token=token).status == 200
    estate.authority.registry.revoke(ASK, estate.owner.orgno)
    assert estate.ask(token=token).status == 403


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"scope": ""}, {"scope": ["The scope field is required."]}),
        ({"supplierOrg": "123"}, {"supplierOrg": ["Supplierorg is not an valid organization number"]}),
        ({"consumerOrg": "310000001"}, {"consumerOrg": ["Consumerorg is not an valid organization number"]}),
        (
            {"supplierOrg": "x", "consumerOrg": "0192:310000009"},
            {
                "consumerOrg": ["Consumerorg is not an valid organization number"],
                "supplierOrg": ["Supplierorg is not an valid organization number"],
            },
        ),
    ],
)
def test_malformed_parameters_are_told_by_name(
    estate: Estate, query: dict[str, str], fields: dict[str, list[str]]
) -> None:
    """400 with every fault at once, keyed by the parameter, in the words that callers know."""
    answer = estate.ask(**query)
    assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json["title"] == "One or more validation errors occurred."
    assert answer.json["errors"] == fields


def test_a_parameter_given_twice_is_refused(estate: Estate) -> None:
    """Of two values two readers could take two."""
    answer = estate.ask(path=f"{PATH}?scope=other:scope")
    assert answer.status == 400
    assert answer.json["errors"] == {"scope": ["The field is given more than once."]}


def test_what_would_not_count_here_is_not_told(estate: Estate) -> None:
    """Revoked, of a party that is deactivated, of a scope that is: no row, whether the parties are named or not."""
    registry = estate.authority.registry
    parties = {"consumerOrg": estate.consumer, "supplierOrg": estate.supplier}

    def told() -> list[int]:
        return [len(estate.rows(estate.everyone, **query)) for query in ({}, parties)]

    assert told() == [1, 1]
    for orgno in (estate.consumer, estate.supplier, registry.owner(estate.scope)):
        registry.set_organisation(orgno, active=False)
        assert told() == [0, 0]
        registry.set_organisation(orgno, active=True)
    prefix = estate.scope.partition(":")[0]
    registry.set_prefix(prefix, active=False)
    assert told() == [0, 0]
    registry.set_prefix(prefix, active=True)
    registry.set_scope(estate.scope, active=False)
    assert told() == [0, 0]
    registry.set_scope(estate.scope, active=True)
    assert told() == [1, 1]
    registry.stop_delegation(estate.scope)
    assert told() == [0, 0]


def test_a_revoked_delegation_is_gone_at_once(estate: Estate) -> None:
    """P3 for those who rely on us: revoked before the question, not told."""
    consumer = estate.authority.registry.organisation()
    delegation = estate.authority.registry.delegate(consumer, estate.supplier, estate.scope)
    asked = {"consumerOrg": consumer, "supplierOrg": estate.supplier}
    assert len(estate.rows(**asked)) == 1
    estate.authority.registry.revoke_delegation(delegation)
    assert estate.rows(**asked) == estate.rows(consumerOrg=consumer) == []


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_changed_here(estate: Estate, method: str) -> None:
    """Only reading is served."""
    answer = request(estate.authority.port, method, PATH)
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
