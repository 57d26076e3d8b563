"""The clients of Maskinporten, imitated to the byte, at an authority that serves their profile to them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest

from tests.compat.imitations import GRANT, IMITATIONS, Ask, ks_dotnet, ks_java, navikt, request
from tests.compat.readers import FOUR, payload, strict_object
from tests.support.authority import Authority
from tests.support.http import Answer, raw
from tests.support.keys import make_key
from tests.support.registrar import RegisteredClient

API = "https://api.example/income"
NAMES = sorted(IMITATIONS)
WITH_RESOURCE = ["Altinn .NET", "Texas", "ks-no .NET", "ks-no Java", "navikt", "pensjon-opptjening"]
WITH_CONSUMER = ["Altinn .NET", "hag", "ks-no .NET", "ks-no Java", "oslokommune"]


@dataclass(frozen=True)
class Place:
    """An authority, a client that is held to the profile `maskinporten` there, and a consumer that delegates to it."""

    authority: Authority
    client: RegisteredClient
    consumer: str

    def ask(self, **changes: Any) -> Ask:
        """A wish for both of the client's scopes, not in alphabetical order, made now."""
        wish = Ask(
            client=self.client,
            port=self.authority.port,
            now=int(time.time()),
            jti=str(uuid4()),
            scope=" ".join(self.client.scopes),
        )
        return replace(wish, **changes)

    def send(self, data: bytes) -> Answer:
        """Write these bytes to the authority and read its one answer."""
        (answer,) = raw(self.authority.port, data)
        return answer


@pytest.fixture(scope="module", params=["by the client's registration", "by the server's setting"])
def ported(request: pytest.FixtureRequest) -> Place:
    """The two ways in which the profile applies to a client."""
    by_client = request.param == "by the client's registration"
    authority: Authority = request.getfixturevalue("standard" if by_client else "maskinporten")
    registry = authority.registry
    prefix = registry.prefix()
    scopes = [registry.scope(f"{prefix}:{name}", delegable=True) for name in ("write", "read")]
    client = registry.granted_client(*scopes, alg="RS256", profile="maskinporten" if by_client else None)
    consumer = registry.organisation()
    for scope in scopes:
        registry.grant(scope, consumer)
    registry.delegate(consumer, client.orgno, *scopes)
    return Place(authority, client, consumer)


@pytest.fixture
def place(ported: Place) -> Place:
    """The same with a client of its own: without a `jti`, equal wishes of one second are one assertion."""
    known = ported.client
    profile = None if ported.authority.settings.profile == "maskinporten" else "maskinporten"
    client = ported.authority.registry.client(*known.scopes, org=known.orgno, key=known.key, profile=profile)
    return replace(ported, client=client)


@pytest.mark.parametrize("name", NAMES)
def test_an_existing_client_gets_a_token_that_it_can_read(place: Place, name: str) -> None:
    """Each client's request, as its HTTP stack writes it, is answered with what its parser accepts."""
    imitation = IMITATIONS[name]
    ask = place.ask(consumer_org=place.consumer if name == "oslokommune" else None)
    imitation.read(ask, place.send(imitation.send(ask)))


@pytest.mark.parametrize("name", WITH_CONSUMER)
def test_an_existing_client_acts_for_a_consumer(place: Place, name: str) -> None:
    """A client that names `consumer_org` gets a token for the consumer that names itself as supplier."""
    imitation = IMITATIONS[name]
    ask = place.ask(consumer_org=place.consumer)
    answer = place.send(imitation.send(ask))
    imitation.read(ask, answer)
    claims = payload(answer.token)
    assert claims["consumer"]["ID"] == f"0192:{place.consumer}"
    assert claims["supplier"]["ID"] == f"0192:{place.client.orgno}"
    assert claims["delegation_source"] == place.authority.issuer


@pytest.mark.parametrize("name", WITH_RESOURCE)
def test_an_existing_client_restricts_its_token_to_one_resource(place: Place, name: str) -> None:
    """A client that sends `resource` as a string gets a token with that audience."""
    imitation = IMITATIONS[name]
    ask = place.ask(resource=API)
    answer = place.send(imitation.send(ask))
    imitation.read(ask, answer)
    assert payload(answer.token)["aud"] == API


def test_an_assertion_without_jti_is_spent_like_any_other(place: Place) -> None:
    """The very same request without a jti is refused the second time."""
    sent = navikt(place.ask())
    assert place.send(sent).status == 200
    assert place.send(sent).refusal == (400, "invalid_grant", "MP-012")


