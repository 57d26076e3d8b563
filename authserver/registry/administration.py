"""The admin API's own scopes: who owns them, what they let a caller do, and whether a caller still may."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Client, Fact, Facts, Organisation, Prefix, Ref, Scope, ScopeAccess
from authserver.registry import rights, text
from authserver.registry.organisations import number
from authserver.registry.ports import Actor, Change, RegistryStore, Right
from authserver.registry.prefixes import name as prefix_name

OPERATOR: Final = "operator"
SUBSCOPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dcr.read": "Read the clients of one's own organisation.",
        "dcr.modify": "Change the keys of the clients of one's own organisation.",
        "dcr.write": "Register, change and deactivate clients and keys of one's own organisation.",
        "dcr.supplier": "Known to tools of suppliers. It lets nobody register anything: customers delegate instead.",
        "scopes.read": "Read the scopes of one's own organisation and who has access to them.",
        "scopes.write": "Define and change scopes of one's own organisation and who has access to them.",
        "delegations.read": "Read delegations that one's own organisation gave or holds.",
        "delegations.write": "Delegate scopes to a supplier, and revoke delegations.",
        OPERATOR: "Operate the authority: organisations, prefixes, and everything of every organisation.",
    }
)
_RIGHTS: Final[Mapping[str, Right]] = MappingProxyType(
    {
        "dcr.modify": "integrations",
        "dcr.write": "integrations",
        "scopes.write": "apis",
        "delegations.write": "delegations",
    }
)
# Whoever keeps clients asks for what they may have.
_CLIENTS: Final = frozenset({"client", "access", "access_request"})
_APIS: Final = frozenset({"prefix", "scope", "access", "access_request", "prefix_request", "package"})
_DELEGATIONS: Final = frozenset({"delegations", "package"})
# What of the change feed the readers of each part may read; what concerns the organisation itself, everybody may.
_KINDS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "dcr.read": _CLIENTS,
        "dcr.modify": _CLIENTS,
        "dcr.write": _CLIENTS,
        "scopes.read": _APIS,
        "scopes.write": _APIS,
        "delegations.read": _DELEGATIONS,
        "delegations.write": _DELEGATIONS,
    }
)
_COMMON_KINDS: Final = frozenset({"organisation", "webhook"})


@dataclass(frozen=True, slots=True)
class Presented:
    """What a verified access token says of its bearer: client, organisation number, scopes."""

    client_id: str
    orgno: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls the admin API: the actor of its changes, and the admin scopes that still stand, without prefix."""

    actor: Actor
    subscopes: frozenset[str]

    @property
    def kinds(self) -> frozenset[str] | None:
        """The kinds of records whose changes the caller may read; None for every kind."""
        if self.actor.kind == "operator":
            return None
        return _COMMON_KINDS.union(*(_KINDS.get(subscope, frozenset()) for subscope in self.subscopes))


