"""The claims of an assertion, each with its type and bounds (R-004 to R-010; RFC 7519 §4.1, RFC 7523 §3)."""

from dataclasses import replace
from typing import Any

import pytest

from authserver.oauth import limits
from authserver.oauth.claims import Claims
from authserver.oauth.errors import Reason
from authserver.oauth.profiles import REQUEST_PROFILES
from tests.support.build import ABSENT, CLIENT_ID, CONSUMER, ISSUER, NOW, claims, refuses

STANDARD, MASKINPORTEN = "standard", "maskinporten"
BOTH = pytest.mark.parametrize("profile", [STANDARD, MASKINPORTEN])
KNOWN = frozenset({"iss", "aud", "iat", "exp", "jti", "scope", "nbf", "authorization_details"})


def make(profile: str = STANDARD, **changes: Any) -> Claims:
    return Claims(claims(**changes), REQUEST_PROFILES[profile])


# aud


@BOTH
@pytest.mark.parametrize("aud", [ISSUER, [ISSUER]], ids=["text", "array-of-one"])
def test_the_issuer_alone_is_the_audience(profile: str, aud: Any) -> None:
    """R-004: a grant names us, as text or as an array of one."""
    make(profile, aud=aud).judge_audience(ISSUER)


AUDIENCES = {
    "absent": ABSENT,
    "null": None,
    "empty": "",
    "empty-array": [],
    "R-005-token-endpoint": f"{ISSUER}token",
    "no-trailing-slash": ISSUER.rstrip("/"),
    "two-slashes": ISSUER + "/",
    "upper-case-host": ISSUER.replace("auth", "AUTH"),
    "upper-case-scheme": ISSUER.replace("https", "HTTPS"),
    "explicit-port": "https://auth.example:443/",
    "http": ISSUER.replace("https", "http"),
    "other-environment": "https://test.auth.example/",
    "prefix": ISSUER + "x",
    "suffix": "x" + ISSUER,
    "white-space": ISSUER + " ",
    "percent-encoded": "https://%61uth.example/",
    "array-of-us-and-other": [ISSUER, "https://other.example/"],
    "array-of-other-and-us": ["https://other.example/", ISSUER],
    "array-of-us-twice": [ISSUER, ISSUER],
    "nested-array": [[ISSUER]],
    "object": {ISSUER: ISSUER},
    "true": True,
    "number": 1,
}


@BOTH
@pytest.mark.parametrize("aud", AUDIENCES.values(), ids=AUDIENCES)
def test_any_other_audience_is_refused(profile: str, aud: Any) -> None:
    """R-004: the comparison is of plain text, with nobody beside us and no forgiveness."""
    with refuses(Reason.AUDIENCE):
        make(profile, aud=aud).judge_audience(ISSUER)


# sub


@pytest.mark.parametrize("required", [False, True])
def test_a_subject_that_is_the_client_passes(required: bool) -> None:
    """R-010: sub equal to the client id is right for grants and for client authentication."""
    make(sub=CLIENT_ID).judge_subject(CLIENT_ID, required=required)


def test_a_subject_may_be_absent_from_a_grant_only() -> None:
    """R-010: RFC 7523 §3(2) asks for sub; Maskinporten grants have none."""
    make().judge_subject(CLIENT_ID, required=False)
    with refuses(Reason.CLAIM_MISSING):
        make().judge_subject(CLIENT_ID, required=True)


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("sub", ["", "other", None, [CLIENT_ID], 0, True])
def test_another_subject_is_refused(required: bool, sub: Any) -> None:
    """R-010: sub names the client or is refused."""
    with refuses(Reason.SUBJECT):
        make(sub=sub).judge_subject(CLIENT_ID, required=required)


# Times, second by second. Each row: profile, changes, what becomes of it.

