"""Requests that every adapter must answer alike: the shared vectors' tokens, and ways of sending one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from tests.tillit import vectors
from tests.tillit.stub import ManualClock
from tillit import AllOf, DpopVerifier, JwksSource, Policy, TokenValidator

DOCUMENT: Final[dict[str, Any]] = json.loads(vectors.FILE.read_text(encoding="utf-8"))
REALM: Final = "api"
NEEDED: Final = AllOf(vectors.SCOPE)
_PREFIX: Final = "standard, ES256: "
# HTTP strips or cannot carry them, or they are not a matter of the token: they have cases of their own below.
_NOT_SENT: Final = {"line feed", "space before", "empty"}

_DESCRIPTIONS: Final = {
    "invalid_request": "The Authorization header is malformed.",
    "invalid_token": "The access token is not valid here.",
    "insufficient_scope": "The access token lacks a scope that is required here.",
}
_STATUS: Final = {"ok": 200, "unauthorized": 401, "invalid_request": 400, "invalid_token": 401}


@dataclass(frozen=True)
class Case:
    """A request and what becomes of it: `ok`, `unauthorized` for a bare challenge, or the error code."""

    name: str
    verdict: str
    headers: tuple[tuple[bytes, bytes], ...] = field(repr=False)
    method: str = "GET"
    query: bytes = b""
    body: bytes = b""
    expired: bool = False
    # What no gRPC client can send: another method, a query, or metadata that is not ASCII.
    http_only: bool = False

    @property
    def status(self) -> int:
        """The HTTP status."""
        return _STATUS.get(self.verdict, 403)

    @property
    def challenge(self) -> str | None:
        """The WWW-Authenticate header, whole."""
        if self.verdict == "ok":
            return None
        if self.verdict == "unauthorized":
            return f'Bearer realm="{REALM}"'
        text = "The access token has expired." if self.expired else _DESCRIPTIONS[self.verdict]
        scope = f', scope="{vectors.SCOPE}"' if self.verdict == "insufficient_scope" else ""
        return f'Bearer realm="{REALM}", error="{self.verdict}", error_description="{text}"{scope}'


@dataclass(frozen=True)
class Seen:
    """What an adapter answered, in the terms of HTTP. For gRPC the status is that which its code stands for."""

    status: int
    challenge: str | None
    code: str | None
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


Call = Callable[[Case], Seen]


def validator(dpop: DpopVerifier | None = None) -> TokenValidator:
    """A validator that has the vectors' keys, at their time; it never asks anybody."""
    keys = json.dumps(DOCUMENT["jwks"]).encode()
    return _validator(httpx2.MockTransport(lambda _: httpx2.Response(200, content=keys)), dpop)


def keyless() -> TokenValidator:
    """A validator that can have no keys."""
    return _validator(httpx2.MockTransport(lambda _: httpx2.Response(503)))


def _validator(transport: httpx2.MockTransport, dpop: DpopVerifier | None = None) -> TokenValidator:
    settings = dict(DOCUMENT["policies"]["standard"])
    policy = Policy(settings.pop("issuer"), settings.pop("audience"), **settings)
    clock = ManualClock(vectors.NOW)
    http, async_http = httpx2.Client(transport=transport), httpx2.AsyncClient(transport=transport)
    source = JwksSource("https://a.example.no/jwk", http=http, async_http=async_http, clock=clock)
    made = TokenValidator(policy, source, clock=clock, dpop=dpop)
    made.warm()
    return made


def token(name: str = "nothing") -> str:
    """The token of a vector."""
    return next(str(case["token"]) for case in DOCUMENT["cases"] if case["name"] == _PREFIX + name)


def sent(value: bytes | str, name: bytes = b"authorization") -> tuple[tuple[bytes, bytes], ...]:
    """One header line."""
    return ((name, value.encode() if isinstance(value, str) else value),)


def cases() -> list[Case]:
    """The whole matrix."""
    return [*_tokens(), *_transport(token())]


def _tokens() -> Iterator[Case]:
    for case in DOCUMENT["cases"]:
        name = str(case["name"]).removeprefix(_PREFIX)
        if case["name"].startswith(_PREFIX) and name not in _NOT_SENT:
            yield Case(name, case["verdict"], sent(f"Bearer {case['token']}"), expired=name.startswith("expired"))
    for profile in ("standard, RS256: nothing", "standard, ES384: nothing", "standard, Ed25519: nothing"):
        text = next(case["token"] for case in DOCUMENT["cases"] if case["name"] == profile)
        yield Case(profile, "ok", sent(f"Bearer {text}"))