@dataclass(frozen=True, slots=True)
class Administration:
    """The prefix of the admin scopes, and the organisation number of the operator, who must own it.

    `subscopes` says of each scope what it lets a caller do.
    """

    prefix: str
    operator_orgno: str
    subscopes: Mapping[str, str] = field(default_factory=lambda: SUBSCOPES)

    def facts_about(self, presented: Presented) -> list[Ref]:
        """Name the records that tell whether a caller still may do what its token says."""
        refs = [Ref("client", presented.client_id), Ref("organisation", presented.orgno), Ref("prefix", self.prefix)]
        for name in self._known(presented.scopes):
            refs += [Ref("scope", name), Ref("access", name, presented.orgno)]
        return refs

    def admit(self, presented: Presented, facts: Facts) -> Caller | None:
        """Return the caller as the registry sees it now; None if its client or organisation was deactivated.

        A scope counts only while it stands on the client, is granted, active, and owned by the operator.
        """
        client, own = facts[Ref("client", presented.client_id)], facts[Ref("organisation", presented.orgno)]
        if not (isinstance(client, Client) and client.active and client.orgno == presented.orgno):
            return None
        if not (isinstance(own, Organisation) and own.active):
            return None
        standing = [name for name in self._known(presented.scopes & client.scopes) if self._stands(name, own, facts)]
        subscopes = frozenset(name.partition(":")[2] for name in standing)
        rights = frozenset(_RIGHTS[subscope] for subscope in subscopes if subscope in _RIGHTS)
        operates = OPERATOR in subscopes and own.orgno == self.operator_orgno
        actor = Actor("operator" if operates else "organisation", own.orgno, client.client_id, rights=rights)
        return Caller(actor, frozenset(self.subscopes) if operates else subscopes - {OPERATOR})

    def _known(self, names: Collection[str]) -> list[str]:
        return [name for subscope in self.subscopes if (name := f"{self.prefix}:{subscope}") in names]

    def _stands(self, name: str, own: Organisation, facts: Facts) -> bool:
        prefix, scope, access = (
            facts[Ref("prefix", self.prefix)],
            facts[Ref("scope", name)],
            facts[Ref("access", name, own.orgno)],
        )
        return (
            isinstance(prefix, Prefix)
            and prefix.active
            and isinstance(scope, Scope)
            and scope.active
            and scope.owner_orgno == self.operator_orgno
            and (scope.accessible_for_all or _approved(access))
        )


def refuse_for_customers(caller: Caller, orgno: str) -> None:
    """Tell a supplier why no client is registered in a customer's name. Raises Refusal INVALID.

    The tokens of such a client would name the customer alone, and nobody could see who acts; and it would outlive the
    mandate by which it was made.
    """
    if (
        caller.actor.kind == "organisation"
        and "dcr.supplier" in caller.subscopes
        and orgno not in ("", caller.actor.orgno)
    ):
        raise text.invalid(
            "No client is registered in a customer's name; register one of your own organisation, "
            "and let the customer delegate the scope to it"
        )


async def establish(
    store: RegistryStore, actor: Actor, now: int, *, administration: Administration, name: str
) -> Collection[str]:
    """Register the operator's organisation, the admin prefix and its scopes, as far as they are missing.

    Returns the names of the scopes made. Raises Refusal CONFLICT if the prefix is somebody else's: whoever owns it
    would decide who operates the authority.
    """
    rights.operator(actor)
    orgno, prefix = number(administration.operator_orgno), prefix_name(administration.prefix)
    async with rights.change(store, actor, now, "the scopes of the admin API") as change:
        await _put_missing(change, Organisation(orgno, name))
        present = await _put_missing(change, Prefix(prefix, orgno))
        if isinstance(present, Prefix) and present.owner_orgno != orgno:
            raise Refusal(
                Reason.CONFLICT,
                value=f"The prefix {prefix} of these scopes belongs to {present.owner_orgno}; "
                "name its owner in AUTHSERVER_OPERATOR or another prefix in AUTHSERVER_ADMIN_PREFIX "
                "or AUTHSERVER_LOOKUP_PREFIX",
            )
        made = [await _define(change, prefix, orgno, *subscope) for subscope in administration.subscopes.items()]
    return [scope for scope in made if scope]


async def untouched(store: RegistryStore, administration: Administration) -> bool:
    """Tell whether the registry holds nothing beyond what `establish` makes."""
    known = {administration.operator_orgno}
    return {found.orgno for found in await store.organisations()} <= known and not await store.clients()


async def _define(change: Change, prefix: str, orgno: str, subscope: str, description: str) -> str:
    visibility = "INTERNAL" if subscope == OPERATOR else "PUBLIC"
    scope = Scope(f"{prefix}:{subscope}", prefix, orgno, description, visibility=visibility)
    return "" if await _put_missing(change, scope) else scope.name


async def _put_missing(change: Change, record: Organisation | Prefix | Scope) -> Fact:
    present = await change.get(record.ref)
    if present is None:
        await change.put(record)
    return present


def _approved(access: Fact) -> bool:
    return isinstance(access, ScopeAccess) and access.state == "APPROVED"
