"""A request to the token endpoint, read as strictly as a real authority reads it (RFC 6749 section 3.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import unquote_to_bytes

from tillit.core.assertion import GRANT_TYPE
from tillit.testing.refusals import Refused

CLIENT_CREDENTIALS: Final = "client_credentials"
_CLIENT_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_FORM: Final = "application/x-www-form-urlencoded"
_MAX_BODY: Final = 64 * 1024
_MAX_PARAMETERS: Final = 32
MAX_RESOURCES: Final = 4
_MAX_SCOPES: Final = 32
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
_SCOPE: Final = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,255}")
ORGNO: Final = re.compile(r"[0-9]{9}")


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `headers` have lower-case names. What it bears is hidden in `repr`."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, repr=False)
class TokenForm:
    """A token request as sent; nothing in it is proven."""

    grant_type: str
    authenticates: bool
    assertion: str
    client_id: str | None
    scope: tuple[str, ...] | None
    resources: tuple[str, ...]
    consumer_org: str | None


def judge_head(request: Request) -> None:
    """Refuse a request by its method and headers. Raises Refused."""
    headers = request.headers
    if request.method != "POST":
        raise Refused("method")
    if "authorization" in headers:
        raise Refused("several.authentications")
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused("content.coding")
    media_type, _, parameters = headers.get("content-type", "").partition(";")
    parameter = parameters.strip().lower().replace('"', "").replace(" ", "")
    if media_type.strip().lower() != _FORM or parameter not in ("", "charset=utf-8"):
        raise Refused("content.type")
    if len(request.body) > _MAX_BODY:
        raise Refused("body.size")


def read_form(body: bytes) -> TokenForm:
    """Read the form; each parameter may be given once, `resource` four times. Raises Refused."""
    fields: dict[str, list[str]] = {}
    for name, value in _pairs(body):
        fields.setdefault(name, []).append(value)
    for name, values in fields.items():
        if len(values) > (MAX_RESOURCES if name == "resource" else 1):
            raise Refused("parameter.repeated")
    one = {name: values[0] for name, values in fields.items() if values[0]}
    if "grant_type" not in one:
        raise Refused("parameter.missing")
    authenticates, assertion = _assertion(one)
    if "consumer_org" in one and not ORGNO.fullmatch(one["consumer_org"]):
        raise Refused("form")
    return TokenForm(
        grant_type=one["grant_type"],
        authenticates=authenticates,
        assertion=assertion,
        client_id=one.get("client_id"),
        scope=read_scope(one["scope"]) if "scope" in one else None,
        resources=tuple(value for value in fields.get("resource", ()) if value),
        consumer_org=one.get("consumer_org"),
    )


def read_scope(text: str) -> tuple[str, ...]:
    """The scopes in `text`, in order and each once (RFC 6749 section 3.3). Raises Refused."""
    scopes = text.split(" ")
    if len(scopes) > _MAX_SCOPES or not all(_SCOPE.fullmatch(scope) for scope in scopes):
        raise Refused("scope.malformed")
    return tuple(dict.fromkeys(scopes))


def _assertion(one: Mapping[str, str]) -> tuple[bool, str]:
    if "client_secret" in one:
        raise Refused("several.authentications")
    if one["grant_type"] == GRANT_TYPE:
        if "client_assertion" in one:
            raise Refused("several.authentications")
        return False, _required(one, "assertion")
    if one["grant_type"] != CLIENT_CREDENTIALS:
        raise Refused("grant.type")
    if _required(one, "client_assertion_type") != _CLIENT_ASSERTION:
        raise Refused("parameter.missing")
    return True, _required(one, "client_assertion")


def _required(one: Mapping[str, str], name: str) -> str:
    if name not in one:
        raise Refused("parameter.missing")
    return one[name]


def _pairs(body: bytes) -> list[tuple[str, str]]:
    if not body:
        return []
    fields = body.split(b"&")
    if len(fields) > _MAX_PARAMETERS or not body.isascii() or not all(b"=" in field for field in fields):
        raise Refused("form")
    pairs = (field.decode("ascii").split("=", 1) for field in fields)
    return [(_text(name), _text(value)) for name, value in pairs]


def _text(encoded: str) -> str:
    if _BROKEN_ESCAPE.search(encoded):
        raise Refused("form")
    try:
        return unquote_to_bytes(encoded.replace("+", " ")).decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("form") from None
