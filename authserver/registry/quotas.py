"""Quotas: how much of each kind one organisation may have; the operator sets them, the organisation reads them.

Nothing is ever deleted, so what is deactivated counts too; of webhooks, the active ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Organisation, Ref
from authserver.registry import rights, text
from authserver.registry.ports import Actor, Change, Quota, RegistryStore

DEFAULTS: Final[Mapping[Quota, int]] = MappingProxyType(
    {"clients": 1_000, "scopes": 1_000, "waiting": 100, "webhooks": 10}
)
MOST: Final = 1_000_000
_WORDS: Final[Mapping[Quota, str]] = MappingProxyType(
    {"clients": "clients", "scopes": "scopes", "waiting": "requests that wait", "webhooks": "active webhooks"}
)


@dataclass(frozen=True, slots=True)
class Usage:
    """How many of a kind an organisation may have, whether the operator said so, and how many it has."""

    quota: Quota
    limit: int
    is_default: bool
    used: int


def limit(organisation: Organisation, quota: Quota) -> int:
    """Return how many of a kind the organisation may have."""
    said: int | None = getattr(organisation, f"most_{quota}")
    return DEFAULTS[quota] if said is None else said


async def admit(change: Change, organisation: Organisation, quota: Quota) -> None:
    """Let the organisation have one more. Raises Refusal CONFLICT when it has as many as it may."""
    most = limit(organisation, quota)
    if await change.count(quota, organisation.orgno) >= most:
        raise Refusal(
            Reason.CONFLICT,
            value=f"The organisation has {most} {_WORDS[quota]}, as many as it may; the operator can allow more",
        )


def applied(organisation: Organisation, said: Mapping[Quota, int | None]) -> Organisation:
    """Return the organisation with these limits; None means the default. Raises Refusal INVALID.

    Less than there is takes nothing away: it admits no more.
    """
    for quota, most in said.items():
        if most is not None and not 0 <= most <= MOST:
            raise text.invalid(f"The limit of {_WORDS[quota]} is not 0 to {MOST}")
    changes: dict[str, Any] = {f"most_{quota}": most for quota, most in said.items()}
    return replace(organisation, **changes)


async def read(store: RegistryStore, actor: Actor, *, orgno: str) -> Sequence[Usage]:
    """What an organisation may have and has, for itself or the operator. Raises Refusal NOT_FOUND."""
    rights.own(actor, "organisation", orgno)
    async with store.reading() as reader:
        found = await reader.get(Ref("organisation", orgno)) if text.fit(orgno) else None
        if not isinstance(found, Organisation):
            raise rights.unknown("organisation")
        return [
            Usage(quota, limit(found, quota), getattr(found, f"most_{quota}") is None, await reader.count(quota, orgno))
            for quota in DEFAULTS
        ]
