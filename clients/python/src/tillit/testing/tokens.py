"""Access tokens for testing an API without any authority: good ones, and wrong ones of every usual kind."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final

import httpx2

from tillit.clock import Clock, SystemClock
from tillit.core.authority import Authority as Endpoints
from tillit.core.policy import NO_AUDIENCE, Policy
from tillit.jwks import JwksSource
from tillit.testing.granting import SHAPES, organisation
from tillit.testing.keys import SigningKeys
from tillit.testing.registry import Profile
from tillit.testing.wrong import WrongToken, wrong_tokens
from tillit.validator import TokenValidator

CONSUMER: Final = "991825827"
AUDIENCE: Final = "https://api.example.no/"
_EXPIRED_SINCE: Final = 3600


class TokenFactory:
    """Makes access tokens of one issuer, signed with keys of its own that no network is needed to find.

    `audience` is whom its tokens are for unless a call says otherwise; with None, the claim is left out.
    """

    def __init__(
        self,
        issuer: str = "https://authority.test/",
        *,
        audience: str | None = AUDIENCE,
        keys: SigningKeys | None = None,
        clock: Clock | None = None,
        profile: Profile = "standard",
    ) -> None:
        self.issuer = issuer
        self.audience = audience
        self.keys = keys or SigningKeys()
        self.clock: Clock = clock or SystemClock()
        self.profile: Profile = profile

    def __call__(
        self,
        scopes: str | Iterable[str] = "",
        *,
        consumer: str | None = CONSUMER,
        supplier: str | None = None,
        audience: str | Iterable[str] | None = None,
        expired: bool = False,
        lifetime: int = 600,
        alg: str | None = None,
        header: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A token with these scopes, for this consumer and, when a supplier asks in its name, of this supplier.

        `expired` has it end an hour ago; `lifetime` is in seconds. Any further claim is added or replaces one, and
        None leaves one out; `header` does the same to the header. The signature is always good.
        """
        members = self.claims(scopes, consumer=consumer, supplier=supplier, audience=audience, lifetime=lifetime)
        if expired:
            end = members["iat"] - _EXPIRED_SINCE
            members.update(iat=end - lifetime, exp=end)
        changed = {name: value for name, value in {**members, **claims}.items() if value is not None}
        shape = SHAPES[self.profile]
        return self.keys.current(alg or shape.alg).jwt(changed, {"typ": shape.typ, **(header or {})})

    def claims(
        self,
        scopes: str | Iterable[str] = "",
        *,
        consumer: str | None = CONSUMER,
        supplier: str | None = None,
        audience: str | Iterable[str] | None = None,
        lifetime: int = 600,
    ) -> dict[str, Any]:
        """The claims of such a token, as a real authority writes them."""
        now = int(self.clock.time())
        wanted = self.audience if audience is None else audience
        members: dict[str, Any] = {
            "iss": self.issuer,
            "client_id": "client-1",
            "client_amr": "private_key_jwt",
            "scope": scopes if isinstance(scopes, str) else " ".join(scopes),
            "iat": now,
            "exp": now + lifetime,
            "jti": str(uuid.uuid4()),
        }
        members.update({"sub": "client-1"} if SHAPES[self.profile].rfc9068 else {"token_type": "Bearer"})
        if wanted is not None:
            members["aud"] = wanted if isinstance(wanted, str) else list(wanted)
        if consumer is not None:
            members["consumer"] = organisation(consumer)
        if supplier is not None:
            members.update(supplier=organisation(supplier), delegation_source=self.issuer)
        return members

    def authorization(self, *scopes: str, **terms: Any) -> dict[str, str]:
        """Headers with such a token, for the HTTP client of a test."""
        return {"Authorization": f"Bearer {self(scopes, **terms)}"}

    def wrong(self, scopes: str | Iterable[str], **terms: Any) -> list[WrongToken]:
        """Tokens that an API must refuse, each wrong in one thing, for an API that takes `self(scopes, **terms)`."""
        return wrong_tokens(self, scopes, **terms)

    @property
    def jwks(self) -> dict[str, Any]:
        """The public keys, for validators that take a document."""
        return self.keys.jwks()

    def validator(self, audience: str | Iterable[str] | None = None, **policy: Any) -> TokenValidator:
        """A real `TokenValidator` that finds the keys without a network. `policy` are arguments of `Policy`.

        It demands `audience`, else the factory's own; if that is None, tokens for nobody in particular.
        """
        wanted = self.audience if audience is None else audience
        rules = Policy(self.issuer, NO_AUDIENCE if wanted is None else wanted, **policy)
        return TokenValidator(rules, self._source(), clock=self.clock)

    def _source(self) -> JwksSource:
        def answer(_: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(200, content=json.dumps(self.jwks))

        transport = httpx2.MockTransport(answer)
        where = Endpoints(self.issuer, jwks_uri=f"{self.issuer.rstrip('/')}/jwk")
        http, async_http = httpx2.Client(transport=transport), httpx2.AsyncClient(transport=transport)
        return JwksSource(where, http=http, async_http=async_http, clock=self.clock)
