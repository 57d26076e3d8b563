"""Judging a request under this node's snapshot: find the client, verify, authorize."""

from __future__ import annotations

from dataclasses import dataclass

from authserver.grants.ports import OutsideRegisters, Registry
from authserver.oauth import assertion, authorization, chains
from authserver.oauth.assertion import SignedAssertion, UnverifiedAssertion
from authserver.oauth.authorization import Authorization
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.evidence import Evidence
from authserver.oauth.models import Client, DelegationSource, Facts, Ref
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
    """Applies the rules to this node's snapshot of the registry. `profile` is for clients that name none.

    `outside` asks other authorities' registers of delegations; None when this authority is a client of none.
    """

    registry: Registry
    issuer: str
    profile: str
    outside: OutsideRegisters | None = None

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
        if signed.consumer_org is not None:
            facts = await self._with_hops(facts)
        verdict = self._ruled(client, signed, facts, now)
        if isinstance(verdict, Refusal) and verdict.reason is Reason.NOT_DELEGABLE:
            return await self._by_register(client, signed, facts, now, verdict)
        return verdict

    async def _with_hops(self, facts: Facts) -> Facts:
        """Look up what delegations hang on; of those that a consumer gave itself, nothing."""
        for _ in range(chains.MOST_HOPS):
            refs = chains.needed(facts)
            if not refs:
                break
            facts = {**facts, **await self.registry.facts(refs)}
        return facts

    async def _by_register(
        self, client: Client, signed: SignedAssertion, facts: Facts, now: int, refusal: Refusal
    ) -> Authorization | Refusal:
        """Ask the register of another authority, if the scopes name one and nothing but its answer is missing."""
        issuer = authorization.source_to_ask(client, signed, facts, self.issuer)
        ref = Ref("delegation_source", issuer or "")
        source = (await self.registry.facts({ref}))[ref] if issuer else None
        if not isinstance(source, DelegationSource) or not source.active:
            return refusal
        consumer = signed.consumer_org or ""
        hoped = Evidence(source.issuer, consumer, client.orgno, dict.fromkeys(signed.scopes, ()), digest="")
        # Nobody makes us ask in vain: every other rule comes first.
        if isinstance(supposed := self._ruled(client, signed, facts, now, hoped), Refusal):
            return supposed
        if self.outside is None:
            return Refusal(Reason.REGISTER_SILENT, value=source.issuer, detail="this authority is no client of it")
        try:
            evidence = await self.outside.look_up(
                source, consumer_orgno=consumer, supplier_orgno=client.orgno, scopes=signed.scopes
            )
        except Refusal as silent:
            return silent
        return self._ruled(client, signed, facts, now, evidence)

    def _ruled(
        self, client: Client, signed: SignedAssertion, facts: Facts, now: int, evidence: Evidence | None = None
    ) -> Authorization | Refusal:
        try:
            return authorization.authorize(client, signed, facts, self.issuer, now, evidence)
        except Refusal as refusal:
            return refusal
