"""Whom a token is for (R-025, R-067, R-068; RFC 8707, RFC 9068 §3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth.audience import audience_of, is_absolute_uri
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Scope
from authserver.oauth.profiles import TOKEN_PROFILES
from tests.support.build import ISSUER, make_scope, refuses

STANDARD, MASKINPORTEN = TOKEN_PROFILES["standard"], TOKEN_PROFILES["maskinporten"]
API, OTHER = "https://api.tax.example/", "https://api.nav.example/"

PLAIN = make_scope("tax:a")
ALIKE = make_scope("tax:b")
FOREIGN = make_scope("nav:c")
NAMED = make_scope("tax:d", audience=API)
NAMED_OTHER = make_scope("nav:e", audience=OTHER)
DEFAULT = f"{ISSUER}api/tax"


@pytest.mark.parametrize(
    ("scopes", "resources", "standard", "maskinporten"),
    [
        pytest.param([PLAIN], (), (DEFAULT,), (), id="nothing-asked"),
        pytest.param([PLAIN, ALIKE], (), (DEFAULT,), (), id="one-prefix"),
        pytest.param([NAMED], (), (API,), (), id="registered"),
        pytest.param([NAMED], (API,), (API,), (API,), id="registered-and-asked"),
        pytest.param([NAMED], (OTHER,), Reason.RESOURCE_UNKNOWN, Reason.RESOURCE_UNKNOWN, id="R-068-another-api"),
        pytest.param([NAMED], (API, OTHER), Reason.RESOURCE_UNKNOWN, Reason.RESOURCE_UNKNOWN, id="one-api-too-many"),
        pytest.param([NAMED], (API.rstrip("/"),), Reason.RESOURCE_UNKNOWN, Reason.RESOURCE_UNKNOWN, id="no-slash"),
        pytest.param([PLAIN], ("urn:x",), ("urn:x",), ("urn:x",), id="asked"),
        pytest.param([PLAIN], ("urn:x", "urn:y"), Reason.RESOURCE, ("urn:x", "urn:y"), id="R-067-two-resources"),
        pytest.param([PLAIN], ("x",), Reason.RESOURCE, Reason.RESOURCE, id="R-067-not-absolute"),
        pytest.param([PLAIN], ("urn:x", ""), Reason.RESOURCE, Reason.RESOURCE, id="R-067-one-empty"),
        pytest.param([PLAIN, FOREIGN], (), Reason.SCOPES_MIXED, (), id="two-prefixes"),
        pytest.param([PLAIN, NAMED], (), Reason.SCOPES_MIXED, (), id="registered-and-not"),
        pytest.param([NAMED, NAMED_OTHER], (), Reason.SCOPES_MIXED, (), id="two-registered"),
        pytest.param([NAMED, NAMED_OTHER], (API,), Reason.RESOURCE_UNKNOWN, Reason.RESOURCE_UNKNOWN, id="two-and-one"),
        pytest.param([PLAIN, NAMED], (API,), Reason.SCOPES_MIXED, (API,), id="R-068-asking-does-not-mix"),
        pytest.param([PLAIN, FOREIGN], ("urn:x",), Reason.SCOPES_MIXED, ("urn:x",), id="R-068-two-prefixes-asking"),
        pytest.param([PLAIN, make_scope("nav:f", audience=DEFAULT)], (), (DEFAULT,), (), id="the-same-in-two-ways"),
    ],
)
def test_a_token_names_one_audience(
    scopes: list[Scope],
    resources: tuple[str, ...],
    standard: tuple[str, ...] | Reason,
    maskinporten: tuple[str, ...] | Reason,
) -> None:
    """Design §3: standard always names exactly one audience, maskinporten names what was asked for."""
    for profile, outcome in ((STANDARD, standard), (MASKINPORTEN, maskinporten)):
        if isinstance(outcome, Reason):
            with refuses(outcome):
                audience_of(scopes, resources, profile, ISSUER)
        else:
            assert audience_of(scopes, resources, profile, ISSUER) == outcome


@given(
    st.lists(st.sampled_from([PLAIN, ALIKE, FOREIGN, NAMED, NAMED_OTHER]), min_size=1, max_size=4),
    st.lists(st.sampled_from([API, OTHER, DEFAULT, "urn:x"]), max_size=2).map(tuple),
)
def test_audiences_never_mix(scopes: list[Scope], resources: tuple[str, ...]) -> None:
    """R-068: under standard, scopes that share a token would each have had the same audience, asked or not."""
    try:
        audience = audience_of(scopes, resources, STANDARD, ISSUER)
    except Refusal:
        return
    assert len(audience) == 1
    assert len({audience_of([scope], (), STANDARD, ISSUER) for scope in scopes}) == 1
    assert all(scope.audience in (None, *audience) for scope in scopes)


@pytest.mark.parametrize("issuer", ["https://auth.example/", "https://auth.example", "http://localhost:8080/"])
def test_the_default_audience_lies_below_the_issuer(issuer: str) -> None:
    """Design §3: `{issuer}api/{prefix}`, whether or not the issuer ends with a slash."""
    assert audience_of([PLAIN], (), STANDARD, issuer) == (f"{issuer.rstrip('/')}/api/tax",)


@pytest.mark.parametrize(
    "uri",
    [
        *("https://api.example", "https://api.example/", "https://api.example:8443/a/b?c=d", "http://[::1]:80/"),
        *("urn:example:api", "api:x", "https://api.example/%C3%A5", "tag:example.org,2026:api", "u:" + "x" * 510),
    ],
)
def test_absolute_uris(uri: str) -> None:
    """RFC 3986 §4.3: a scheme and something behind it; URNs too."""
    assert is_absolute_uri(uri)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "api",
            "/api",
            "//api.example/",
            "https:",
            "https://",
            "https:///path",
            "https:api.example",
            ":x",
            "urn:",
        ),
        *(
            "https://api.example/#f",
            "urn:a#",
            "https://api.example/ a",
            "https://api.example/\n",
            "https://[::1/",
            "a\\b:c",
        ),
        *("https://\u00e5.example/", "https://api.example/\u200b", "1a:b", 'urn:"', "u:" + "x" * 511, "http://[x]/"),
    ],
)
def test_other_texts_are_no_resource(text: str) -> None:
    """RFC 8707 §2: relative references, fragments, and text outside the grammar of URIs are refused."""
    assert not is_absolute_uri(text)
