"""RFC 6749: the token endpoint as such."""

from __future__ import annotations

import re

from tests.conformance.clauses import clause, refusal_of
from tests.support.authority import Authority
from tests.support.http import FORM, raw, request
from tests.support.registrar import RegisteredClient, Registrar
from tests.support.tokens import claims_of

INVALID_REQUEST = (400, "invalid_request")


@clause("RFC 6749 §3.2", "R-021")
def test_post_only(authority: Authority) -> None:
    """The client MUST use POST."""
    answer = request(authority.port, "GET", "/token")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


@clause("RFC 6749 §3.2", "R-021")
def test_parameters_do_not_repeat(authority: Authority, client: RegisteredClient) -> None:
    """A parameter MUST NOT be included more than once, known or unknown."""
    form = list(client.form().items())
    assert refusal_of(authority.post([*form, form[0]])) == INVALID_REQUEST
    assert refusal_of(authority.post([*form, ("x", "1"), ("x", "1")])) == INVALID_REQUEST


@clause("RFC 6749 §3.2", "R-021")
def test_empty_is_absent_and_unknown_is_ignored(authority: Authority, client: RegisteredClient) -> None:
    """Parameters without a value are treated as omitted, unrecognised ones are ignored."""
    assert authority.post({**client.form(), "scope": "", "x": "1"}).status == 200
    assert refusal_of(authority.post({**client.form(), "assertion": ""})) == INVALID_REQUEST


@clause("RFC 6749 §3.2", "R-022")
def test_a_url_encoded_form_only(authority: Authority, client: RegisteredClient) -> None:
    """Parameters come as application/x-www-form-urlencoded in UTF-8, and in nothing else."""
    for other in ("application/json", "multipart/form-data; boundary=x", f"{FORM}; charset=iso-8859-1"):
        assert refusal_of(authority.post(client.form(), {"content-type": other})) == INVALID_REQUEST


@clause("RFC 6749 §3.3", "R-024")
def test_scope_is_tokens_with_single_spaces(authority: Authority, registry: Registrar) -> None:
    """A scope is case-sensitive tokens of %x21 / %x23-5B / %x5D-7E, separated by one space."""
    prefix = registry.prefix()
    client = registry.granted_client(registry.scope(f"{prefix}:a"), registry.scope(f"{prefix}:b"))
    assert authority.token(client).json["scope"] == f"{prefix}:a {prefix}:b"
    for bad in (
        f"{prefix}:a  {prefix}:b",
        f" {prefix}:a",
        f"{prefix}:a\t{prefix}:b",
        f'{prefix}:"a"',
        f"{prefix}:A",
        "",
    ):
        assert refusal_of(authority.token(client, scope=bad)) == (400, "invalid_scope")


@clause("RFC 6749 §3.3", "R-024")
def test_all_scopes_or_none(authority: Authority, client: RegisteredClient) -> None:
    """A request for one scope too many is refused whole, so what is returned is what was asked."""
    assert refusal_of(authority.token(client, scope=f"{client.scopes[0]} x:y")) == (400, "invalid_scope")


@clause("RFC 6749 §5.1", "R-085")
def test_the_members_of_a_success(authority: Authority, client: RegisteredClient) -> None:
    """`access_token`, `token_type`, `expires_in` and `scope`; never a refresh token."""
    answer = authority.token(client)
    assert answer.json.keys() == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json["token_type"].lower() == "bearer"
    assert answer.json["expires_in"] == claims_of(answer.token)["exp"] - claims_of(answer.token)["iat"]


@clause("RFC 6749 §5.1", "R-023")
def test_no_answer_is_stored(authority: Authority, client: RegisteredClient) -> None:
    """Every answer, good or bad, has `Cache-Control: no-store` and `Pragma: no-cache`."""
    for answer in (
        authority.token(client),
        authority.token(client, scope="x:y"),
        authority.post(b""),
        request(authority.port, "GET", "/token"),
        *raw(authority.port, b"not http\r\n\r\n"),
    ):
        assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-store", "no-cache"), answer.status


