"""Clients for tokens from a sidecar, for programs that hold no key: `tillit sidecar`, or Texas of nais."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Final, Self

import httpx2

from tillit.clock import Clock
from tillit.core.authority import check_url
from tillit.core.request import TokenRequest, cache_key
from tillit.core.response import MAX_RESPONSE, Reply, read_reply
from tillit.core.retry import RetryPolicy
from tillit.core.token import Token
from tillit.errors import ConfigError, Unavailable
from tillit.events import Hook
from tillit.keeper import TokenKeeper
from tillit.tasks import TaskKeeper
from tillit.threads import ThreadKeeper
from tillit.transport import AsyncTransport, Transport, Unreachable

ENDPOINT: Final = "NAIS_TOKEN_ENDPOINT"
_INVALIDATED: Final = 1024


class SidecarClient(TokenKeeper):
    """Writes and reads the JSON API of Texas.

    `endpoint` is the sidecar's address for tokens, as http://127.0.0.1:7164/api/v1/token, and is reached past any
    proxy; `provider` is the identity provider it is asked for. It has `timeout` seconds and one attempt, because it
    makes several itself. Texas knows nothing of `consumer_org`; `tillit sidecar` does. Raises ConfigError.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        default_scopes: Iterable[str] = (),
        provider: str = "maskinporten",
        timeout: float = 10.0,
        clock: Clock | None = None,
        hooks: Iterable[Hook] = (),
    ) -> None:
        check_url(endpoint, "endpoint")
        self.endpoint = endpoint
        self._provider = provider
        self._default_scopes = tuple(default_scopes)
        self._invalidated: dict[str, str] = {}
        once = RetryPolicy(attempts=1, deadline=timeout, attempt_timeout=timeout)
        super().__init__(store=None, refresh=None, retry=once, clock=clock, hooks=hooks)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """A client of the sidecar at `NAIS_TOKEN_ENDPOINT`. Raises ConfigError."""
        endpoint = (os.environ if environ is None else environ).get(ENDPOINT, "").strip()
        if not endpoint:
            raise ConfigError(f"{ENDPOINT} is not set")
        return cls(endpoint)

    def invalidate(self, token: Token) -> None:
        """Forget `token`, and let the sidecar fetch another if it is still the one that it gives."""
        super().invalidate(token)
        while len(self._invalidated) >= _INVALIDATED:
            del self._invalidated[next(iter(self._invalidated))]
        self._invalidated[self._key(token.request)] = token.value

    def _identity(self) -> str:
        return self._provider

    def _make_key(self, request: TokenRequest) -> str:
        return cache_key(request, authority=self.endpoint, client_id=self._provider, signer="")

    def _resolve(self, request: TokenRequest | str | Iterable[str] | None) -> TokenRequest:
        if not isinstance(request, TokenRequest):
            return TokenRequest(self._default_scopes if request is None else request)
        if request.pid is not None or request.extra_claims is not None:
            raise ConfigError("a sidecar cannot ask for a person, nor with extra claims")
        return request

    def _form(self, request: TokenRequest, *, anew: bool) -> dict[str, str]:
        members = {
            "identity_provider": self._provider,
            "target": " ".join(request.scopes),
            "resource": request.resource,
            "consumer_org": request.consumer_org,
            "authorization_details": request.authorization_details,
            "skip_cache": "true" if anew else None,
        }
        return {name: value for name, value in members.items() if value is not None}

    def _read(self, reply: Reply, request: TokenRequest, started: tuple[float, float]) -> Token:
        return self._token(read_reply(reply, request, now=self._clock.time()), request, started)

    def _is_invalid(self, token: Token) -> bool:
        """Whether the sidecar gave what `invalidate` was told of."""
        return self._invalidated.get(self._key(token.request)) == token.value

    def _settled(self, token: Token) -> Token:
        self._invalidated.pop(self._key(token.request), None)
        return token

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.endpoint!r})"


class SidecarTokenClient(SidecarClient, ThreadKeeper):
    """Access tokens from a sidecar, with the names and the cache of `TokenClient`. Safe to share between threads."""

    def _ask(self, request: TokenRequest, within: float, *, anew: bool) -> Token:
        token = self._exchange(request, within, anew=anew)
        return self._settled(self._exchange(request, within, anew=True) if self._is_invalid(token) else token)

    def _exchange(self, request: TokenRequest, within: float, *, anew: bool) -> Token:
        started, form = self._started(), self._form(request, anew=anew)
        # Not by the environment's proxy: what it would be handed is a token.
        with httpx2.Client(trust_env=False, verify=self.endpoint.startswith("https:")) as http:
            try:
                reply = Transport(http).send("POST", self.endpoint, form=form, within=within, max_bytes=MAX_RESPONSE)
            except Unreachable as error:
                raise Unavailable(f"sidecar: {error}") from None
        return self._read(reply, request, started)


class AsyncSidecarTokenClient(SidecarClient, TaskKeeper):
    """The same for asyncio, with the names of `AsyncTokenClient`. Safe to share between tasks and loops."""

    async def _ask(self, request: TokenRequest, within: float, *, anew: bool) -> Token:
        token = await self._exchange(request, within, anew=anew)
        return self._settled(await self._exchange(request, within, anew=True) if self._is_invalid(token) else token)

    async def _exchange(self, request: TokenRequest, within: float, *, anew: bool) -> Token:
        started, form = self._started(), self._form(request, anew=anew)
        async with httpx2.AsyncClient(trust_env=False, verify=self.endpoint.startswith("https:")) as http:
            transport = AsyncTransport(http)
            try:
                reply = await transport.send("POST", self.endpoint, form=form, within=within, max_bytes=MAX_RESPONSE)
            except Unreachable as error:
                raise Unavailable(f"sidecar: {error}") from None
        return self._read(reply, request, started)
