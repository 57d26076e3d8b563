"""Requests to a token endpoint, most of them faulty, each built for whichever authority is to answer it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tillit.testing import RegisteredClient, make_key

FORM = "application/x-www-form-urlencoded"
SELF, CONSUMER, UNDELEGATED, WITHOUT_ACCESS, UNKNOWN = (
    "310000019",
    "310000027",
    "310000035",
    "310000043",
    "310000051",
)
API, OTHER_API = "https://api.example.no/", "https://other.example.no/"
STRANGE = make_key("ES256")
CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Sent:
    """One request, as bytes."""

    body: bytes
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": FORM})


@dataclass(frozen=True)
class Estate:
    """The same parties at either authority: an ordinary client, one of Maskinporten's profile, a deactivated one."""

    plain: RegisteredClient
    maskinporten: RegisteredClient
    disabled: RegisteredClient
    removed_kid: str
    delegation: str

    def claims(self, client: RegisteredClient | None = None, **changes: Any) -> dict[str, Any]:
        """The claims of a good assertion for one scope, changed."""
        return (client or self.plain).claims(**{"scope": "std:read", **changes})

    def sent(
        self,
        client: RegisteredClient | None = None,
        *,
        header: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
        **changes: Any,
    ) -> Sent:
        """A grant with those claims; `form` adds parameters or replaces them."""
        sender = client or self.plain
        assertion = sender.key.jwt(self.claims(sender, **changes), header)
        return self.form(assertion=assertion, **(form or {}))

    def form(self, **parameters: str) -> Sent:
        """A grant form of these parameters."""
        grant = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", **parameters}
        return Sent(urlencode(grant).encode("ascii"))

    def credentials(self, client: RegisteredClient | None = None, **changes: Any) -> Sent:
        """The form of `client_credentials`, authenticated by private_key_jwt."""
        sender = client or self.plain
        claims = sender.claims(**{"scope": None, "sub": sender.id, **changes})
        members = {
            "grant_type": "client_credentials",
            "client_assertion_type": CLIENT_ASSERTION,
            "client_assertion": sender.key.jwt(claims, {"typ": "client-authentication+jwt"}),
            "scope": "std:read",
        }
        return Sent(urlencode(members).encode("ascii"))


def _now(estate: Estate) -> int:
    return int(estate.plain.authority.clock.time())


Build = Callable[[Estate], Sent]