LIFE = {STANDARD: 120, MASKINPORTEN: 180}
TIMES: list[tuple[str, dict[str, Any], Reason | None]] = [
    row
    for profile, life in LIFE.items()
    for row in (
        # exp - iat, at most the life of the profile, compared without skew.
        (profile, {"exp": NOW + life - 1}, None),
        (profile, {"exp": NOW + life}, None),
        (profile, {"exp": NOW + life + 1}, Reason.LIFETIME),
        (profile, {"exp": limits.JSON_INTEGER}, Reason.LIFETIME),
        # iat at most ten seconds ahead.
        (profile, {"iat": NOW + 10}, None),
        (profile, {"iat": NOW + 11}, Reason.NOT_YET),
        (profile, {"iat": NOW + 10, "exp": NOW + 10 + life}, None),
        (profile, {"iat": limits.JSON_INTEGER, "exp": limits.JSON_INTEGER}, Reason.NOT_YET),
        # RFC 7519 §4.1.4: on or after exp, with ten seconds of skew, it is over.
        (profile, {"iat": NOW - 60, "exp": NOW + 1}, None),
        (profile, {"iat": NOW - 60, "exp": NOW}, None),
        (profile, {"iat": NOW - 60, "exp": NOW - 9}, None),
        (profile, {"iat": NOW - 60, "exp": NOW - 10}, Reason.EXPIRED),
        (profile, {"iat": NOW - 60, "exp": NOW - 11}, Reason.EXPIRED),
        (profile, {"iat": 0, "exp": 60}, Reason.EXPIRED),
        (profile, {"iat": -60, "exp": -1}, Reason.EXPIRED),
        # An assertion that ends before it begins, or at once.
        (profile, {"exp": NOW}, Reason.EXPIRED),
        (profile, {"exp": NOW - 1}, Reason.EXPIRED),
        (profile, {"exp": NOW + 1}, None),
        # An old iat: the life bounds it.
        (profile, {"iat": NOW - life + 1, "exp": NOW + 1}, None),
        (profile, {"iat": NOW - life - 9, "exp": NOW - 9}, None),
        (profile, {"iat": NOW - life - 10, "exp": NOW - 9}, Reason.LIFETIME),
        # RFC 7519 §4.1.5: nbf.
        (profile, {"nbf": NOW - 1000}, None),
        (profile, {"nbf": NOW + 10}, None),
        (profile, {"nbf": NOW + 11}, Reason.NOT_YET),
        # presence.
        (profile, {"iat": ABSENT}, Reason.CLAIM_MISSING),
        (profile, {"exp": ABSENT}, Reason.CLAIM_MISSING),
        (profile, {"iat": None}, Reason.CLAIM_MISSING),
        (profile, {"exp": None}, Reason.CLAIM_MISSING),
        # R-007, §6.2: types.
        *(
            (profile, {name: value}, Reason.CLAIM_VALUE)
            for name in ("iat", "exp", "nbf")
            for value in (str(NOW), "", True, False, [NOW], {"a": NOW})
        ),
    )
]


@pytest.mark.parametrize(
    ("profile", "changes", "reason"),
    [pytest.param(*row, id=f"{row[0]}-{row[1]}".replace(repr(ABSENT), "absent")) for row in TIMES],
)
def test_times_are_judged_to_the_second(profile: str, changes: dict[str, Any], reason: Reason | None) -> None:
    """Each bound on iat, exp and nbf holds at its exact second."""
    if reason is None:
        until = make(profile, **changes).judge_times(NOW)
        assert until == changes.get("exp", NOW + 60) + limits.CLOCK_SKEW + limits.REPLAY_MARGIN
    else:
        with refuses(reason):
            make(profile, **changes).judge_times(NOW)


@pytest.mark.parametrize("name", ["iat", "exp", "nbf"])
def test_float_times_are_for_maskinporten_alone(name: str) -> None:
    """Design §3: standard takes integers, maskinporten integers or floats."""
    near = {"iat": NOW - 0.5, "exp": NOW + 60.75, "nbf": NOW - 1.5}[name]
    make(MASKINPORTEN, **{name: near}).judge_times(NOW)
    make(MASKINPORTEN, **{name: float(NOW + (60 if name == "exp" else 0))}).judge_times(NOW)
    with refuses(Reason.CLAIM_VALUE):
        make(STANDARD, **{name: near}).judge_times(NOW)
    with refuses(Reason.CLAIM_VALUE):
        make(STANDARD, **{name: float(NOW)}).judge_times(NOW)


def test_float_times_hold_the_same_bounds() -> None:
    """A fraction of a second is dropped, so a float reaches no further than the integer below it and one second."""
    with refuses(Reason.LIFETIME):
        make(MASKINPORTEN, exp=NOW + 181.0).judge_times(NOW)
    with refuses(Reason.NOT_YET):
        make(MASKINPORTEN, iat=NOW + 11.0).judge_times(NOW)
    with refuses(Reason.EXPIRED):
        make(MASKINPORTEN, iat=NOW - 60.0, exp=NOW - 10.0).judge_times(NOW)
    assert make(MASKINPORTEN, exp=NOW + 60.9).judge_times(NOW) == NOW + 60 + 40


