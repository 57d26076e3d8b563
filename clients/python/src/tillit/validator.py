"""Access tokens, from text to AccessToken: the one door an API needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

from tillit.access import check_access
from tillit.access_errors import AccessError, Challenge, InvalidToken, MissingToken
from tillit.clock import Clock, SystemClock
from tillit.core.access_token import AccessToken
from tillit.core.claims import check_claims, holds_during
from tillit.core.confirmation import check_certificate, check_scheme
from tillit.core.policy import Policy, _NoAudience
from tillit.core.presented import BEARER, DPOP, Presented
from tillit.core.requirements import Requirement
from tillit.dpop_verifier import DpopVerifier
from tillit.errors import ConfigError
from tillit.jose import algorithms
from tillit.jose.algorithms import PublicKey
from tillit.jose.compact import UnverifiedJwt, read_compact
from tillit.jose.encoding import MalformedJose
from tillit.jwks import JwksSource, JwksStatus
from tillit.status_check import StatusCheck
from tillit.status_lists import OUTAGE, StatusLists
from tillit.verified import Verified, VerifiedTokens


class TokenValidator:
    """Validates access tokens of both profiles: `at+jwt` (RFC 9068) and the `JWT` of Maskinporten.

    In order: shape, header, key, signature, times, issuer and audience, scopes. Nothing of a token is believed, and no
    scope is looked at, before its signature is verified. Safe to share between threads and tasks.

    Up to `cache_size` tokens that were found good are recognised by the SHA-256 of their whole text, and their
    signature is not verified again: not under another policy, not after `exp`, and not once the authority's keys have
    been fetched anew. Scopes are looked at each time. The verdict is the same either way, so the price is memory: the
    claims of recent tokens, personal ones included, stay in this process for up to the life of a token or until
    others take their place. 0 keeps nothing.

    `jwks` is the source of the one issuer's keys, or by issuer the source of each. With `dpop` tokens that are bound to
    a key are taken from `validate_request`; those bound to a certificate are when it is told the certificate. With
    `status` tokens are looked up in the status lists that they name, each time.
    """

    def __init__(
        self,
        policy: Policy,
        jwks: JwksSource | Mapping[str, JwksSource],
        *,
        clock: Clock | None = None,
        cache_size: int = 1024,
        dpop: DpopVerifier | None = None,
        status: StatusCheck | None = None,
    ) -> None:
        sources = {next(iter(policy.issuers)): jwks} if isinstance(jwks, JwksSource) else dict(jwks)
        if sources.keys() != policy.issuers:
            raise ConfigError("each issuer of the policy needs its own JwksSource")
        self.policy = policy
        self._sources = sources
        self._clock: Clock = clock or SystemClock()
        # Bound tokens have a memory of their own, so that no path without proof can find one.
        self._verified, self._bound = VerifiedTokens(cache_size), VerifiedTokens(cache_size)
        self._dpop, self._status = dpop, status

    @staticmethod
    def for_issuer(
        issuer: str,
        audience: str | Iterable[str] | Literal[_NoAudience.NO_AUDIENCE],
        *,
        allow_http: bool = False,
        clock: Clock | None = None,
        cache_size: int = 1024,
        check_status: bool = False,
    ) -> TokenValidator:
        """A validator with the default policy for one authority, whose metadata is looked up at first use.

        With `check_status` a token that names its place in a status list is refused once its delegation has ended,
        within the minute that a list is kept, or five more while the authority is away; after that the answer is 503.
        Without it, such a token is good until it ends. Raises ConfigError.
        """
        source = JwksSource.for_issuer(issuer, allow_http=allow_http, clock=clock)
        status = StatusCheck(StatusLists(issuer, source, clock=clock, max_stale=OUTAGE)) if check_status else None
        return TokenValidator(Policy(issuer, audience), source, clock=clock, cache_size=cache_size, status=status)

    def validate(self, token: str, require: Requirement | None = None) -> AccessToken:
        """The token, proven good now, and good for `require`. One that is bound to a key is refused: it needs proof.

        Raises InvalidToken (401), InsufficientScope (403) or KeysUnavailable (503).
        """
        # As in `_validated`, written out: every request that brings a known token comes by here.
        known = self._verified.recall(token, self.policy, int(self._clock.time()))
        if known is not None and known.source.key(known.kid, known.alg) is known.key:
            found = known.token
        else:
            found = self._validated(token, self._verified)
        return self._admitted(found, require)

    async def avalidate(self, token: str, require: Requirement | None = None) -> AccessToken:
        """The same, awaited. Only a fetch of keys, or of a status list, ever suspends it."""
        found = await self._avalidated(token, self._verified)
        return await self._aadmitted(found, require)

    def validate_request(self, presented: Presented, require: Requirement | None = None) -> AccessToken:
        """The token of a request, proven good and its sender's own: bound tokens too, with the proof they need.

        Raises what `validate` does, and InvalidProof or NonceWanted (401).
        """
        with _of_scheme(presented):
            if self._is_plain(presented):
                return self.validate(presented.token, require)
            found = self._validated(presented.token, self._bound)
            jkt = self._check_binding(found, presented)
            if self._dpop is not None and jkt is not None:
                self._dpop.verify(presented, jkt, int(self._clock.time()))
            return self._admitted(found, require)

    async def avalidate_request(self, presented: Presented, require: Requirement | None = None) -> AccessToken:
        """The same, awaited."""
        with _of_scheme(presented):
            if self._is_plain(presented):
                return await self.avalidate(presented.token, require)
            found = await self._avalidated(presented.token, self._bound)
            jkt = self._check_binding(found, presented)
            if self._dpop is not None and jkt is not None:
                await self._dpop.averify(presented, jkt, int(self._clock.time()))
            return await self._aadmitted(found, require)

    def challenge(self, error: AccessError, realm: str | None = None) -> Challenge:
        """The HTTP answer to a request that is not served: what `error` says, and which proofs are taken here."""
        return error.challenge(realm, dpop_algorithms=() if self._dpop is None else self._dpop.algorithms)

    def forget(self) -> None:
        """Verify every token's signature anew from here on, those seen before included."""
        self._verified.forget()
        self._bound.forget()

    def status(self) -> Mapping[str, JwksStatus]:
        """By issuer, what is known of its keys; for readiness probes. Asks nobody."""
        return {issuer: source.status() for issuer, source in self._sources.items()}

    def warm(self) -> None:
        """Fetch the keys before the first request. Does not raise when the authority is away."""
        for source in self._sources.values():
            source.warm()

    async def awarm(self) -> None:
        """The same, awaited."""
        for source in self._sources.values():
            await source.awarm()

    def _validated(self, token: str, memory: VerifiedTokens) -> AccessToken:
        known = memory.recall(token, self.policy, int(self._clock.time()))
        # The key is asked for all the same: it may be gone, or have come anew, and asking is what keeps keys fresh.
        if known is not None and known.source.key(known.kid, known.alg) is known.key:
            return known.token
        unverified = self._read(token)
        source = self._source(unverified)
        return self._finish(token, unverified, source, source.key(unverified.kid, unverified.alg), memory)

    async def _avalidated(self, token: str, memory: VerifiedTokens) -> AccessToken:
        known = memory.recall(token, self.policy, int(self._clock.time()))
        if known is not None and await known.source.akey(known.kid, known.alg) is known.key:
            return known.token
        unverified = self._read(token)
        source = self._source(unverified)
        return self._finish(token, unverified, source, await source.akey(unverified.kid, unverified.alg), memory)

    def _admitted(self, token: AccessToken, require: Requirement | None) -> AccessToken:
        if self._status is not None:
            self._status.check(token)
        check_access(token, require)
        return token

    async def _aadmitted(self, token: AccessToken, require: Requirement | None) -> AccessToken:
        if self._status is not None:
            await self._status.acheck(token)
        check_access(token, require)
        return token

    def _is_plain(self, presented: Presented) -> bool:
        """Whether nothing is presented but a bearer token, and nothing else is asked for."""
        if presented.scheme == DPOP and self._dpop is None:
            raise MissingToken("DPoP is not taken here")
        must_prove = self._dpop is not None and self._dpop.required
        return presented.scheme == BEARER and presented.client_certificate is None and not must_prove

    def _check_binding(self, token: AccessToken, presented: Presented) -> str | None:
        """The thumbprint of the key that the sender is still to prove, if there is one."""
        bound = token.confirmation
        check_scheme(bound, presented)
        jkt = None
        if bound is not None:
            check_certificate(bound, presented.client_certificate)
            jkt = bound.jkt
        if jkt is None and self._dpop is not None and self._dpop.required:
            raise InvalidToken("the token is not bound to a key, as tokens must be here")
        return jkt

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
        self, text: str, unverified: UnverifiedJwt, source: JwksSource, key: PublicKey, memory: VerifiedTokens
    ) -> AccessToken:
        kid, alg, policy = unverified.kid, unverified.alg, self.policy
        if not algorithms.verify(alg, key, unverified.signing_input, unverified.signature):
            raise InvalidToken("the signature is not valid")
        # The clock is read again: a fetch of keys may have taken a while.
        now = int(self._clock.time())
        token = check_claims(unverified.claims, unverified.typ, policy, now)
        # Refused before it is remembered, so that nothing in the memory of plain tokens needs a second look.
        if token.confirmation is not None and memory is self._verified:
            raise InvalidToken("the token is bound to a key, and came without proof of possession")
        if memory.capacity:
            memory.keep(text, Verified(token, source, kid, alg, key, policy, holds_during(token, policy)), now)
        return token


@contextmanager
def _of_scheme(presented: Presented) -> Iterator[None]:
    """Refusals say which scheme they refuse."""
    try:
        yield
    except AccessError as error:
        if presented.scheme == DPOP and not isinstance(error, MissingToken):
            error.scheme = DPOP
        raise
