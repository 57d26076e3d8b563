"""The token request as parsed from its form (R-021; RFC 6749 §3.2, RFC 7521 §4, RFC 7523 §2)."""

import pytest

from authserver.oauth import request
from authserver.oauth.errors import Reason
from authserver.oauth.profiles import CLIENT_CREDENTIALS, JWT_BEARER
from authserver.oauth.request import AssertionKind, TokenRequest
from tests.support.build import CONSUMER, refuses

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
GRANT = {"grant_type": JWT_BEARER, "assertion": "a.b.c"}
CREDENTIALS = {
    "grant_type": CLIENT_CREDENTIALS,
    "client_assertion_type": ASSERTION_TYPE,
    "client_assertion": "a.b.c",
    "scope": "tax:read",
}

Form = dict[str, tuple[str, ...]]


def form(*parts: dict[str, str], **more: tuple[str, ...]) -> Form:
    return {name: (value,) for part in parts for name, value in part.items()} | more


def test_a_grant_is_read() -> None:
    """RFC 7523 §2.1: a JWT-bearer grant needs its type and its assertion."""
    assert request.parse(form(GRANT)) == TokenRequest(JWT_BEARER, AssertionKind.GRANT, "a.b.c", None, None, (), None)


def test_client_credentials_are_read() -> None:
    """RFC 7523 §2.2: client credentials come with an assertion and say in the form what is asked."""
    extra = {"client_id": "c", "consumer_org": CONSUMER}
    assert request.parse(form(CREDENTIALS, extra, resource=("urn:a", "urn:b"))) == TokenRequest(
        grant_type=CLIENT_CREDENTIALS,
        kind=AssertionKind.CLIENT_AUTHENTICATION,
        assertion="a.b.c",
        client_id="c",
        scope=("tax:read",),
        resources=("urn:a", "urn:b"),
        consumer_org=CONSUMER,
    )


def test_unknown_parameters_are_ignored() -> None:
    """RFC 6749 §3.2: a parameter that we do not know changes nothing."""
    assert request.parse(form(GRANT, {"locale": "nb"})) == request.parse(form(GRANT))


@pytest.mark.parametrize(
    "name", ["client_id", "scope", "resource", "consumer_org", "client_secret", "client_assertion"]
)
def test_an_empty_value_counts_as_absent(name: str) -> None:
    """RFC 6749 §3.2: a parameter without a value is treated as if it were left out."""
    assert request.parse(form(GRANT, {name: ""})) == request.parse(form(GRANT))


REFUSED: dict[str, tuple[Form, Reason]] = {
    "no-parameters": ({}, Reason.PARAMETER_MISSING),
    "no-grant-type": (form({"assertion": "a.b.c"}), Reason.PARAMETER_MISSING),
    "empty-grant-type": (form({"grant_type": "", "assertion": "a.b.c"}), Reason.PARAMETER_MISSING),
    "no-assertion": (form({"grant_type": JWT_BEARER}), Reason.PARAMETER_MISSING),
    "empty-assertion": (form(GRANT, {"assertion": ""}), Reason.PARAMETER_MISSING),
    "grant-with-the-wrong-parameter": (form({"grant_type": JWT_BEARER, "client_id": "c"}), Reason.PARAMETER_MISSING),
    "credentials-without-assertion": (form(CREDENTIALS, {"client_assertion": ""}), Reason.PARAMETER_MISSING),
    "credentials-without-type": (form(CREDENTIALS, {"client_assertion_type": ""}), Reason.PARAMETER_MISSING),
    "credentials-with-saml": (
        form(CREDENTIALS, {"client_assertion_type": ASSERTION_TYPE.replace("jwt", "saml2")}),
        Reason.PARAMETER_MISSING,
    ),
    "R-086-credentials-with-a-secret": (form(CREDENTIALS, {"client_secret": "s"}), Reason.SEVERAL_AUTHENTICATIONS),
    "R-086-a-secret-alone": (
        form({"grant_type": CLIENT_CREDENTIALS, "client_secret": "s"}),
        Reason.SEVERAL_AUTHENTICATIONS,
    ),
    "7521-4.2-grant-with-client-assertion": (
        form(GRANT, {"client_assertion": "d.e.f", "client_assertion_type": ASSERTION_TYPE}),
        Reason.SEVERAL_AUTHENTICATIONS,
    ),
    "grant-with-a-secret": (form(GRANT, {"client_secret": "s"}), Reason.SEVERAL_AUTHENTICATIONS),
    "authorization-code": (form({"grant_type": "authorization_code", "code": "c"}), Reason.GRANT_TYPE),
    "password": (form({"grant_type": "password"}), Reason.GRANT_TYPE),
    "refresh-token": (form({"grant_type": "refresh_token", "refresh_token": "r"}), Reason.GRANT_TYPE),
    "grant-type-upper-case": (form(GRANT, {"grant_type": JWT_BEARER.upper()}), Reason.GRANT_TYPE),
    "grant-type-with-space": (form(GRANT, {"grant_type": JWT_BEARER + " "}), Reason.GRANT_TYPE),
    "consumer-org-malformed": (form(GRANT, {"consumer_org": "0192:" + CONSUMER}), Reason.FORM),
    "consumer-org-not-ascii": (form(GRANT, {"consumer_org": "\uff19" * 9}), Reason.FORM),
    "scope-malformed": (form(CREDENTIALS, {"scope": "a  b"}), Reason.SCOPE_MALFORMED),
    **{
        f"R-021-repeated-{name}": (form(GRANT, **{name: ("x", "x")}), Reason.PARAMETER_REPEATED)
        for name in ("grant_type", "assertion", "scope", "client_id", "consumer_org", "client_assertion", "unknown")
    },
    "R-021-repeated-and-empty": (form(GRANT, assertion=("", "a.b.c")), Reason.PARAMETER_REPEATED),
    "five-resources": (form(GRANT, resource=("urn:a",) * 5), Reason.PARAMETER_REPEATED),
}


@pytest.mark.parametrize(("sent", "reason"), REFUSED.values(), ids=REFUSED)
def test_a_form_is_refused(sent: Form, reason: Reason) -> None:
    """What is missing, repeated, contradictory or not supported is refused before an assertion is read."""
    with refuses(reason):
        request.parse(sent)


def test_a_request_does_not_show_itself() -> None:
    """Its representation tells nothing of the assertion in it."""
    assert "a.b.c" not in repr(request.parse(form(GRANT)))
