"""What a token request sends beyond scopes, and what it keeps to itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tillit.stub import Answer, StubAuthority
from tillit import ClientConfig, ConfigError, Rejected, SystemUser, TokenClient, TokenRequest

DETAIL = {
    "type": "urn:altinn:systemuser",
    "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"},
}


def test_details_and_claims_are_sent(authority: StubAuthority, config: ClientConfig) -> None:
    """A system user is sent as Maskinporten documents it; details keep their order; extra claims go along."""
    system_user = SystemUser("991825827", external_ref="x")
    other = {"type": "b", "a": 1}
    request = TokenRequest("a:b", authorization_details=[system_user, other], extra_claims={"note": [1]})
    TokenClient(config).get(request)
    assert authority.assertions[0]["authorization_details"] == [{**DETAIL, "externalRef": "x"}, other]
    assert authority.assertions[0]["note"] == [1]
    assert SystemUser("991825827").detail() == DETAIL


def test_the_order_of_members_does_not_tell_tokens_apart(authority: StubAuthority, config: ClientConfig) -> None:
    """Details that say the same share a token; others get one of their own, and requests can be hashed."""
    client = TokenClient(config)
    first = client.get(TokenRequest("a:b", authorization_details=[{"type": "t", "x": 1}]))
    assert client.get(TokenRequest("a:b", authorization_details=[{"x": 1, "type": "t"}])) is first
    others = [
        TokenRequest("a:b", authorization_details=[{"type": "t", "x": 2}]),
        TokenRequest("a:b", extra_claims={"x": 1}),
        TokenRequest("a:b"),
    ]
    assert len({client.get(request).value for request in others} | {first.value}) == 4
    assert len(set(others)) == 3


@pytest.mark.parametrize(
    "wrong",
    [
        {"extra_claims": {"iss": "other"}},
        {"extra_claims": {"exp": 1}},
        {"extra_claims": {"x": object()}},
        {"authorization_details": [{"no": "type"}]},
        {"authorization_details": ["text"]},
        {"authorization_details": [{"type": "t", "x": float("nan")}]},
    ],
)
def test_requests_that_cannot_work(wrong: dict[str, Any]) -> None:
    """Registered claims are not overridden, and what is not JSON or not a detail is refused."""
    with pytest.raises(ConfigError):
        TokenRequest("a:b", **wrong)


def test_what_a_request_hides() -> None:
    """Persons, details and extra claims do not show in repr."""
    request = TokenRequest("a:b", pid="12345678901", authorization_details=[SystemUser("991825827")])
    assert "12345678901" not in repr(request)
    assert "991825827" not in repr(request)
    with pytest.raises(ConfigError):
        SystemUser("12")


CODES = [f"MP-{n}" for n in ("011", "012", *range(120, 125), "100", "110", "130", 200, 201, 250, 251, 301, 302, 303)]
OURS = [f"AS-{n}" for n in ("022", "023", "024", *range(101, 105), *range(131, 134), 201, *range(203, 210), 251)]


@pytest.mark.parametrize("code", CODES + OURS)
def test_every_known_refusal_has_a_hint(authority: StubAuthority, config: ClientConfig, code: str) -> None:
    """Each code of ours and of Maskinporten's about a request comes with code, trace id and what to do."""
    trace = "0123456789abcdef0123456789abcdef"
    authority.scripts["/token"].append(
        Answer.error(400, "invalid_grant", f"{code}: No. (trace_id: {trace})", Date="not a date")
    )
    with pytest.raises(Rejected) as caught:
        TokenClient(config).get("a:b")
    assert (caught.value.mp_code, caught.value.trace_id) == (code, trace)
    assert caught.value.hint
