"""Whatever is sent to the token endpoint, every answer keeps every promise, and nothing invented gets a token."""

from __future__ import annotations

import time
from typing import Any
from urllib.parse import quote_plus

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.authority import Authority
from tests.support.http import FORM, broken_promises, raw
from tests.support.keys import as_json
from tests.support.registrar import JWT_BEARER, RegisteredClient

BOUNDED = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
KNOWN = ("iss", "sub", "aud", "exp", "iat", "nbf", "jti", "scope", "resource", "consumer_org", "pid")
CLAIMS = st.sampled_from((*KNOWN, "authorization_details"))
NAMES = st.sampled_from(
    ("grant_type", "assertion", "client_assertion", "client_assertion_type", "client_secret", "client_id")
) | st.sampled_from(("scope", "resource", "consumer_org", ""))
VALUES = st.one_of(
    st.text(max_size=40),
    st.sampled_from([JWT_BEARER, "client_credentials", "a.b.c", "e30.e30.e30", "974761076", "\0", "%00", "%", "&="]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@BOUNDED
@given(pairs=st.lists(st.tuples(NAMES | st.text(max_size=10), VALUES), max_size=8))
def test_any_form(authority: Authority, pairs: list[tuple[str, str]]) -> None:
    """A form of any parameters and values is refused, in order."""
    body = "&".join(
        f"{quote_plus(name, errors='replace')}={quote_plus(value, errors='replace')}" for name, value in pairs
    )
    answer = authority.post(body.encode("ascii"))
    assert answer.status in {400, 401}
    assert broken_promises(answer) == []


@BOUNDED
@given(body=st.binary(max_size=200))
def test_any_body(authority: Authority, body: bytes) -> None:
    """A body of any bytes is refused."""
    answer = authority.post(body)
    assert (answer.status, answer.json["error"]) in {(400, "invalid_request"), (400, "unsupported_grant_type")}
    assert broken_promises(answer) == []


@BOUNDED
@given(data=st.binary(max_size=300), begun=st.booleans())
def test_any_bytes_on_the_wire(authority: Authority, data: bytes, begun: bool) -> None:
    """Bytes of any kind, at the beginning of a request or in its headers, are refused or waited for."""
    head = f"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\n".encode() if begun else b""
    for answer in raw(authority.port, head + data + b"\r\nContent-Length: x\r\n\r\n\r\n"):
        assert answer.status in {400, 404, 405, 431, 501}
        assert broken_promises(answer) == [] or answer.status == 404


@BOUNDED
@given(changes=st.dictionaries(CLAIMS | st.text(max_size=12), JSON, min_size=1, max_size=3), data=st.data())
def test_any_claims_of_a_proven_client(
    authority: Authority, client: RegisteredClient, changes: dict[str, Any], data: st.DataObject
) -> None:
    """A properly signed assertion with any claims gets a token only if every claim is as it should be."""
    drop = data.draw(st.sets(CLAIMS, max_size=1))
    claims = {name: value for name, value in {**client.claims(), **changes}.items() if name not in drop}
    answer = authority.post({"grant_type": JWT_BEARER, "assertion": sign(client, claims)})
    assert broken_promises(answer) == []
    if answer.status == 200:
        assert claims["iss"] == client.id
        assert claims["aud"] in (authority.issuer, [authority.issuer])
        assert claims["scope"] == client.scopes[0]
        assert claims.keys() <= {
            "iss",
            "sub",
            "aud",
            "exp",
            "iat",
            "nbf",
            "jti",
            "scope",
            "resource",
            "consumer_org",
            "pid",
        }
        assert claims["iat"] <= time.time() + 11
        assert time.time() - 11 < claims["exp"] <= claims["iat"] + 120


@BOUNDED
@given(changes=st.dictionaries(st.sampled_from(["alg", "kid", "typ", "x5c", "cty", "b64", "nonce"]), JSON, max_size=3))
def test_any_header_of_a_proven_client(authority: Authority, client: RegisteredClient, changes: dict[str, Any]) -> None:
    """A header with any members gets a token only if algorithm, key and type are the registered ones."""
    header = {"alg": client.key.alg, "kid": client.key.kid, **changes}
    form = {"grant_type": JWT_BEARER, "assertion": client.key.jws(as_json(header), as_json(client.claims()))}
    answer = authority.post(form)
    assert broken_promises(answer) == []
    if answer.status == 200:
        assert (header["alg"], header["kid"]) == (client.key.alg, client.key.kid)
        assert str(header.get("typ", "JWT")).lower() == "jwt"


@BOUNDED
@given(position=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_any_changed_byte(authority: Authority, client: RegisteredClient, position: float, byte: int) -> None:
    """An assertion with one byte changed anywhere gets no token."""
    good = client.assertion().encode("ascii")
    place = int(position * len(good))
    changed = good[:place] + bytes([byte]) + good[place + 1 :]
    if changed != good:
        answer = authority.post({"grant_type": JWT_BEARER, "assertion": changed.decode("latin1")})
        assert answer.status == 400
        assert broken_promises(answer) == []


def sign(client: RegisteredClient, claims: dict[str, Any]) -> str:
    """Sign claims as they are; floats that JSON does not have are written as Python writes them."""
    header = as_json({"alg": client.key.alg, "kid": client.key.kid})
    return client.key.jws(header, as_json(claims))
