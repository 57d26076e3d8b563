"""What the clients that ask an authority share: assertions, and what its answers say."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterable
from typing import Final, NoReturn

from tillit.clock import Clock
from tillit.config import ClientConfig
from tillit.core import assertion
from tillit.core.assertion import UnsignedAssertion
from tillit.core.authority import Authority, Discovery
from tillit.core.hints import correction
from tillit.core.refresh import RefreshPolicy
from tillit.core.request import TokenRequest, cache_key
from tillit.core.response import Reply, read_reply
from tillit.core.retry import RetryPolicy
from tillit.core.token import Token
from tillit.dpop import GrantProofs
from tillit.errors import ConfigError, Rejected, Unavailable
from tillit.events import Hook
from tillit.keeper import TokenKeeper
from tillit.sharing import Sharing
from tillit.signers import Signer
from tillit.stores.memory import MemoryStore
from tillit.stores.protocol import TokenStore

logger = logging.getLogger("tillit")

_SAME_CLOCK: Final = 3.0


class GrantClient(TokenKeeper):
    """Asks in the name of a configuration, and shares tokens where that or `store` says."""

    def __init__(
        self,
        config: ClientConfig,
        *,
        store: TokenStore | MemoryStore | None,
        refresh: RefreshPolicy | None,
        retry: RetryPolicy | None,
        clock: Clock | None,
        hooks: Iterable[Hook],
    ) -> None:
        self.config = config
        held = store if isinstance(store, MemoryStore) else None
        super().__init__(store=held, refresh=refresh, retry=retry, clock=clock, hooks=hooks)
        self._sharing = Sharing.of(config, store, self._clock, self._refresh, self._retry)
        self._where = config.where
        self._proofs = GrantProofs.of(config.dpop_key, self._clock.time, optional=config.dpop_optional)
        self.prover = self._proofs.prover
        self._correction = 0.0

    def _identity(self) -> str:
        return self.config.signer.thumbprint

    def _resolve(self, request: TokenRequest | str | Iterable[str] | None) -> TokenRequest:
        if isinstance(request, TokenRequest):
            return request
        scopes = self.config.default_scopes if request is None else request
        return TokenRequest(scopes, self.config.resource, self.config.consumer_org)

    def _make_key(self, request: TokenRequest) -> str:
        # Not `_where`: that becomes an Authority once it is looked up, and the key must not change then.
        where = self.config.where
        address = where.metadata_url if isinstance(where, Discovery) else f"{where.issuer} {where.token_endpoint}"
        signer = self._proofs.with_key(self._identity())
        return cache_key(request, authority=address, client_id=self.config.client_id, signer=signer)

    def _prepare(self, authority: Authority, request: TokenRequest, signer: Signer) -> UnsignedAssertion:
        members = assertion.claims(
            request,
            client_id=self.config.client_id,
            issuer=authority.issuer,
            jti=str(uuid.uuid4()),
            now=int(self._clock.time() + self._correction),
            lifetime=self.config.assertion_lifetime,
        )
        return assertion.prepare(signer.alg, signer.header(), members)

    def _read(self, reply: Reply, request: TokenRequest, started: tuple[float, float]) -> Token:
        grant = read_reply(reply, request, now=self._clock.time(), kinds=self._proofs.kinds)
        return self._token(grant, request, started)

    def _corrected(self, error: Rejected) -> bool:
        """Whether the authority's clock explains the refusal, and the next assertion is made by that clock."""
        found = correction(error.mp_code, error.description, error.skew)
        # What is already made by that clock would be refused again.
        if found is None or abs(found - self._correction) < _SAME_CLOCK:
            return False
        self._correction = found
        logger.warning("this machine's clock is %.0f s off the authority's; assertions follow the latter", found)
        return True

    def _signer_failed(self, error: Exception) -> NoReturn:
        # Only the kind: what a key service says in its errors is not ours to repeat.
        raise Unavailable(f"the signer failed: {type(error).__name__}") from None

    @staticmethod
    def _endpoint(authority: Authority) -> str:
        if authority.token_endpoint is None:
            raise ConfigError("the authority's metadata names no token_endpoint")
        return authority.token_endpoint

    def __repr__(self) -> str:
        return f"{type(self).__name__}(client_id={self.config.client_id!r})"
