"""What is wrong with the request itself is told before any assertion is read, in the form of an OAuth error."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from tests.support.authority import Authority
from tests.support.http import FORM, raw, request
from tests.support.registrar import JWT_BEARER, RegisteredClient
from tests.web.conftest import assert_issued, assert_refused

CANARY = "Kanarifugl7"
ASSERTION = "aaaa.bbbb.cccc"
BODY_LIMIT = 64 * 1024


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ("", "AS-007"),
        ("assertion=" + ASSERTION, "AS-007"),
        (f"grant_type=&assertion={ASSERTION}", "AS-007"),
        (f"grant_type={JWT_BEARER}", "AS-007"),
        (f"grant_type={JWT_BEARER}&assertion=", "AS-007"),
        ("grant_type=client_credentials", "AS-007"),
        (f"grant_type=client_credentials&client_assertion={ASSERTION}", "AS-007"),
        (f"grant_type=client_credentials&client_assertion_type={CANARY}&client_assertion={ASSERTION}", "AS-007"),
        (f"grant_type={JWT_BEARER}&grant_type={JWT_BEARER}&assertion={ASSERTION}", "AS-006"),
        (f"grant_type={JWT_BEARER}&assertion={ASSERTION}&assertion={CANARY}", "AS-006"),
        (f"grant_type={JWT_BEARER}&assertion={ASSERTION}&{CANARY}=1&{CANARY}=2", "AS-006"),
        (f"grant_type={JWT_BEARER}&assertion={ASSERTION}&scope=&scope=", "AS-006"),
        (f"grant_type={JWT_BEARER}&assertion={ASSERTION}" + "&resource=urn:a" * 5, "AS-006"),
        (f"grant_type={JWT_BEARER}&assertion={CANARY}%zz", "AS-005"),
        (f"grant_type={JWT_BEARER}&assertion={CANARY}%", "AS-005"),
        (f"grant_type={JWT_BEARER}&assertion={CANARY}%C3%28", "AS-005"),
        (f"grant_type={JWT_BEARER}&assertion={CANARY}\u00e6", "AS-005"),
        (f"{CANARY}", "AS-005"),
        ("&".join(f"p{number}=1" for number in range(33)), "AS-005"),
        (f"grant_type={JWT_BEARER}&assertion={ASSERTION}&consumer_org={CANARY}", "AS-005"),
        (f"grant_type={JWT_BEARER}&assertion={ASSERTION}&client_secret={CANARY}", "AS-010"),
        (f"grant_type={JWT_BEARER}&assertion={ASSERTION}&client_assertion={CANARY}", "AS-010"),
    ],
)
def test_a_form_with_a_fault_is_an_invalid_request(authority: Authority, form: str, code: str) -> None:
    """A parameter that is missing, repeated or malformed makes the request invalid, whatever else it holds."""
    assert_refused(authority.post(form.encode("utf-8")), 400, "invalid_request", code, CANARY)


@pytest.mark.parametrize("grant_type", [CANARY, "password", "authorization_code", "refresh_token", "JWT-BEARER", "\0"])
def test_another_grant_type_is_not_supported(authority: Authority, grant_type: str) -> None:
    """Only the two grant types of the profile exist, compared to the letter."""
    answer = authority.post({"grant_type": grant_type, "assertion": ASSERTION})
    assert_refused(answer, 400, "unsupported_grant_type", "AS-009", CANARY)


def test_an_empty_value_is_the_same_as_no_parameter(authority: Authority, client: RegisteredClient) -> None:
    """Parameters without a value are ignored, as are parameters that mean nothing here (RFC 6749 §3.2)."""
    empty = {"scope": "", "client_assertion": "", "client_id": "", "resource": "", "consumer_org": "", CANARY: ""}
    assert_issued(authority.post({**client.form(), **empty, "unheard_of": "1"}))


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "application/json",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded; charset=latin1",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; boundary=x",
        "application/x-www-form-urlencodedx",
        "application/x-www-form-urlencoded, application/json",
    ],
)
def test_only_a_url_encoded_form_in_utf8_is_read(
    authority: Authority, client: RegisteredClient, content_type: str | None
) -> None:
    """Any other content type is refused, however good the body is."""
    headers = {} if content_type is None else {"content-type": content_type}
    body = urlencode(client.form()).encode()
    assert_refused(request(authority.port, "POST", "/token", body, headers), 400, "invalid_request", "AS-002")


@pytest.mark.parametrize("content_type", [FORM, FORM.upper(), f"{FORM};charset=UTF-8", f'{FORM} ; charset="utf-8"'])
def test_a_url_encoded_form_may_name_its_charset(
    authority: Authority, client: RegisteredClient, content_type: str
) -> None:
    """The content type is compared without regard to case, and UTF-8 may be said."""
    assert_issued(authority.post(client.form(), {"content-type": content_type}))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_any_method_but_post_is_refused_by_name(authority: Authority, client: RegisteredClient, method: str) -> None:
    """The token endpoint takes POST only, and says so in Allow, however good the rest is."""
    body = urlencode(client.form()).encode()
    answer = request(authority.port, method, f"/token?{CANARY}", body, {"content-type": FORM})
    assert_refused(answer, 405, "invalid_request", "AS-001", CANARY)


def test_head_is_refused_without_a_body(authority: Authority) -> None:
    """HEAD gets the headers of the refusal and no body (RFC 9110 §9.3.2)."""
    answer = request(authority.port, "HEAD", "/token")
    assert (answer.status, answer.body, answer.headers["allow"]) == (405, b"", "POST")
    assert answer.headers["cache-control"] == "no-store"


def test_parameters_in_the_query_do_not_count(authority: Authority, client: RegisteredClient) -> None:
    """What stands in the address is no part of the form (RFC 6749 §2.3.1)."""
    query = urlencode(client.form())
    answer = request(authority.port, "POST", f"/token?{query}", b"", {"content-type": FORM})
    assert_refused(answer, 400, "invalid_request", "AS-007", client.id)


def test_a_body_that_says_it_is_too_large_is_refused_unread(authority: Authority) -> None:
    """A declared length above the limit is answered with 413, also before the body has come."""
    head = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {BODY_LIMIT + 1}\r\n\r\n"
    (answer,) = raw(authority.port, head.encode())
    assert_refused(answer, 413, "invalid_request", "AS-004")


@pytest.mark.parametrize("length", ["9" * 12, "9" * 19])
def test_a_length_beyond_reason_is_refused(authority: Authority, length: str) -> None:
    """A length that no body here could have is refused by its digits."""
    head = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n\r\n"
    (answer,) = raw(authority.port, head.encode())
    assert_refused(answer, 413, "invalid_request", "AS-004")


def test_a_chunked_body_is_counted_as_it_comes(authority: Authority) -> None:
    """A body that does not say its length is refused once it is longer than the limit."""
    head = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = b"1000\r\n" + b"a" * 4096 + b"\r\n"
    (answer,) = raw(authority.port, head.encode() + chunk * 17)
    assert_refused(answer, 413, "invalid_request", "AS-004")


def test_an_oversized_body_that_is_sent_whole_can_read_its_answer(
    authority: Authority, client: RegisteredClient
) -> None:
    """A client that writes everything before it reads gets the refusal, and may go on with the same connection."""
    big = (
        f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {8 * BODY_LIMIT}\r\n\r\n".encode()
    )
    body = urlencode(client.form()).encode()
    good = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    refused, issued = raw(authority.port, big + b"a" * 8 * BODY_LIMIT + good + body, answers=2)
    assert_refused(refused, 413, "invalid_request", "AS-004")
    assert_issued(issued)


def test_a_body_at_the_limit_is_read(authority: Authority, client: RegisteredClient) -> None:
    """A form of exactly the limit is judged by what it says."""
    form = urlencode(client.form()) + "&padding="
    assert_issued(authority.post((form + "a" * (BODY_LIMIT - len(form))).encode()))


def test_a_chunked_form_is_as_good_as_one_with_a_length(authority: Authority, client: RegisteredClient) -> None:
    """How a body is framed does not matter to the grant."""
    body = urlencode(client.form()).encode()
    head = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:300], body[300:]))
    (answer,) = raw(authority.port, head + chunks + b"0\r\n\r\n")
    assert_issued(answer)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "identity, gzip"])
def test_a_coded_body_is_refused(authority: Authority, client: RegisteredClient, coding: str) -> None:
    """A content coding is never undone, so that no small request can become a large one."""
    answer = authority.post(client.form(), {"content-encoding": coding})
    assert_refused(answer, 415, "invalid_request", "AS-003")


@pytest.mark.parametrize("value", ["Basic Y2xpZW50OnNlY3JldA==", "Bearer x", "DPoP x", ""])
def test_a_second_way_to_authenticate_is_refused(authority: Authority, client: RegisteredClient, value: str) -> None:
    """An Authorization header beside an assertion is one mechanism too many (RFC 6749 §2.3)."""
    answer = authority.post(client.form(), {"authorization": value})
    assert_refused(answer, 400, "invalid_request", "AS-010", "Y2xpZW50OnNlY3JldA")


@pytest.mark.parametrize("path", ["/token/", "//token", "/TOKEN", "/tokens", "/x/../token", "/token;x"])
def test_only_the_exact_path_is_the_token_endpoint(authority: Authority, client: RegisteredClient, path: str) -> None:
    """Any other path is answered with a plain 404 in JSON, never with a redirect that would carry the grant along."""
    answer = request(authority.port, "POST", path, urlencode(client.form()).encode(), {"content-type": FORM})
    assert (answer.status, answer.json["error"]) == (404, "not_found")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
