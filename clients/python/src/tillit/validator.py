"""Access tokens, from text to AccessToken: the one door an API needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeAlias

from tillit.access_errors import InsufficientScope, InvalidToken
from tillit.clock import Clock, SystemClock
from tillit.core.access_token import AccessToken, Organisation
from tillit.core.claims import check_claims
from tillit.core.policy import Policy, _NoAudience
from tillit.core.requirements import Requirement
from tillit.errors import ConfigError
from tillit.jose import algorithms
from tillit.jose.algorithms import PublicKey
from tillit.jose.compact import UnverifiedJwt, read_compact
from tillit.jose.encoding import MalformedJose
from tillit.jwks import JwksSource

ConsumerPredicate: TypeAlias = Callable[[Organisation], bool]


class TokenValidator:
    """Validates access tokens of both profiles: `at+jwt` (RFC 9068) and the `JWT` of Maskinporten.

    In order: shape, header, key, signature, times, issuer and audience, scopes. Nothing of a token is believed, and no
    scope is looked at, before its signature is verified. Safe to share between threads and tasks.
    """

    def __init__(
        self, policy: Policy, jwks: JwksSource | Mapping[str, JwksSource], *, clock: Clock | None = None
    ) -> None:
        sources = {next(iter(policy.issuers)): jwks} if isinstance(jwks, JwksSource) else dict(jwks)
        if sources.keys() != policy.issuers:
            raise ConfigError("each issuer of the policy needs its own JwksSource")
        self.policy = policy
        self._sources = sources
        self._clock: Clock = clock or SystemClock()

    @staticmethod
    def for_issuer(
        issuer: str,
        audience: str | Iterable[str] | Literal[_NoAudience.NO_AUDIENCE],
        *,
        allow_http: bool = False,
        clock: Clock | None = None,
    ) -> TokenValidator:
        """A validator with the default policy for one authority, whose metadata is looked up at first use.

        Raises ConfigError.
        """
        source = JwksSource.for_issuer(issuer, allow_http=allow_http, clock=clock)
        return TokenValidator(Policy(issuer, audience), source, clock=clock)

    def validate(self, token: str, require: Requirement | None = None) -> AccessToken:
        """The token, proven good now, and good for `require`.

        Raises InvalidToken (401), InsufficientScope (403) or KeysUnavailable (503).
        """
        unverified = self._read(token)
        key = self._source(unverified).key(unverified.kid, unverified.alg)
        return self._finish(unverified, key, require)

    async def avalidate(self, token: str, require: Requirement | None = None) -> AccessToken:
        """The same, awaited. Only a fetch of keys ever suspends it."""
        unverified = self._read(token)
        key = await self._source(unverified).akey(unverified.kid, unverified.alg)
        return self._finish(unverified, key, require)

    def warm(self) -> None:
        """Fetch the keys before the first request. Does not raise when the authority is away."""
        for source in self._sources.values():
            source.warm()

    async def awarm(self) -> None:
        """The same, awaited."""
        for source in self._sources.values():
            await source.awarm()

    def _read(self, token: str) -> UnverifiedJwt:
        try:
            unverified = read_compact(token)
        except MalformedJose as error:
            raise InvalidToken(str(error)) from None
        if unverified.alg not in self.policy.algorithms:
            raise InvalidToken("the algorithm is not accepted")
        if unverified.typ not in self.policy.token_types:
            raise InvalidToken("the type of the token is not accepted")
        return unverified

    def _source(self, unverified: UnverifiedJwt) -> JwksSource:
        # The unproven issuer only chooses which keys must prove it.
        issuer = unverified.claims.get("iss")
        source = self._sources.get(issuer) if isinstance(issuer, str) else None
        if source is None:
            raise InvalidToken("the issuer is not accepted")
        return source

    def _finish(self, unverified: UnverifiedJwt, key: PublicKey, require: Requirement | None) -> AccessToken:
        if not algorithms.verify(unverified.alg, key, unverified.signing_input, unverified.signature):
            raise InvalidToken("the signature is not valid")
        token = check_claims(unverified.claims, unverified.typ, self.policy, int(self._clock.time()))
        check_access(token, require)
        return token


def check_access(
    token: AccessToken, require: Requirement | None = None, consumer: ConsumerPredicate | None = None
) -> None:
    """Whether a validated `token` gives access: its scopes meet `require` and its consumer satisfies `consumer`.

    Raises InsufficientScope.
    """
    if require is not None and not require.met_by(token.scopes):
        raise InsufficientScope("a required scope is missing", scopes=require.scopes)
    if consumer is not None and not consumer(token.consumer):
        raise InsufficientScope("the consumer is not admitted here")