@pytest.mark.parametrize(("age", "refused"), [(59, False), (60, False), (61, True)])
def test_a_profile_may_bound_the_age(age: int, refused: bool) -> None:
    """R-008: where a profile bounds now - iat more tightly than its life does, an older assertion is refused."""
    strict = replace(REQUEST_PROFILES[STANDARD], age=60)
    judged = Claims(claims(iat=NOW - age, exp=NOW + 10), strict)
    if refused:
        with refuses(Reason.TOO_OLD):
            judged.judge_times(NOW)
    else:
        judged.judge_times(NOW)


def test_an_assertion_is_remembered_for_as_long_as_it_could_be_sent_again() -> None:
    """R-006: until the end of its memory an assertion has become too old to be accepted, with a margin."""
    latest = make(MASKINPORTEN, iat=NOW + 10, exp=NOW + 190)
    until = latest.judge_times(NOW)
    assert until - NOW == limits.LONGEST_ASSERTION_MEMORY
    with refuses(Reason.EXPIRED):
        latest.judge_times(until - limits.REPLAY_MARGIN)


# Names


def test_known_names_pass() -> None:
    """Claims that the rules know are not refused by name."""
    make(nbf=NOW).judge_names(KNOWN)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        pytest.param("consumer_orgno", "consumer?orgno", id="the-copied-misspelling"),
        pytest.param("iss_onbehalfof", "iss?onbehalfof", id="the-deprecated-one"),
        pytest.param("https://x.example/c:1", "https://x.example/c:1", id="a-uri"),
        pytest.param('a"b\\c\r\nd', "a?b?c??d", id="outside-rfc-6749-a.8"),
        pytest.param("\u00e5\U0001f600", "??", id="not-ascii"),
        pytest.param("n" * 1000, "n" * 64, id="long"),
        pytest.param("", "", id="empty"),
    ],
)
def test_an_unknown_claim_is_refused_by_a_printable_name(name: str, shown: str) -> None:
    """Design §3: the refusal names the claim, in characters that an answer and a log may hold."""
    judged = Claims(claims() | {name: 1}, REQUEST_PROFILES[STANDARD])
    with refuses(Reason.CLAIM_UNKNOWN) as caught:
        judged.judge_names(KNOWN)
    assert caught.value.value == shown.replace("?orgno", "_orgno").replace("s?on", "s_on")


def test_authorization_details_have_their_own_refusal() -> None:
    """MP-301: no type of authorization details is known."""
    with refuses(Reason.AUTHORIZATION_DETAILS):
        make(authorization_details=[{"type": "urn:altinn:systemuser"}]).judge_names(KNOWN)


# jti

JTI_REFUSED = ["", "j" * 257, "j" * 1_000_000, "a b", "a#b", "a\n", "\u00e5", None, 5, True, ["a"], {"a": 1}]


@BOTH
@pytest.mark.parametrize("jti", JTI_REFUSED, ids=lambda jti: repr(jti)[:12])
def test_a_jti_is_a_plain_bounded_text(profile: str, jti: Any) -> None:
    """R-006: an id that is empty, huge or of another type is refused, also where it may be absent."""
    with refuses(Reason.CLAIM_VALUE):
        make(profile, jti=jti).jti()


@pytest.mark.parametrize("jti", ["j", "j" * 256, "Aa0._~:+/=-", "0b9f1a1e-6f0f-4c0e-8a53-2d0f5b6f0a11"])
def test_a_right_jti_is_returned(jti: str) -> None:
    """An id of the allowed characters is kept as it is."""
    assert make(jti=jti).jti() == jti


def test_a_jti_may_be_absent_under_maskinporten_alone() -> None:
    """Design §3: standard requires jti."""
    assert make(MASKINPORTEN, jti=ABSENT).jti() is None
    with refuses(Reason.CLAIM_MISSING):
        make(STANDARD, jti=ABSENT).jti()


# scope, resource, consumer_org, pid: the claim, the form, or both the same.

