"""What an assertion may have: scopes on the client ∩ access of the consumer ∩ the delegation, and never more (P4).

One pure function over facts. A fact that is absent refuses; so does one that is disabled or outside its dates.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from authserver.oauth import chains
from authserver.oauth.assertion import SignedAssertion
from authserver.oauth.audience import audience_of
from authserver.oauth.chains import Chain
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.evidence import Evidence
from authserver.oauth.limits import TOKEN_LIFE_CEILING
from authserver.oauth.models import Client, Facts, Organisation, Prefix, Ref, Scope, ScopeAccess
from authserver.oauth.profiles import TOKEN_PROFILES, TokenProfile


@dataclass(frozen=True, slots=True)
class Authorization:
    """The decision that a token may be made, and everything the token will say. Only `authorize` makes one."""

    client_id: str
    client_orgno: str
    consumer_orgno: str
    supplier_orgno: str | None
    delegation_source: str | None
    delegation_ids: tuple[str, ...]
    scopes: tuple[str, ...]
    audience: tuple[str, ...]
    profile: TokenProfile
    expires_at: int
    pid: str | None
    evidence: str = ""
    suppliers: tuple[str, ...] = ()
    status_index: int | None = None


def needed(client: Client, assertion: SignedAssertion) -> set[Ref]:
    """Name the records that `authorize` looks at, as far as they can be named before the scopes are known."""
    consumer = assertion.consumer_org or client.orgno
    refs = {Ref("organisation", client.orgno)}
    if assertion.consumer_org is not None:
        refs.add(Ref("organisation", consumer))
        refs.add(Ref("delegations", consumer, client.orgno))
    for name in client.scopes.intersection(assertion.scopes):
        refs.add(Ref("scope", name))
        refs.add(Ref("access", name, consumer))
    return refs


def needed_above(facts: Facts) -> set[Ref]:
    """Name what else `authorize` looks at: the prefixes and owners of the scopes among these facts."""
    refs: set[Ref] = set()
    for fact in facts.values():
        if isinstance(fact, Scope):
            refs.add(Ref("prefix", fact.prefix))
            refs.add(Ref("organisation", fact.owner_orgno))
    return refs


def source_to_ask(client: Client, assertion: SignedAssertion, facts: Facts, issuer: str) -> str | None:
    """Name the one register of another authority that must prove what is delegated here; None if there is no such."""
    scopes = (facts.get(Ref("scope", name)) for name in client.scopes.intersection(assertion.scopes))
    sources = {scope.delegation_source for scope in scopes if isinstance(scope, Scope)}
    return sources.pop() if len(sources) == 1 and issuer not in sources else None


def authorize(
    client: Client,
    assertion: SignedAssertion,
    facts: Facts,
    issuer: str,
    now: int,
    evidence: Evidence | None = None,
) -> Authorization:
    """Decide what this assertion of this client may have. All or nothing: a scope too many refuses the request.

    `facts` holds what `needed`, then `needed_above` and, if it is delegated, `chains.needed` name; `evidence` is the
    answer of an active register of another authority, and without it only this authority's own register proves a
    delegation. Raises Refusal for the first rule that fails.
    """
    _require_active(facts, client.orgno)
    scopes = [_registered_scope(client, name, facts) for name in assertion.scopes]
    supplier, consumer = _parties(client, assertion)
    source = None if supplier is None else _source(scopes, issuer, evidence)
    for scope in scopes:
        _require_access(scope, consumer, facts)
    asked = evidence if source != issuer else None
    proving = _proving(scopes, consumer, supplier, facts, now, asked=asked)
    _require_active(facts, consumer)
    profile = _token_profile(assertion, scopes)
    return Authorization(
        client_id=client.client_id,
        client_orgno=client.orgno,
        consumer_orgno=consumer,
        supplier_orgno=supplier,
        delegation_source=source,
        delegation_ids=tuple(dict.fromkeys(link.id for chain in proving for link in chain)) + _ids(asked),
        scopes=assertion.scopes,
        audience=audience_of(scopes, assertion.resources, profile, issuer),
        profile=profile,
        expires_at=min([now + _lifetime(client, scopes, profile), *map(chains.end, proving)]),
        pid=assertion.pid,
        evidence="" if asked is None else asked.line,
        suppliers=chains.suppliers(proving[0]) if proving else (),
        status_index=chains.status_index(proving),
    )


def _require_active(facts: Facts, orgno: str) -> None:
    organisation = facts.get(Ref("organisation", orgno))
    if not isinstance(organisation, Organisation) or not organisation.active:
        raise Refusal(Reason.ORGANISATION_DISABLED, value=orgno)


def _registered_scope(client: Client, name: str, facts: Facts) -> Scope:
    """Find a requested scope on the client, and every owner above it alive."""
    scope = facts.get(Ref("scope", name)) if name in client.scopes else None
    if not isinstance(scope, Scope):
        raise Refusal(Reason.SCOPE_NOT_ON_CLIENT, detail=name)
    prefix = facts.get(Ref("prefix", scope.prefix))
    if not scope.active or not isinstance(prefix, Prefix) or not prefix.active:
        raise Refusal(Reason.SCOPE_DISABLED, value=name)
    _require_active(facts, scope.owner_orgno)
    if scope.allowed_integration_types and client.integration_type not in scope.allowed_integration_types:
        raise Refusal(Reason.SCOPE_INTEGRATION, detail=name)
    return scope


def _parties(client: Client, assertion: SignedAssertion) -> tuple[str | None, str]:
    """Tell supplier and consumer: the client's organisation is the one unless it says it acts for another."""
    if assertion.consumer_org is None:
        return None, client.orgno
    if assertion.consumer_org == client.orgno:
        raise Refusal(Reason.CONSUMER_IS_SELF)
    return client.orgno, assertion.consumer_org