FAULTS: dict[str, Build] = {
    "another method": lambda _: Sent(b"", "GET", {}),
    "multipart": lambda e: Sent(e.sent().body, headers={"content-type": "multipart/form-data; boundary=x"}),
    "no content type": lambda e: Sent(e.sent().body, headers={}),
    "a compressed body": lambda e: Sent(e.sent().body, headers={"content-type": FORM, "content-encoding": "gzip"}),
    "an Authorization header": lambda e: Sent(
        e.sent().body, headers={"content-type": FORM, "authorization": "Basic eDp5"}
    ),
    "a body too large": lambda e: e.form(assertion="x" * 70_000),
    "an empty form": lambda _: Sent(b""),
    "a form without equals": lambda _: Sent(b"grant_type"),
    "a broken escape": lambda _: Sent(b"grant_type=%zz"),
    "bytes that are not UTF-8": lambda _: Sent(b"grant_type=%ff"),
    "33 parameters": lambda _: Sent(b"&".join(b"p%d=1" % number for number in range(33))),
    "a repeated parameter": lambda e: Sent(e.sent().body + b"&assertion=x"),
    "no assertion": lambda e: e.form(),
    "another grant type": lambda _: Sent(b"grant_type=password&username=a&password=b"),
    "a client secret": lambda e: e.sent(form={"client_secret": "x"}),
    "two assertions": lambda e: e.sent(form={"client_assertion": "x"}),
    "a consumer_org in letters": lambda e: e.sent(form={"consumer_org": "Nav"}),
    "a form scope with two spaces": lambda e: e.sent(form={"scope": "std:read  std:write"}),
    "no JWT": lambda e: e.form(assertion="x"),
    "a line feed": lambda e: e.form(assertion=e.plain.assertion() + "\n"),
    "a repeated claim": lambda e: e.form(assertion=e.plain.key.jws(b'{"alg":"ES256"}', b'{"iss":"a","iss":"a"}')),
    "claims that are a list": lambda e: e.form(assertion=e.plain.key.jws(b'{"alg":"ES256"}', b"[]")),
    "an assertion too large": lambda e: e.sent(sub="x" * 9000),
    "crit": lambda e: e.sent(header={"crit": ["exp"]}),
    "jwk in the header": lambda e: e.sent(header={"jwk": {}}),
    "typ at+jwt": lambda e: e.sent(header={"typ": "at+jwt"}),
    "x5c as text": lambda e: e.sent(header={"x5c": "MII"}),
    "alg none": lambda e: e.sent(header={"alg": "none"}),
    "alg of nobody": lambda e: e.sent(header={"alg": None}),
    "alg of another key": lambda e: e.sent(header={"alg": "RS256"}),
    "alg of the other profile": lambda e: e.sent(e.maskinporten, header={"alg": "PS256"}),
    "no kid": lambda e: e.sent(header={"kid": None}),
    "an unknown kid": lambda e: e.sent(header={"kid": "unknown"}),
    "a kid with a space": lambda e: e.sent(header={"kid": "a b"}),
    "a removed key": lambda e: e.sent(header={"kid": e.removed_kid}),
    "another key under the kid": lambda e: e.form(assertion=STRANGE.jwt(e.claims(), {"kid": e.plain.key.kid})),
    "an unknown client": lambda e: e.sent(iss="nobody"),
    "no iss": lambda e: e.sent(iss=None),
    "a deactivated client": lambda e: e.sent(e.disabled),
    "another audience": lambda e: e.sent(aud="https://elsewhere.example/"),
    "the token endpoint as audience": lambda e: e.sent(aud=e.plain.authority.issuer + "token"),
    "two audiences": lambda e: e.sent(aud=[e.plain.authority.issuer, "https://elsewhere.example/"]),
    "no audience": lambda e: e.sent(aud=None),
    "another subject": lambda e: e.sent(sub="somebody"),
    "no iat": lambda e: e.sent(iat=None),
    "no exp": lambda e: e.sent(exp=None),
    "exp as text": lambda e: e.sent(exp=str(_now(e) + 60)),
    "a float iat": lambda e: e.sent(iat=_now(e) + 0.5),
    "iat ahead": lambda e: e.sent(iat=_now(e) + 60, exp=_now(e) + 120),
    "a life too long": lambda e: e.sent(exp=_now(e) + 600),
    "a life too long for Maskinporten": lambda e: e.sent(e.maskinporten, exp=_now(e) + 600),
    "expired": lambda e: e.sent(iat=_now(e) - 120, exp=_now(e) - 60),
    "exp before iat": lambda e: e.sent(iat=_now(e), exp=_now(e) - 5),
    "issued too long ago": lambda e: e.sent(iat=_now(e) - 300, exp=_now(e) - 200),
    "nbf ahead": lambda e: e.sent(nbf=_now(e) + 60),
    "no jti": lambda e: e.sent(jti=None),
    "a jti with a hash": lambda e: e.sent(jti="a#b"),
    "jti as a number": lambda e: e.sent(jti=7),
    "an unknown claim": lambda e: e.sent(consumer_orgno=CONSUMER),
    "authorization details": lambda e: e.sent(authorization_details=[{"type": "x"}]),
    "a client_id of another": lambda e: e.sent(form={"client_id": "somebody"}),
    "no scope": lambda e: e.sent(scope=None),
    "an empty scope": lambda e: e.sent(scope=""),
    "scope as a list": lambda e: e.sent(scope=["std:read"]),
    "another scope in the form": lambda e: e.sent(form={"scope": "std:write"}),
    "a scope that is not the client's": lambda e: e.sent(scope="std:admin"),
    "a scope nobody defined": lambda e: e.sent(scope="no:such"),
    "a deactivated scope": lambda e: e.sent(scope="std:off"),
    "no access": lambda e: e.sent(scope="std:denied"),
    "scopes of two audiences": lambda e: e.sent(scope="std:read std:other"),
    "scopes of two token profiles": lambda e: e.sent(scope="std:write std:mp"),
    "resource not a URI": lambda e: e.sent(resource="api"),
    "resource with a fragment": lambda e: e.sent(resource=API + "#a"),
    "resource of another API": lambda e: e.sent(resource=OTHER_API),
    "two resources": lambda e: e.sent(scope="std:write", resource=[API, OTHER_API]),
    "five resources": lambda e: e.sent(scope="std:write", resource=[API] * 5),
    "resource as a number": lambda e: e.sent(resource=7),
    "consumer_org as a number": lambda e: e.sent(consumer_org=int(CONSUMER)),
    "consumer_org of eight digits": lambda e: e.sent(consumer_org="31000002"),
    "acting for oneself": lambda e: e.sent(consumer_org=SELF),
    "a scope that cannot be delegated": lambda e: e.sent(consumer_org=CONSUMER),
    "a consumer without access": lambda e: e.sent(scope="std:delegable", consumer_org=WITHOUT_ACCESS),
    "an unknown consumer": lambda e: e.sent(scope="std:delegable", consumer_org=UNKNOWN),
    "no delegation": lambda e: e.sent(scope="std:delegable", consumer_org=UNDELEGATED),
    "pid of ten digits": lambda e: e.sent(pid="1234567890"),
    "client_credentials without sub": lambda e: e.credentials(sub=None),
    "client_credentials expired": lambda e: e.credentials(iat=_now(e) - 120, exp=_now(e) - 60),
    "client_credentials with scope inside": lambda e: e.credentials(scope="std:read"),
    "client_credentials of a Maskinporten client": lambda e: e.credentials(e.maskinporten),
    "client_credentials without its type": lambda _: Sent(b"grant_type=client_credentials&client_assertion=x"),
}

GOOD: dict[str, Build] = {
    "one scope": lambda e: e.sent(),
    "an audience of one in a list": lambda e: e.sent(aud=[e.plain.authority.issuer]),
    "two scopes in order": lambda e: e.sent(scope="std:write std:delegable"),
    "a resource": lambda e: e.sent(scope="std:write", resource=API),
    "a person": lambda e: e.sent(pid="12345678901"),
    "for a consumer": lambda e: e.sent(scope="std:delegable", consumer_org=CONSUMER),
    "a short-lived scope": lambda e: e.sent(scope="std:short"),
    "client_credentials": lambda e: e.credentials(),
    "of Maskinporten's profile": lambda e: e.sent(e.maskinporten),
    "of Maskinporten's profile with a resource": lambda e: e.sent(e.maskinporten, resource=[API]),
    "of Maskinporten's profile with float times and no jti": lambda e: e.sent(
        e.maskinporten, iat=_now(e) + 0.25, exp=_now(e) + 170.25, jti=None
    ),
}
