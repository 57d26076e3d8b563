"""HTTP as a test needs it: one whole answer at a time, or bytes on a raw socket, with nothing helpful in between."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any
from urllib.parse import urlencode

FORM = "application/x-www-form-urlencoded"
SECONDS = 30
DESCRIPTION = re.compile(r"(?P<code>(?:MP|AS)-[0-9]{3}): (?P<sentence>.+) \(trace_id: (?P<trace_id>[0-9a-f]{32})\)")

# RFC 6749 §5.2 and the authority's own words for what that section does not name (RFC 8707 §2, RFC 9396 §5).
ERRORS = {
    400: {
        "invalid_request",
        "invalid_grant",
        "invalid_scope",
        "invalid_target",
        "invalid_authorization_details",
        "unauthorized_client",
        "unsupported_grant_type",
    },
    401: {"invalid_client"},
    403: {"forbidden"},
    405: {"invalid_request"},
    408: {"invalid_request"},
    413: {"invalid_request"},
    415: {"invalid_request"},
    429: {"temporarily_unavailable"},
    431: {"invalid_request"},
    503: {"temporarily_unavailable"},
}
SUCCESS = {"access_token", "token_type", "expires_in", "scope"}

Form = Mapping[str, str] | Sequence[tuple[str, str]] | bytes


@dataclass(frozen=True)
class Answer:
    """One HTTP answer. Header names are lower case; a repeated header is joined by a comma."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as a JSON object. Raises ValueError."""
        value = json.loads(self.body)
        if not isinstance(value, dict):
            raise TypeError("not a JSON object")
        return value

    @property
    def token(self) -> str:
        """The access token. Raises KeyError with the whole answer if there is none."""
        if "access_token" not in self.json:
            raise KeyError(f"{self.status} {self.body!r}")
        return str(self.json["access_token"])

    @property
    def code(self) -> str:
        """The MP- or AS-code of a refusal, empty for anything else."""
        found = DESCRIPTION.fullmatch(str(self.json.get("error_description")))
        return found["code"] if found else ""

    @property
    def trace_id(self) -> str:
        """The trace id of a refusal, empty for anything else."""
        found = DESCRIPTION.fullmatch(str(self.json.get("error_description")))
        return found["trace_id"] if found else ""

    @property
    def refusal(self) -> tuple[int, str, str]:
        """Status, error and code: what a test compares."""
        return self.status, str(self.json.get("error")), self.code


def broken_promises(answer: Answer, *canaries: str) -> list[str]:
    """What an answer of the token endpoint does that none may; `canaries` are pieces of the request's input."""
    shown = f"{answer.headers} {answer.body.decode('utf-8', 'replace')}"
    found = [f"the input {canary!r} is echoed" for canary in canaries if canary in shown]
    expected = {"content-type": "application/json", "cache-control": "no-store", "pragma": "no-cache"}
    if answer.status == 405:
        expected["allow"] = "POST"
    found += [f"{name} is not {value}" for name, value in expected.items() if answer.headers.get(name) != value]
    try:
        body = answer.json
    except (ValueError, TypeError) as fault:
        return [*found, f"the body is no JSON object: {fault}"]
    if answer.status == 200:
        return found if set(body) == SUCCESS else [*found, f"a success has the members {sorted(body)}"]
    if set(body) != {"error", "error_description"}:
        found.append(f"a refusal has the members {sorted(body)}")
    if body.get("error") not in ERRORS.get(answer.status, ()):
        found.append(f"{answer.status} says {body.get('error')}")
    if not DESCRIPTION.fullmatch(str(body.get("error_description"))):
        found.append("the description has no code before it or no trace id behind it")
    # RFC 6749 appendix A.8.
    if not re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", str(body.get("error_description"))):
        found.append("the description has characters that clients may not expect")
    if answer.status in (429, 503) and not answer.headers.get("retry-after", "").isdigit():
        found.append(f"{answer.status} does not say when to try again")
    return found


def request(
    port: int, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> Answer:
    """Send one request on a connection of its own and read the whole answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request(method, path, body, dict(headers or {}))
        return _answer(connection.getresponse())
    finally:
        connection.close()


def post_form(port: int, path: str, form: Form, headers: Mapping[str, str] | None = None) -> Answer:
    """Post a form; bytes are sent as they are."""
    body = form if isinstance(form, bytes) else urlencode(form).encode("ascii")
    return request(port, "POST", path, body, {"content-type": FORM, **(headers or {})})


def raw(port: int, data: bytes, *, answers: int = 1, method: str = "POST") -> list[Answer]:
    """Write bytes to a new connection and read up to so many answers, fewer if the server closes before."""
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        # The server may refuse before it has read everything; its answer is still there to be read.
        with suppress(ConnectionError):
            connection.sendall(data)
        return read_answers(connection, answers, method)


def read_answers(connection: socket.socket, most: int, method: str = "POST") -> list[Answer]:
    """Read up to `most` answers from an open connection, fewer if the server closes it before."""
    found: list[Answer] = []
    stream = connection.makefile("rb")
    with stream:
        while len(found) < most:
            response = HTTPResponse(_Stream(stream), method=method)  # type: ignore[arg-type]
            try:
                response.begin()
                found.append(_answer(response))
            except (ConnectionError, ValueError):
                break
    return found


class _Stream:
    """Lets several responses be read from one stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def makefile(self, _: str) -> Any:
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def close(self) -> None:
        """The stream belongs to the connection."""

    def flush(self) -> None:
        """Nothing is written here."""


def _answer(response: HTTPResponse) -> Answer:
    headers: dict[str, str] = {}
    for name, value in response.getheaders():
        key = name.lower()
        headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return Answer(response.status, headers, response.read())