def _source(scopes: list[Scope], issuer: str, evidence: Evidence | None) -> str:
    """Name the one register that proves the delegation of all these scopes: ours, or the one that has answered."""
    named = [scope.delegation_source or _refuse_delegation(scope) for scope in scopes]
    if len(set(named)) > 1:
        raise Refusal(Reason.SOURCES_MIXED)
    if named[0] != issuer and (evidence is None or evidence.source != named[0]):
        _refuse_delegation(scopes[0])
    return named[0]


def _refuse_delegation(scope: Scope) -> NoReturn:
    raise Refusal(Reason.NOT_DELEGABLE, value=scope.name)


def _require_access(scope: Scope, consumer: str, facts: Facts) -> None:
    access = facts.get(Ref("access", scope.name, consumer))
    granted = isinstance(access, ScopeAccess) and access.state == "APPROVED"
    if not granted and not scope.accessible_for_all:
        raise Refusal(Reason.ACCESS, value=scope.name, detail=consumer)


def _proving(
    scopes: list[Scope], consumer: str, supplier: str | None, facts: Facts, now: int, *, asked: Evidence | None
) -> list[Chain]:
    """Find our delegations of these scopes; there are none of a client for itself, or of another register's."""
    if supplier is None:
        return []
    if asked is not None:
        _require_proof(scopes, consumer, supplier, asked)
        return []
    return chains.covering(scopes, consumer, supplier, facts, now)


def _require_proof(scopes: list[Scope], consumer: str, supplier: str, evidence: Evidence) -> None:
    """Another authority's register must have said of every scope, and of these two, that it is delegated.

    To whom a scope may be delegated at all is its owner's to say here, whoever keeps the delegation.
    """
    parties = evidence.consumer_orgno, evidence.supplier_orgno
    for scope in scopes:
        listed = not scope.delegation_suppliers or supplier in scope.delegation_suppliers
        if not listed or parties != (consumer, supplier) or scope.name not in evidence.delegated:
            sentence = chains.not_delegated(scope, consumer, supplier)
            raise Refusal(Reason.DELEGATION, value=sentence, detail=f"{sentence}; {evidence.line}")


def _ids(evidence: Evidence | None) -> tuple[str, ...]:
    found = () if evidence is None else evidence.delegated.values()
    return tuple(dict.fromkeys(one for ids in found for one in ids))


def _token_profile(assertion: SignedAssertion, scopes: list[Scope]) -> TokenProfile:
    names = {scope.token_profile or assertion.profile.name for scope in scopes}
    if len(names) > 1:
        raise Refusal(Reason.SCOPES_MIXED, detail="token profiles")
    return TOKEN_PROFILES[names.pop()]


def _lifetime(client: Client, scopes: list[Scope], profile: TokenProfile) -> int:
    """Seconds: what the client wishes, else the shortest life of any of the scopes; never above a scope's cap."""
    caps = [scope.max_age for scope in scopes if scope.max_age > 0]
    # A scope that says nothing has the profile's life, also when it stands beside one that allows more.
    shortest = min(scope.max_age or profile.life for scope in scopes)
    return min([client.token_lifetime or shortest, *caps, TOKEN_LIFE_CEILING])