def test_two_different_assertions_without_jti_pass_in_the_same_second(place: Place) -> None:
    """Without a jti, two assertions of one second that differ in what they ask for both get a token."""
    ask = place.ask()
    answers = [place.send(navikt(replace(ask, scope=scope))) for scope in place.client.scopes]
    assert [answer.status for answer in answers] == [200, 200]


def test_float_times_are_judged_as_times(place: Place) -> None:
    """A float is read for what it says: an expired one is expired, one too long is too long."""
    expired = place.send(ks_dotnet(place.ask(now=int(time.time()) - 200)))
    assert expired.refusal == (400, "invalid_grant", "MP-130")
    ahead = place.send(ks_dotnet(place.ask(now=int(time.time()) + 60)))
    assert ahead.refusal == (400, "invalid_grant", "AS-131")


def test_an_unknown_key_is_told_in_the_words_that_clients_look_for(place: Place) -> None:
    """The description of a refused `kid` holds "Unknown key identifier", and the body has exactly two members."""
    stranger = replace(place.client, key=make_key("RS256"))
    answer = place.send(ks_java(place.ask(client=stranger)))
    assert answer.status == 400
    assert "Unknown key identifier" in strict_object(answer.body, {"error", "error_description"})["error_description"]


def test_an_expired_key_is_told_in_the_words_that_clients_look_for(place: Place) -> None:
    """The description of a key that has had its time holds "Expired key", and the body has exactly two members."""
    expires_at = int(time.time()) + 2
    outlived = replace(place.client, key=make_key("RS256"))
    place.authority.registry.add_key(place.client, outlived.key, expires_at=expires_at)
    while time.time() < expires_at:
        time.sleep(0.05)
    answer = place.send(ks_java(place.ask(client=outlived)))
    assert answer.refusal == (400, "invalid_grant", "MP-121")
    assert "Expired key" in strict_object(answer.body, {"error", "error_description"})["error_description"]


def test_a_missing_delegation_is_told_with_the_error_that_clients_match(place: Place) -> None:
    """A consumer that has access but did not delegate is refused with `forbidden`, 403 and MP-251."""
    other = place.authority.registry.organisation()
    for scope in place.client.scopes:
        place.authority.registry.grant(scope, other)
    answer = place.send(ks_java(place.ask(consumer_org=other)))
    assert answer.refusal == (403, "forbidden", "MP-251")


def test_a_certificate_is_no_substitute_for_a_registered_key(place: Place) -> None:
    """An assertion with x5c alone is told that the client has registered keys; beside a kid, the kid wins."""
    chain = {"x5c": ["MIIB"]}
    alone, beside = ({**chain, "kid": None}, chain)
    answers = [place.authority.post(place.client.form(header=header)) for header in (alone, beside)]
    assert answers[0].refusal == (400, "invalid_grant", "AS-102")
    assert "requires pre-registered jwk and no key identifier (kid) provided" in answers[0].json["error_description"]
    assert answers[1].token


def test_the_claim_that_two_public_guides_misspell_is_refused_by_name(place: Place) -> None:
    """The claim `consumer_orgno`, which grants nothing anywhere, is refused with its name."""
    ask = place.ask()
    assertion = place.client.assertion(consumer_orgno=place.consumer)
    answer = place.send(request(ask, f"grant_type={GRANT}&assertion={assertion}", *content("")))
    assert answer.refusal == (400, "invalid_request", "MP-011")
    assert "unknown claim consumer_orgno" in answer.json["error_description"]


def content(parameter: str) -> tuple[str, str]:
    """Return the header lines of a form whose content type has this parameter."""
    return f"Content-Type: application/x-www-form-urlencoded{parameter}", "Content-Length: {length}"


@pytest.mark.parametrize("parameter", ["", ";charset=UTF-8", "; charset=utf-8", '; charset="UTF-8"'])
def test_a_form_may_say_its_charset(place: Place, parameter: str) -> None:
    """A form passes with and without a charset, in the spellings that HTTP libraries use."""
    ask = place.ask()
    sent = request(ask, f"grant_type={GRANT}&assertion={place.client.assertion()}", *content(parameter))
    assert place.send(sent).json.keys() == FOUR


def test_the_standard_profile_is_stricter_than_these_clients(standard: Authority) -> None:
    """The same bytes from a client of profile standard are refused, each with a sentence that names its claim."""
    client = standard.registry.granted_client(alg="RS256")
    strict = Place(standard, client, client.orgno)
    floats, no_jti = strict.send(ks_dotnet(strict.ask())), strict.send(navikt(strict.ask()))
    assert floats.refusal == (400, "invalid_request", "MP-011")
    assert "claim iat" in floats.json["error_description"]
    assert no_jti.refusal == (400, "invalid_grant", "AS-112")
    assert "claim jti" in no_jti.json["error_description"]
