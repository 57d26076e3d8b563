"""The token request, from assertion to token, on one page.

    read       an unverified JWS, strictly                                  oauth/jose, oauth/assertion
    enter      a bounded number at a time, in turn                          admission
    judge      verify:    signed by an active key of the client it names    oauth/assertion
               authorize: scopes, access, delegation, resource, lifetimes   oauth/authorization
    spend      the assertion, once, and learn the policy epoch              single use
    judge      again, if policy has moved since
    sign       what was authorized                                          keys
    commit     the decision; only then does the token leave                 record

Nothing is signed after a refusal, nothing leaves before its record is committed, and nothing is decided under a policy
older than the moment its assertion was spent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from authserver.grants import ledger
from authserver.grants.judgement import Judge, Judgement, Unproven
from authserver.grants.ports import (
    Admission,
    Clock,
    Decisions,
    NewId,
    Registry,
    Signer,
    SingleUse,
    Spending,
    Unavailable,
)
from authserver.oauth import access_token, assertion, jose
from authserver.oauth.assertion import UnverifiedAssertion
from authserver.oauth.authorization import Authorization
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.request import AssertionKind, TokenRequest

_RETRY_AFTER = 2


@dataclass(frozen=True, slots=True)
class Exchange:
    """The use-case behind `POST /token`: an assertion in, an access token out, at most once (P1 to P4).

    `issuer` is our name in assertions and tokens; `node` names this process in the record.
    """

    issuer: str
    node: str
    admission: Admission
    judge: Judge
    registry: Registry
    single_use: SingleUse
    signer: Signer
    decisions: Decisions
    clock: Clock
    new_id: NewId

    async def token(self, request: TokenRequest, trace_id: str) -> dict[str, Any]:
        """Answer a token request with the success body of RFC 6749 §5.1.

        Raises Refusal: for a fault of the request, UNAVAILABLE when single use or the record cannot be confirmed,
        CLIENT_BUSY or OVERLOADED when there is no room (P8).
        """
        try:
            unverified = assertion.peek(jose.read(request.assertion), request.kind)
            lane = await self.admission.enter(unverified)
            try:
                return await self._exchange(request, unverified, self.clock(), trace_id)
            finally:
                self.admission.leave(lane)
        except Unavailable as part:
            raise Refusal(Reason.UNAVAILABLE, detail=str(part), retry_after=part.retry_after or _RETRY_AFTER) from part
        except Refusal as refusal:
            answer = refusal.for_client_authentication() if _authenticates(request) else refusal
            raise answer from refusal.__cause__

    async def _exchange(
        self, request: TokenRequest, unverified: UnverifiedAssertion, now: int, trace_id: str
    ) -> dict[str, Any]:
        judged = await self._judge_in_step(request, unverified, now)
        if isinstance(judged, Unproven):
            raise judged.refusal
        if isinstance(judged.verdict, Refusal):
            raise await self._refused(judged, judged.verdict, now, trace_id)
        spending = Spending(judged.signed.client_id, judged.signed.assertion_id, judged.signed.remember_until)
        spent = await self.single_use.spend(spending, now)
        if not spent.first_use:
            raise await self._refused(judged, Refusal(Reason.REPLAYED), now, trace_id)
        try:
            if spent.epoch > judged.epoch:
                await self.registry.follow(spent.epoch)
                judged = judged.then(await self.judge(request, unverified, now))
            if isinstance(judged.verdict, Refusal):
                raise await self._refused(judged, judged.verdict, now, trace_id)
            return await self._issue(judged, judged.verdict, now, trace_id)
        except Unavailable as part:
            # Some clients send the same body again; they may, when it is certain that nothing was recorded.
            if part.certain:
                await self.single_use.release(spending)
            raise

    async def _judge_in_step(
        self, request: TokenRequest, unverified: UnverifiedAssertion, now: int
    ) -> Judgement | Unproven:
        """Judge under the snapshot as it stands; before refusing, make sure that it is not behind."""
        judged = await self.judge(request, unverified, now)
        refused = isinstance(judged, Unproven) or isinstance(judged.verdict, Refusal)
        if refused and (latest := await self.registry.latest()) > judged.epoch:
            await self.registry.follow(latest)
            judged = await self.judge(request, unverified, now)
        return judged

    async def _issue(self, judged: Judgement, granted: Authorization, now: int, trace_id: str) -> dict[str, Any]:
        """Sign what was authorized and commit the decision; the token is not let go before (P2)."""
        jti = self.new_id()
        claims = access_token.claims(granted, self.issuer, now, jti)
        token = await self.signer.sign(claims, alg=granted.profile.alg, typ=granted.profile.typ)
        decision = ledger.issued(judged, granted, token, jti, trace_id=trace_id, at=now, node=self.node)
        try:
            await self.decisions.commit(decision)
        except Refusal as replayed:
            raise await self._refused(judged, replayed, now, trace_id) from None
        return access_token.response(token.compact, granted, now)

    async def _refused(self, judged: Judgement, refusal: Refusal, now: int, trace_id: str) -> Refusal:
        """Record why a client that proved itself is refused (P5); return the refusal, to be raised."""
        await self.decisions.commit(ledger.refused(judged, refusal, trace_id=trace_id, at=now, node=self.node))
        return refusal


def _authenticates(request: TokenRequest) -> bool:
    return request.kind is AssertionKind.CLIENT_AUTHENTICATION
