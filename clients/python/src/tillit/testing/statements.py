"""A light authority's word on delegations: signed statements."""

from __future__ import annotations

import uuid

from tillit.core.statement import STATEMENT_TYPE
from tillit.errors import ConfigError
from tillit.testing import status_lists
from tillit.testing.granting import organisation
from tillit.testing.keys import SigningKeys
from tillit.testing.registry import Registry


def sign(registry: Registry, keys: SigningKeys, delegation_id: str, issuer: str, now: int) -> str:
    """State a delegation that is active or suspended, and where its status is read. Raises ConfigError for another."""
    one = registry.delegations.get(delegation_id)
    if one is None or one.status == "revoked" or one.valid_to <= now:
        raise ConfigError("there is no such delegation in force")
    claims = {
        "iss": issuer,
        "sub": one.id,
        "iat": now,
        "jti": str(uuid.uuid4()),
        "nbf": one.valid_from,
        "exp": one.valid_to,
        "delegation": {
            "id": one.id,
            "consumer": organisation(one.consumer),
            "supplier": organisation(one.supplier),
            "giver": organisation(one.consumer),
            "scope": " ".join(sorted(one.scopes)),
            "depth": 0,
        },
        "status": status_lists.reference(registry, one.id, issuer),
    }
    return keys.current(keys.preferred).jwt(claims, {"typ": STATEMENT_TYPE})
