"""Judging a request under this node's snapshot: find the client, verify, authorize."""

from __future__ import annotations

from dataclasses import dataclass

from authserver.grants.ports import Registry
from authserver.oauth import assertion, authorization
from authserver.oauth.assertion import SignedAssertion, UnverifiedAssertion
from authserver.oauth.authorization import Authorization
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Client, Ref
from authserver.oauth.profiles import REQUEST_PROFILES
from authserver.oauth.request import TokenRequest


@dataclass(frozen=True, slots=True)
class Unproven:
    """A refusal while nobody has proven who asks. It is not kept in the record, which anyone could fill (P8)."""

    epoch: int
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say, under one policy epoch, to a client that proved itself."""

    epoch: int
    client: Client
    signed: SignedAssertion
    verdict: Authorization | Refusal

    def then(self, later: Judgement | Unproven) -> Judgement:
        """What a newer policy says; who asked stays known even if their key or client is gone by now."""
        if isinstance(later, Judgement):
            return later
        return Judgement(later.epoch, self.client, self.signed, later.refusal)


@dataclass(frozen=True, slots=True)
class Judge:
    """Applies the rules to this node's snapshot of the registry. `profile` is for clients that name none."""

    registry: Registry
    issuer: str
    profile: str

    async def __call__(self, request: TokenRequest, unverified: UnverifiedAssertion, now: int) -> Judgement | Unproven:
        """Judge a request. Refusals are values here; raises only Unavailable."""
        # Read first: everything looked up from here on is at least as new as this epoch.
        epoch = self.registry.epoch
        ref = Ref("client", unverified.issuer)
        client = (await self.registry.facts({ref}))[ref]
        if not isinstance(client, Client):
            return Unproven(epoch, Refusal(Reason.CLIENT_UNKNOWN))
        profile = REQUEST_PROFILES[client.profile or self.profile]
        try:
            signed = assertion.verify(unverified, request, client, profile, self.issuer, now)
        except Refusal as refusal:
            return Unproven(epoch, refusal)
        return Judgement(epoch, client, signed, await self._verdict(client, signed, now))

    async def _verdict(self, client: Client, signed: SignedAssertion, now: int) -> Authorization | Refusal:
        facts = await self.registry.facts(authorization.needed(client, signed))
        facts = {**facts, **await self.registry.facts(authorization.needed_above(facts))}
        try:
            return authorization.authorize(client, signed, facts, self.issuer, now)
        except Refusal as refusal:
            return refusal
