"""The usual wrong tokens: what an API must refuse, whatever it is written with."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from tillit.jose.encoding import b64url_decode, b64url_encode
from tillit.testing.keys import make_key

if TYPE_CHECKING:
    from tillit.testing.tokens import TokenFactory

_HOUR: Final = 3600


@dataclass(frozen=True, slots=True)
class WrongToken:
    """A token that must be refused, with `status` (401, or 403 where only the scope is wrong). Hidden in `repr`."""

    name: str
    token: str = field(repr=False)
    status: int = 401

    @property
    def headers(self) -> dict[str, str]:
        """The header of a request that bears it."""
        return {"Authorization": f"Bearer {self.token}"}

    def __str__(self) -> str:
        return self.name


def wrong_tokens(factory: TokenFactory, scopes: str | Iterable[str], **terms: Any) -> list[WrongToken]:
    """All of them, each wrong in one thing; a token of `factory(scopes, **terms)` must be good at the API.

    Of those under 403 the API must demand a scope; of those without audience, that tokens name it.
    """
    asked = scopes if isinstance(scopes, str) else " ".join(scopes)
    found = [WrongToken(name, make(factory, asked, terms)) for name, make in _CLAIMS.items()]
    if factory.audience is not None or "audience" in terms:
        found += [WrongToken(name, make(factory, asked, terms)) for name, make in _AUDIENCE.items()]
    good = factory(asked, **terms)
    found += [WrongToken(name, change(factory, good)) for name, change in _SHAPE.items()]
    return [*found, WrongToken("without the scope", factory("another:scope", **terms), 403)]


Make = Callable[["TokenFactory", str, Mapping[str, Any]], str]


def _with(**changes: Any) -> Make:
    return lambda factory, scopes, terms: factory(scopes, **{**terms, **changes})


def _shifted(**seconds: int) -> Make:
    """Claims of time so many seconds from now."""

    def make(factory: TokenFactory, scopes: str, terms: Mapping[str, Any]) -> str:
        now = int(factory.clock.time())
        return factory(scopes, **{**terms, **{name: now + ahead for name, ahead in seconds.items()}})

    return make


def _expiry_as_text(factory: TokenFactory, scopes: str, terms: Mapping[str, Any]) -> str:
    return factory(scopes, **{**terms, "exp": str(int(factory.clock.time()) + _HOUR)})


_CLAIMS: Final[Mapping[str, Make]] = {
    "expired": _with(expired=True),
    "issued in the future": _shifted(iat=_HOUR, exp=2 * _HOUR),
    "not valid yet": _shifted(nbf=_HOUR),
    "without expiry": _with(exp=None),
    "expiry as text": _expiry_as_text,
    "of another issuer": _with(iss="https://elsewhere.example/"),
    "without issuer": _with(iss=None),
    "without consumer": _with(consumer=None),
    "without client": _with(client_id=None),
    "of an unknown type": _with(header={"typ": "logout+jwt"}),
    "with an unknown kid": _with(header={"kid": "unknown"}),
    "without kid": _with(header={"kid": None}),
    "with an unknown critical extension": _with(header={"crit": ["x"], "x": True}),
    "with its key in the header": _with(header={"jwk": {}}),
}
_AUDIENCE: Final[Mapping[str, Make]] = {
    "for another API": _with(aud="https://other.example.no/"),
    "for nobody": _with(aud=None),
}


def _of_another_key(_: TokenFactory, good: str) -> str:
    head, claims, *_rest = good.split(".")
    kept = json.loads(b64url_decode(head))
    return make_key(kept["alg"]).jws(b64url_decode(head), b64url_decode(claims))


def _unsigned(_: TokenFactory, good: str) -> str:
    return _reheaded(good, "none", lambda _: b"")


def _signed_with_public_key(factory: TokenFactory, good: str) -> str:
    """HS256 with what everybody may read, for libraries that take the algorithm from the token."""
    alg = json.loads(b64url_decode(good.partition(".")[0]))["alg"]
    secret = factory.keys.current(alg).public_pem.encode("ascii")
    return _reheaded(good, "HS256", lambda data: hmac.new(secret, data, hashlib.sha256).digest())


def _reheaded(good: str, alg: str, sign: Callable[[bytes], bytes]) -> str:
    head, claims, _ = good.split(".")
    header = json.dumps({**json.loads(b64url_decode(head)), "alg": alg}).encode()
    signing_input = f"{b64url_encode(header)}.{claims}"
    return f"{signing_input}.{b64url_encode(sign(signing_input.encode('ascii')))}"


def _tampered(_: TokenFactory, good: str) -> str:
    head, claims, signature = good.split(".")
    members = {**json.loads(b64url_decode(claims)), "client_id": "somebody-else"}
    return f"{head}.{b64url_encode(json.dumps(members).encode())}.{signature}"


_SHAPE: Final[Mapping[str, Callable[[TokenFactory, str], str]]] = {
    "of another key under the same kid": _of_another_key,
    "unsigned": _unsigned,
    "HS256 with the public key": _signed_with_public_key,
    "tampered with": _tampered,
    "with half a signature": lambda _, good: good[:-40],
    "without signature": lambda _, good: good.rpartition(".")[0] + ".",
    "of two parts": lambda _, good: good.rpartition(".")[0],
    "of four parts": lambda _, good: f"{good}.x",
    "no JWT": lambda *_: "x" * 40,
}
