"""What both clients of a sidecar share: everything but the sending."""

from __future__ import annotations

import os
import random
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tillit.clock import Clock, SystemClock
from tillit.core.authority import check_url
from tillit.core.refresh import Freshness, RefreshPolicy
from tillit.core.request import TokenRequest
from tillit.core.response import Reply, read_reply
from tillit.core.token import Token
from tillit.dpop import Prover
from tillit.errors import ConfigError
from tillit.forksafe import ForkSafeLock

ENDPOINT: Final = "NAIS_TOKEN_ENDPOINT"
_HELD: Final = 1024


class SidecarClientBase:
    """Holds tokens while they are fresh, and writes and reads the JSON API of Texas.

    Holds for as long as `RefreshPolicy` says; then asks the sidecar, which renews and knows best.
    """

    # A sidecar's tokens are never bound to a key of this process.
    prover: Prover | None = None

    def __init__(
        self,
        endpoint: str,
        *,
        default_scopes: Iterable[str] = (),
        provider: str = "maskinporten",
        timeout: float = 10.0,
        clock: Clock | None = None,
    ) -> None:
        check_url(endpoint, "endpoint")
        if timeout <= 0:
            raise ConfigError("timeout must be positive")
        self.endpoint = endpoint
        self._provider = provider
        self._default_scopes = tuple(default_scopes)
        self._timeout = timeout
        self._clock: Clock = clock or SystemClock()
        self._refresh = RefreshPolicy()
        self._lock = ForkSafeLock()
        self._tokens: dict[TokenRequest, Token] = {}
        self._unwanted: dict[TokenRequest, str] = {}
        self._closed = False

    def peek(self, request: TokenRequest | str | Iterable[str] | None = None) -> Token | None:
        """The token this process holds for `request`, if it has not expired. Sends nothing. Raises ConfigError."""
        token = self._tokens.get(self._wanted(request))
        return token if token is not None and token.expires_in() > 0 else None

    def invalidate(self, token: Token) -> None:
        """Forget `token`, and let the sidecar fetch another if it is still the one that it gives."""
        with self._lock:
            held = self._tokens.get(token.request)
            if held is not None and held.value == token.value:
                del self._tokens[token.request]
            self._make_room(self._unwanted)
            self._unwanted[token.request] = token.value

    def _wanted(self, request: TokenRequest | str | Iterable[str] | None) -> TokenRequest:
        if self._closed:
            raise ConfigError("the client is closed")
        if not isinstance(request, TokenRequest):
            return TokenRequest(self._default_scopes if request is None else request)
        if request.pid is not None or request.extra_claims is not None:
            raise ConfigError("a sidecar cannot ask for a person, nor with extra claims")
        return request

    def _fresh(self, request: TokenRequest) -> Token | None:
        token = self._tokens.get(request)
        if token is None:
            return None
        verdict = self._refresh.judge(age=token.age(), lifetime=token.lifetime, renew_age=token.renew_age)
        return token if verdict is Freshness.FRESH else None

    def _form(self, request: TokenRequest, *, skip_cache: bool) -> dict[str, str]:
        members = {
            "identity_provider": self._provider,
            "target": " ".join(request.scopes),
            "resource": request.resource,
            "consumer_org": request.consumer_org,
            "authorization_details": request.authorization_details,
            "skip_cache": "true" if skip_cache else None,
        }
        return {name: value for name, value in members.items() if value is not None}

    def _is_unwanted(self, request: TokenRequest, token: Token) -> bool:
        return self._unwanted.get(request) == token.value

    def _read(self, reply: Reply, request: TokenRequest, started: tuple[float, float]) -> Token:
        grant = read_reply(reply, request, now=self._clock.time())
        return Token(
            value=grant.access_token,
            scopes=grant.scopes,
            request=request,
            lifetime=grant.expires_in,
            clock=self._clock,
            obtained=started[0],
            obtained_wall=started[1],
            renew_age=self._refresh.renew_age(grant.expires_in, random.SystemRandom().uniform(-1, 1)),
        )

    def _started(self) -> tuple[float, float]:
        return self._clock.monotonic(), self._clock.time()

    def _keep(self, token: Token) -> Token:
        with self._lock:
            self._make_room(self._tokens)
            self._tokens[token.request] = token
            self._unwanted.pop(token.request, None)
        return token

    @staticmethod
    def _make_room(held: dict[TokenRequest, Any]) -> None:
        while len(held) >= _HELD:
            del held[next(iter(held))]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.endpoint!r})"


def endpoint_in(environ: Mapping[str, str] | None) -> str:
    """The address that the environment names for tokens. Raises ConfigError."""
    found = (os.environ if environ is None else environ).get(ENDPOINT, "").strip()
    if not found:
        raise ConfigError(f"{ENDPOINT} is not set")
    return found