@clause("RFC 6749 §5.2", "R-020")
def test_errors_by_their_condition(authority: Authority, client: RegisteredClient, legacy: RegisteredClient) -> None:
    """Each condition has the error code and the status that the standards give it."""
    for answer, expected in (
        (authority.post({}), INVALID_REQUEST),
        (authority.post({"grant_type": "password"}), (400, "unsupported_grant_type")),
        (authority.token(client, exp=1, iat=0), (400, "invalid_grant")),
        (authority.token(client, iss="nobody"), (400, "invalid_grant")),
        (authority.token(client, scope="x:y"), (400, "invalid_scope")),
        (authority.post(client.credentials_form(aud="x")), (401, "invalid_client")),
        (authority.post(legacy.credentials_form()), (400, "unauthorized_client")),
    ):
        assert refusal_of(answer) == expected


@clause("RFC 6749 §5.2", "R-020")
def test_the_form_of_an_error(authority: Authority, client: RegisteredClient) -> None:
    """JSON with `error` and an ASCII `error_description` without quote, backslash or control character."""
    answer = authority.token(client, **{'"\\\x7f': 1})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json.keys() == {"error", "error_description"}
    assert re.fullmatch(r"[\x20\x21\x23-\x5b\x5d-\x7e]+", answer.json["error_description"])


@clause("RFC 6749 §4.4", "R-086")
def test_client_credentials_by_signature_alone(authority: Authority, client: RegisteredClient) -> None:
    """`client_credentials` is for clients that authenticate, which here they do with a key."""
    assert authority.post(client.credentials_form()).status == 200
    bare = {"grant_type": "client_credentials", "client_id": client.id, "scope": client.scopes[0]}
    assert refusal_of(authority.post(bare)) == INVALID_REQUEST
    assert refusal_of(authority.post({**bare, "client_secret": "x"})) == INVALID_REQUEST


@clause("RFC 6749 §2.3", "R-050")
def test_one_way_to_authenticate(authority: Authority, client: RegisteredClient) -> None:
    """The client MUST NOT use more than one authentication method in a request."""
    basic = {"authorization": "Basic eDp5"}
    assert refusal_of(authority.post(client.credentials_form(), basic)) == INVALID_REQUEST
    assert refusal_of(authority.post({**client.credentials_form(), "client_secret": "x"})) == INVALID_REQUEST
    both = {**client.form(), "client_assertion": client.assertion()}
    assert refusal_of(authority.post(both)) == INVALID_REQUEST


@clause("RFC 9112 §6.3", "R-110")
def test_ambiguous_framing_is_refused(authority: Authority) -> None:
    """A length beside a transfer coding, two lengths and two hosts are refused, and end the connection."""
    head = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n".encode()
    for lines in (
        b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 3\r\nContent-Length: 4\r\n\r\na=b",
        b"Host: y\r\nContent-Length: 3\r\n\r\na=b",
    ):
        (answer,) = raw(authority.port, head + lines)
        assert refusal_of(answer) == INVALID_REQUEST
        assert answer.code == "AS-011"


@clause("RFC 9110 §8.4", "R-111")
def test_no_content_coding(authority: Authority, client: RegisteredClient) -> None:
    """A coded request body is 415."""
    assert refusal_of(authority.post(client.form(), {"content-encoding": "gzip"})) == (415, "invalid_request")


@clause("R-108")
def test_what_is_too_large_is_refused_before_it_is_read(authority: Authority, client: RegisteredClient) -> None:
    """Body, head and assertion each have a limit that is checked before anything is parsed."""
    assert authority.post(b"a=" + b"a" * 70_000).status == 413
    assert authority.post(client.form(), {"x": "a" * 20_000}).status == 431
    assert authority.token(client, scope="a" * 9_000).code == "AS-021"


@clause("R-045", "R-113")
def test_host_and_forwarded_headers_decide_nothing(authority: Authority, client: RegisteredClient) -> None:
    """The issuer is configuration."""
    spoofed = {"host": "evil.example", "x-forwarded-host": "evil.example", "forwarded": "host=evil.example"}
    token = authority.post(client.form(), spoofed).token
    assert claims_of(token)["iss"] == authority.issuer


@clause("R-121")
def test_health_is_not_public(authority: Authority) -> None:
    """Health and metrics stand on the management listener and nowhere else."""
    for path in ("/livez", "/readyz", "/metrics"):
        assert request(authority.management_port, "GET", path).status == 200
        assert authority.get(path).status == 404