SCOPES: list[tuple[Any, tuple[str, ...] | None, tuple[str, ...] | Reason]] = [
    ("a:b", None, ("a:b",)),
    ("b:b a:a", None, ("b:b", "a:a")),
    ("a:b", ("a:b",), ("a:b",)),
    (ABSENT, ("a:b",), ("a:b",)),
    ("a:b", ("a:c",), Reason.PARAMETER_DISAGREES),
    ("a:b a:c", ("a:c", "a:b"), Reason.PARAMETER_DISAGREES),
    (ABSENT, None, Reason.CLAIM_MISSING),
    ("", None, Reason.SCOPE_MALFORMED),
    ("a:b  c:d", None, Reason.SCOPE_MALFORMED),
    (["a:b"], None, Reason.CLAIM_VALUE),
    (5, ("5",), Reason.CLAIM_VALUE),
]
RESOURCES: list[tuple[Any, tuple[str, ...], tuple[str, ...] | Reason]] = [
    (ABSENT, (), ()),
    ("urn:a", (), ("urn:a",)),
    (["urn:a", "urn:b"], (), ("urn:a", "urn:b")),
    ([], (), ()),
    ([], ("urn:a",), ("urn:a",)),
    (ABSENT, ("urn:a",), ("urn:a",)),
    ("urn:a", ("urn:a",), ("urn:a",)),
    ("urn:a", ("urn:b",), Reason.PARAMETER_DISAGREES),
    (["urn:a"], ("urn:a", "urn:b"), Reason.PARAMETER_DISAGREES),
    (["urn:a"] * 4, (), ("urn:a",) * 4),
    (["urn:a"] * 5, (), Reason.RESOURCE),
    (5, (), Reason.CLAIM_VALUE),
    (None, (), Reason.CLAIM_VALUE),
    ([5], (), Reason.CLAIM_VALUE),
    ({"a": "b"}, (), Reason.CLAIM_VALUE),
]
CONSUMERS: list[tuple[Any, str | None, str | Reason | None]] = [
    (ABSENT, None, None),
    (None, None, None),
    (CONSUMER, None, CONSUMER),
    (ABSENT, CONSUMER, CONSUMER),
    (CONSUMER, CONSUMER, CONSUMER),
    (CONSUMER, "889640782", Reason.PARAMETER_DISAGREES),
    (None, CONSUMER, Reason.PARAMETER_DISAGREES),
    ("0192:" + CONSUMER, None, Reason.CLAIM_VALUE),
    (CONSUMER + "\n", None, Reason.CLAIM_VALUE),
    ("\uff19" * 9, None, Reason.CLAIM_VALUE),
    ("99182582", None, Reason.CLAIM_VALUE),
    ("", None, Reason.CLAIM_VALUE),
    (int(CONSUMER), None, Reason.CLAIM_VALUE),
    ([CONSUMER], None, Reason.CLAIM_VALUE),
]
PIDS: list[tuple[Any, str | Reason | None]] = [
    (ABSENT, None),
    (None, None),
    ("01018012345", "01018012345"),
    ("0101801234", Reason.CLAIM_VALUE),
    ("010180123456", Reason.CLAIM_VALUE),
    ("0101801234\u0665", Reason.CLAIM_VALUE),
    (1018012345, Reason.CLAIM_VALUE),
]


def expect(call: Any, outcome: Any) -> None:
    if isinstance(outcome, Reason):
        with refuses(outcome):
            call()
    else:
        assert call() == outcome


@pytest.mark.parametrize(("claim", "in_form", "outcome"), SCOPES)
def test_scope_stands_in_the_claim_or_the_form(claim: Any, in_form: Any, outcome: Any) -> None:
    """R-024: scopes keep their order, and two voices must say the same."""
    expect(lambda: make(scope=claim).scopes(in_form), outcome)


@pytest.mark.parametrize(("claim", "in_form", "outcome"), RESOURCES)
def test_resource_stands_in_the_claim_or_the_form(claim: Any, in_form: Any, outcome: Any) -> None:
    """RFC 8707 §2: a text or an array of texts, at most four, and two voices must say the same."""
    expect(lambda: make(resource=claim).resources(in_form), outcome)


@pytest.mark.parametrize(("claim", "in_form", "outcome"), CONSUMERS)
def test_consumer_org_is_nine_digits(claim: Any, in_form: Any, outcome: Any) -> None:
    """An organisation acted for is nine ASCII digits, and two voices must say the same."""
    expect(lambda: make(consumer_org=claim).consumer_org(in_form), outcome)


@pytest.mark.parametrize(("claim", "outcome"), PIDS)
def test_pid_is_eleven_digits(claim: Any, outcome: Any) -> None:
    """A person is named by eleven ASCII digits."""
    expect(lambda: make(pid=claim).pid(), outcome)
