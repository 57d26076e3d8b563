"""What the owner of a scope demands of its delegations: how long, to whom, with whose consent, and how far."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from authserver.oauth.limits import DELEGATION_LIFE_CEILING
from authserver.oauth.models import Scope
from authserver.registry import text
from authserver.registry.organisations import number

MOST_HOPS: Final = 3
MOST_SUPPLIERS: Final = 1_000
TERMS: Final = frozenset(
    {
        "delegation_source",
        "delegation_max_life",
        "delegation_consent",
        "delegation_suppliers",
        "redelegation_depth",
    }
)


def checked(scope: Scope) -> Scope:
    """Return the scope if its terms for delegations may be kept, the suppliers sorted. Raises Refusal INVALID."""
    if not 0 <= scope.delegation_max_life <= DELEGATION_LIFE_CEILING:
        raise text.invalid(f"The longest life of a delegation is 0 (the ceiling) to {DELEGATION_LIFE_CEILING} seconds")
    if not 0 <= scope.redelegation_depth <= MOST_HOPS:
        raise text.invalid(f"A delegation is handed on 0 to {MOST_HOPS} times")
    if len(scope.delegation_suppliers) > MOST_SUPPLIERS:
        raise text.invalid(f"The list of suppliers names more than {MOST_SUPPLIERS}")
    return replace(scope, delegation_suppliers=tuple(sorted({number(orgno) for orgno in scope.delegation_suppliers})))
