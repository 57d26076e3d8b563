"""What a token endpoint may answer, and what the client makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tillit import MalformedResponse, Rejected, Throttled, TokenError, TokenRequest, Unavailable
from tillit.core.response import Reply, read_reply

REQUEST = TokenRequest("a:b c:d")
NOW = 1_800_000_000.0
GOOD = {"access_token": "abc", "token_type": "Bearer", "expires_in": 120, "scope": "a:b"}
DATE_10_AHEAD = "Fri, 15 Jan 2027 08:00:10 GMT"


def reply(status: int, body: Any, **headers: str) -> Reply:
    """An answer; header names with underscores."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, {name.replace("_", "-"): value for name, value in headers.items()}, data)


def failure(answer: Reply) -> TokenError:
    """The error that `answer` becomes."""
    with pytest.raises(TokenError) as caught:
        read_reply(answer, REQUEST, now=NOW)
    return caught.value


def test_grant_is_read() -> None:
    """The four members of RFC 6749 section 5.1; the scope granted may be less than asked."""
    grant = read_reply(reply(200, GOOD), REQUEST, now=NOW)
    assert (grant.access_token, grant.expires_in, grant.scopes) == ("abc", 120, ("a:b",))


def test_no_life_is_believed_beyond_a_day() -> None:
    """A token that is said to last for ages is renewed within a day."""
    assert read_reply(reply(200, {**GOOD, "expires_in": 2**53 - 1}), REQUEST, now=NOW).expires_in == 86_400


def test_scope_left_out_means_scope_as_asked() -> None:
    """Without scope in the answer, what was asked for was granted (RFC 6749 section 5.1)."""
    answer = reply(200, {name: value for name, value in GOOD.items() if name != "scope"} | {"token_type": "bearer"})
    assert read_reply(answer, REQUEST, now=NOW).scopes == ("a:b", "c:d")


@pytest.mark.parametrize(
    "change",
    [
        {"access_token": None},
        {"access_token": ""},
        {"access_token": "a b"},
        {"access_token": "a\r\nX: y"},
        {"access_token": 1},
        {"token_type": "DPoP"},
        {"token_type": None},
        {"expires_in": None},
        {"expires_in": "120"},
        {"expires_in": True},
        {"expires_in": 0},
        {"expires_in": -1},
        {"expires_in": 1.5},
    ],
)
def test_unusable_grants_are_malformed(change: dict[str, Any]) -> None:
    """A grant that cannot be used safely is refused; above all a token that would break out of a header."""
    assert isinstance(failure(reply(200, GOOD | change)), MalformedResponse)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"access_token":"a","access_token":"b"}'])
def test_bodies_that_are_not_json_objects_are_malformed(body: bytes) -> None:
    """So is what is not one JSON object with unique members."""
    assert isinstance(failure(reply(200, body)), MalformedResponse)


def test_refusal_is_taken_apart() -> None:
    """Code, fine-grained code, trace id, hint and skew are attributes, and all but the skew are in the message."""
    description = "Consumer 991825827 has not delegated access. MP-251 (trace_id: " + "0af7" * 8 + ")"
    body = {"error": "forbidden", "error_description": description}
    error = failure(reply(403, body, date=DATE_10_AHEAD))

    assert isinstance(error, Rejected)
    assert (error.code, error.mp_code, error.status) == ("forbidden", "MP-251", 403)
    assert error.trace_id == "0af7" * 8
    assert error.description == "Consumer 991825827 has not delegated access. MP-251"
    assert error.skew == 10
    assert error.hint is not None
    assert "delegate the scope" in error.hint
    assert "10 s behind" in error.hint
    assert all(part in str(error) for part in ("forbidden", "MP-251", "0af7" * 8, "delegate the scope"))


@pytest.mark.parametrize(
    ("description", "mp_code", "trace_id", "hint"),
    [
        (
            "AS-912: something (trace_id: 11112222333344445555666677778888)",
            "AS-912",
            "11112222333344445555666677778888",
            None,
        ),
        (
            "No. (correlation id: 6f9619ff-8b86-d011-b42d-00c04fc964ff)",
            None,
            "6f9619ff-8b86-d011-b42d-00c04fc964ff",
            None,
        ),
        ("Unknown key identifier (kid) for client", None, None, "Register the key"),
        ("Expired key", None, None, "register a new one"),
        ("Issue time is in the future.", None, None, "clock"),
        ("MP-1000 XMP-100", None, None, None),
    ],
)
def test_descriptions_in_the_wild(
    description: str, mp_code: str | None, trace_id: str | None, hint: str | None
) -> None:
    """Codes, trace ids of both generations and known phrases are found; look-alikes are not."""
    error = failure(reply(400, {"error": "invalid_grant", "error_description": description}))
    assert isinstance(error, Rejected)
    assert error.mp_code == mp_code
    assert error.trace_id == trace_id
    assert (error.hint is None) == (hint is None)
    assert hint is None or hint in str(error.hint)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (reply(429, b""), Throttled),
        (reply(408, b""), Unavailable),
        (reply(500, b"<html>"), Unavailable),
        (reply(503, {"error": "temporarily_unavailable"}), Unavailable),
        (reply(400, {"error": "temporarily_unavailable"}), Unavailable),
        (reply(400, {"error": "invalid_grant"}), Rejected),
        (reply(401, {"error": "invalid_client"}), Rejected),
        (reply(400, b"<html>"), MalformedResponse),
        (reply(403, b"blocked by a proxy"), MalformedResponse),
        (reply(404, b""), MalformedResponse),
        (reply(302, {"error": "x"}), MalformedResponse),
        (reply(204, b""), MalformedResponse),
    ],
)
def test_every_status_has_its_error(answer: Reply, kind: type[TokenError]) -> None:
    """The kind of error follows from status and OAuth code."""
    assert type(failure(answer)) is kind


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (DATE_10_AHEAD, 10.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("99999999999", None),
        ("", None),
    ],
)
def test_retry_after(value: str, seconds: float | None) -> None:
    """Seconds or an HTTP date, and nothing else."""
    error = failure(reply(503, b"", retry_after=value))
    assert isinstance(error, Unavailable)
    assert error.retry_after == seconds


def test_descriptions_are_made_harmless() -> None:
    """A token echoed by the authority, control characters and endless texts do not reach a log."""
    token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0xxxxx.c2lnbmF0dXJlc2lnbmF0dXJl"
    body = {"error": "invalid_grant", "error_description": f"bad {token}\r\nINFO forged line " + "x" * 9000}
    error = failure(reply(400, body))
    assert token[:20] not in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 800
