"""The statement of a delegation: what we sign about it, and the digest of it that whoever gave it signs too.

Nothing that an API might look for in an access token stands at the top of a statement: a validator that forgets to look
at `typ` finds no `scope`, no `consumer` and no `client_id` in it (RFC 8725 §3.12).
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from authserver.oauth import status_list
from authserver.oauth.errors import Reason, Refusal
from authserver.oauth.models import Delegation
from authserver.oauth.orgno import iso6523

TYP: Final = "delegation+jwt"
_TERMS: Final = ("delegation", "exp", "iss", "nbf")


@dataclass(frozen=True, slots=True)
class ConsentKey:
    """The registered key that whoever gave the delegation signed it with, as we saw it then (`at`, seconds)."""

    client_id: str
    kid: str
    thumbprint: str
    at: int


def giver(delegation: Delegation) -> str:
    """Return the organisation that gave the delegation: its consumer, or the supplier that passed it on."""
    return delegation.delegator_orgno or delegation.consumer_orgno


def claims(
    delegation: Delegation, issuer: str, now: int, jti: str, consent: ConsentKey | None = None
) -> dict[str, Any]:
    """State a delegation that is active or suspended; which of the two, and whether it still is, the status list says.

    Raises Refusal CONFLICT for any other: nothing can be proved with it.
    """
    require_in_force(delegation, now)
    if delegation.status_index is None:
        raise Refusal(Reason.CONFLICT, value=f"The delegation {delegation.id} has no place in a status list")
    stated: dict[str, Any] = {
        **terms(delegation, issuer),
        "sub": delegation.id,
        "iat": now,
        "jti": jti,
        "status": status_list.reference(issuer, delegation.status_index),
    }
    if consent is not None:
        key = {"client_id": consent.client_id, "kid": consent.kid, "jkt": consent.thumbprint, "at": consent.at}
        stated["consent"] = key
    return stated


def require_in_force(delegation: Delegation, now: int) -> None:
    """Raises Refusal CONFLICT unless it is active or suspended, and lasts."""
    if delegation.status not in ("active", "suspended"):
        raise Refusal(Reason.CONFLICT, value=f"The delegation {delegation.id} is {delegation.status}")
    if delegation.valid_to <= now:
        raise Refusal(Reason.CONFLICT, value=f"The delegation {delegation.id} has expired")


def terms(delegation: Delegation, issuer: str) -> dict[str, Any]:
    """Return what never changes about a delegation: the part of a statement that a consent is about."""
    optional = {"parent": delegation.parent_id, "package": delegation.package, "purpose": delegation.purpose}
    return {
        "iss": issuer,
        "nbf": delegation.valid_from,
        "exp": delegation.valid_to,
        "delegation": {
            "id": delegation.id,
            "consumer": iso6523(delegation.consumer_orgno),
            "supplier": iso6523(delegation.supplier_orgno),
            "giver": iso6523(giver(delegation)),
            "scope": " ".join(sorted(delegation.scopes)),
            "depth": delegation.depth,
            **{name: value for name, value in optional.items() if value},
        },
    }


def digest(stated: Mapping[str, Any]) -> str:
    """Return the base64url SHA-256 over the terms in a statement, in the canonical JSON of RFC 8785.

    With texts and small integers only, that is sorted members without white space, in UTF-8.
    """
    chosen = {name: stated[name] for name in _TERMS if name in stated}
    canonical = json.dumps(chosen, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return urlsafe_b64encode(sha256(canonical.encode("utf-8")).digest()).rstrip(b"=").decode("ascii")
