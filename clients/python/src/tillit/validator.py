"""Access tokens, from text to AccessToken: the one door an API needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Literal, TypeAlias

from tillit.access_errors import AccessError, Challenge, InsufficientScope, InvalidToken, MissingToken
from tillit.clock import Clock, SystemClock
from tillit.core.access_token import AccessToken, Organisation
from tillit.core.claims import check_claims, holds_during
from tillit.core.policy import Policy, _NoAudience
from tillit.core.presented import BEARER, Presented
from tillit.core.requirements import Requirement
from tillit.errors import ConfigError
from tillit.jose import algorithms
from tillit.jose.algorithms import PublicKey
from tillit.jose.compact import UnverifiedJwt, read_compact
from tillit.jose.encoding import MalformedJose
from tillit.jwks import JwksSource
from tillit.verified import Verified, VerifiedTokens

ConsumerPredicate: TypeAlias = Callable[[Organisation], bool]


class TokenValidator:
    """Validates access tokens of both profiles: `at+jwt` (RFC 9068) and the `JWT` of Maskinporten.

    In order: shape, header, key, signature, times, issuer and audience, scopes. Nothing of a token is believed, and no
    scope is looked at, before its signature is verified. Safe to share between threads and tasks.

    Up to `cache_size` tokens that were found good are recognised by the SHA-256 of their whole text, and their
    signature is not verified again: not under another policy, not after `exp`, and not once the authority's keys have
    been fetched anew. Scopes are looked at each time. The verdict is the same either way, so the price is memory: the
    claims of recent tokens, personal ones included, stay in this process for up to the life of a token or until
    others take their place. 0 keeps nothing.
    """

    def __init__(
        self,
        policy: Policy,
        jwks: JwksSource | Mapping[str, JwksSource],
        *,
        clock: Clock | None = None,
        cache_size: int = 1024,
    ) -> None:
        sources = {next(iter(policy.issuers)): jwks} if isinstance(jwks, JwksSource) else dict(jwks)
        if sources.keys() != policy.issuers:
            raise ConfigError("each issuer of the policy needs its own JwksSource")
        self.policy = policy
        self._sources = sources
        self._clock: Clock = clock or SystemClock()
        self._verified = VerifiedTokens(cache_size)

    @staticmethod
    def for_issuer(
        issuer: str,
        audience: str | Iterable[str] | Literal[_NoAudience.NO_AUDIENCE],
        *,
        allow_http: bool = False,
        clock: Clock | None = None,
        cache_size: int = 1024,
    ) -> TokenValidator:
        """A validator with the default policy for one authority, whose metadata is looked up at first use.

        Raises ConfigError.
        """
        source = JwksSource.for_issuer(issuer, allow_http=allow_http, clock=clock)
        return TokenValidator(Policy(issuer, audience), source, clock=clock, cache_size=cache_size)

    def validate(self, token: str, require: Requirement | None = None) -> AccessToken:
        """The token, proven good now, and good for `require`.

        Raises InvalidToken (401), InsufficientScope (403) or KeysUnavailable (503).
        """
        now = int(self._clock.time())
        known = self._verified.recall(token, self.policy, now)
        # The key is asked for all the same: it may be gone, or have come anew, and asking is what keeps keys fresh.
        if known is not None and known.source.key(known.kid, known.alg) is known.key:
            check_access(known.token, require)
            return known.token
        unverified = self._read(token)
        source = self._source(unverified)
        key = source.key(unverified.kid, unverified.alg)
        return self._finish(token, unverified, source, key, require)

    async def avalidate(self, token: str, require: Requirement | None = None) -> AccessToken:
        """The same, awaited. Only a fetch of keys ever suspends it."""
        now = int(self._clock.time())
        known = self._verified.recall(token, self.policy, now)
        if known is not None and await known.source.akey(known.kid, known.alg) is known.key:
            check_access(known.token, require)
            return known.token
        unverified = self._read(token)
        source = self._source(unverified)
        key = await source.akey(unverified.kid, unverified.alg)
        return self._finish(token, unverified, source, key, require)

    def validate_request(self, presented: Presented, require: Requirement | None = None) -> AccessToken:
        """The token of a request, proven good and its sender's own: bound tokens too, with the proof they need.

        Raises what `validate` does, and InvalidProof or NonceWanted (401).
        """
        if presented.scheme != BEARER:
            raise MissingToken("DPoP is not taken here")
        return self.validate(presented.token, require)

    async def avalidate_request(self, presented: Presented, require: Requirement | None = None) -> AccessToken:
        """The same, awaited."""
        if presented.scheme != BEARER:
            raise MissingToken("DPoP is not taken here")
        return await self.avalidate(presented.token, require)

    def challenge(self, error: AccessError, realm: str | None = None) -> Challenge:
        """The HTTP answer to a request that is not served: what `error` says, and which proofs are taken here."""
        return error.challenge(realm)

    def forget(self) -> None:
        """Verify every token's signature anew from here on, those seen before included."""
        self._verified.forget()

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

    def _finish(
        self, text: str, unverified: UnverifiedJwt, source: JwksSource, key: PublicKey, require: Requirement | None
    ) -> AccessToken:
        kid, alg, policy = unverified.kid, unverified.alg, self.policy
        if not algorithms.verify(alg, key, unverified.signing_input, unverified.signature):
            raise InvalidToken("the signature is not valid")
        # The clock is read again: a fetch of keys may have taken a while.
        now = int(self._clock.time())
        token = check_claims(unverified.claims, unverified.typ, policy, now)
        if self._verified.capacity:
            verdict = Verified(token, source, kid, alg, key, policy, holds_during(token, policy))
            self._verified.keep(text, verdict, now)
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
