"""Calls to a register, with an access token of ours: the only module of the authority that knows the client library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import httpx2

from authserver.oauth.models import DelegationSource
from authserver.services.outside.registers import Answer, NoAnswerError
from tillit import (
    AsyncTokenClient,
    ClientConfig,
    ConfigError,
    Discovery,
    RetryPolicy,
    Signer,
    TillitError,
    TokenRequest,
    signers,
)

_ANSWER_BYTES: Final = 64 * 1024
_HEADERS: Final = {"accept": "application/json", "accept-encoding": "identity", "user-agent": "authserver"}


class BrokenCredentialError(Exception):
    """The private key cannot be used; the text says why, and shows nothing of it."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How to call.

    `client_id`, `key` and `kid` are ours at the authority that gives us tokens; `token_issuer` is that authority, None
    meaning each register's own. One exchange takes at most `seconds`; plain http needs `allow_http`.
    """

    client_id: str
    key: str
    kid: str | None
    token_issuer: str | None
    seconds: float
    at_once: int
    allow_http: bool


class Calls:
    """Asks registers over connections that are kept; no redirect is followed, no answer read beyond 64 KiB."""

    def __init__(self, wishes: Wishes) -> None:
        """Raises BrokenCredentialError if the key cannot sign."""
        self._wishes = wishes
        self._signer = _signer(wishes)
        limits = httpx2.Limits(max_connections=wishes.at_once * 2, max_keepalive_connections=wishes.at_once)
        self._http = httpx2.AsyncClient(timeout=wishes.seconds, limits=limits, follow_redirects=False, trust_env=False)
        self._tokens: dict[str, AsyncTokenClient] = {}

    async def __call__(self, source: DelegationSource, query: Mapping[str, str]) -> Answer:
        """Ask a register one question, with a token for the scope that it names. Raises NoAnswerError."""
        if not (self._wishes.allow_http or source.lookup_url.startswith("https:")):
            raise NoAnswerError("its address is not https")
        answer = await self._ask(source, query, fresh=False)
        # A token may be refused before its time: keys are changed, registers are restored.
        return await self._ask(source, query, fresh=True) if answer.status == 401 else answer

    async def aclose(self) -> None:
        """End what is under way."""
        for client in self._tokens.values():
            await client.aclose()
        await self._http.aclose()

    async def _ask(self, source: DelegationSource, query: Mapping[str, str], *, fresh: bool) -> Answer:
        try:
            token = await self._authority(source.issuer).get(TokenRequest(source.token_scope), force=fresh)
        except TillitError as fault:
            raise NoAnswerError(f"no token for it: {type(fault).__name__}") from None
        headers = {**_HEADERS, "authorization": f"Bearer {token.value}"}
        try:
            async with self._http.stream("GET", source.lookup_url, params=query, headers=headers) as response:
                return Answer(response.status_code, await _body(response))
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError) as fault:
            raise NoAnswerError(type(fault).__name__) from None

    def _authority(self, issuer: str) -> AsyncTokenClient:
        """Return the client of the authority whose tokens the register of this issuer takes. Raises ConfigError."""
        where = self._wishes.token_issuer or issuer
        if where not in self._tokens:
            config = ClientConfig(
                Discovery.of(where, allow_http=self._wishes.allow_http), self._wishes.client_id, self._signer
            )
            once = RetryPolicy(attempts=1, deadline=self._wishes.seconds, attempt_timeout=self._wishes.seconds)
            self._tokens[where] = AsyncTokenClient(config, http=self._http, retry=once)
        return self._tokens[where]


async def _body(response: httpx2.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":
        # A compressed answer could be small on the wire and huge in memory.
        raise NoAnswerError("a compressed answer, which was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > _ANSWER_BYTES:
            raise NoAnswerError("the answer is too large")
    return bytes(body)


def _signer(wishes: Wishes) -> Signer:
    try:
        return signers.from_text(wishes.key, kid=wishes.kid)
    except ConfigError as fault:
        raise BrokenCredentialError(str(fault)) from None