def _transport(good: str) -> Iterator[Case]:
    values = {
        "scheme in lower case": (f"bearer {good}", "ok"),
        "scheme in capitals": (f"BEARER {good}", "ok"),
        "two spaces": (f"Bearer  {good}", "ok"),
        "scheme alone": ("Bearer", "invalid_request"),
        "scheme and a space": ("Bearer ", "invalid_request"),
        "the token alone": (good, "unauthorized"),
        "empty header": ("", "unauthorized"),
        "Basic": ("Basic dTpw", "unauthorized"),
        "Basic with a token": (f"Basic {good}", "unauthorized"),
        "Token": (f"Token {good}", "unauthorized"),
        "JWT": (f"JWT {good}", "unauthorized"),
        "DPoP, which is not taken": (f"DPoP {good}", "unauthorized"),
        "Bearer with a colon": (f"Bearer: {good}", "unauthorized"),
        "Bearer with an equals sign": (f"Bearer={good}", "unauthorized"),
        "Bearer run together": (f"Bearer{good}", "unauthorized"),
        "quoted": (f'Bearer "{good}"', "invalid_request"),
        "as a parameter": (f'Bearer token="{good}"', "invalid_request"),
        "two tokens with a comma": (f"Bearer {good},Bearer {good}", "invalid_request"),
        "two tokens with a comma and a space": (f"Bearer {good}, Bearer {good}", "invalid_request"),
        "two tokens with a space": (f"Bearer {good} {good}", "invalid_request"),
        "scheme twice": (f"Bearer Bearer {good}", "invalid_request"),
        "a comma after": (f"Bearer {good},", "invalid_request"),
        "a semicolon after": (f"Bearer {good};", "invalid_request"),
        "Basic and Bearer with a comma": (f"Basic dTpw, Bearer {good}", "unauthorized"),
        "percent escapes": (f"Bearer {good.replace('.', '%2E')}", "invalid_request"),
        "in angle brackets": (f"Bearer <{good}>", "invalid_request"),
        "null": ("Bearer null", "invalid_token"),
        "undefined": ("Bearer undefined", "invalid_token"),
        "dots alone": ("Bearer ..", "invalid_token"),
        "equals signs alone": ("Bearer ===", "invalid_request"),
    }
    for name, (value, verdict) in values.items():
        yield Case(name, verdict, sent(value))
    yield Case("16 KiB of one letter", "invalid_token", sent(b"Bearer " + b"a" * 16_384), http_only=True)
    yield Case("16 KiB of dots", "invalid_token", sent(b"Bearer " + b"." * 16_384), http_only=True)
    yield Case("no header", "unauthorized", ())
    yield Case("two headers, the same", "invalid_request", sent(f"Bearer {good}") * 2)
    yield Case("two headers, bad first", "invalid_request", sent("Bearer x") + sent(f"Bearer {good}"))
    yield Case("two headers, good first", "invalid_request", sent(f"Bearer {good}") + sent("Bearer x"))
    yield from _elsewhere(good.encode())


def _elsewhere(good: bytes) -> Iterator[Case]:
    form = ((b"content-type", b"application/x-www-form-urlencoded"),)
    held = b"access_token=" + good
    yield Case("in the query", "unauthorized", (), query=held, http_only=True)
    yield Case("in the body", "unauthorized", form, method="POST", body=held, http_only=True)
    yield Case("in a cookie", "unauthorized", sent(held, b"cookie"))
    yield Case("in X-Access-Token", "unauthorized", sent(good, b"x-access-token"))
    yield Case("in Proxy-Authorization", "unauthorized", sent(b"Bearer " + good, b"proxy-authorization"))
    yield Case("in X-Forwarded-Authorization", "unauthorized", sent(b"Bearer " + good, b"x-forwarded-authorization"))
    header = sent(b"Bearer " + good)
    yield Case("not ASCII", "invalid_request", sent(b"Bearer \xc3\xa6" + good), http_only=True)
    yield Case("invalid UTF-8", "invalid_request", sent(b"Bearer \xff\xfe" + good), http_only=True)
    yield Case("a no-break space", "unauthorized", sent(b"Bearer\xa0" + good), http_only=True)
    yield Case("a tab", "unauthorized", sent(b"Bearer\t" + good), http_only=True)
    yield Case("NUL in the token", "invalid_request", sent(b"Bearer " + good[:9] + b"\0" + good[9:]), http_only=True)
    yield Case("good for HEAD", "ok", header, method="HEAD", http_only=True)
    yield Case("none for HEAD", "unauthorized", (), method="HEAD", http_only=True)
    yield Case("expired for HEAD", "invalid_token", sent("Bearer x"), method="HEAD", http_only=True)
    yield Case("none for OPTIONS", "unauthorized", (), method="OPTIONS", http_only=True)
    asks = ((b"origin", b"https://evil.example.no"), (b"access-control-request-method", b"GET"))
    yield Case("none for a preflight", "unauthorized", asks, method="OPTIONS", http_only=True)
    yield Case("none for POST", "unauthorized", (), method="POST", http_only=True)
    override = ((b"x-http-method-override", b"OPTIONS"), *sent("Bearer x"))
    yield Case("another method in a header", "invalid_token", override, method="POST", http_only=True)
