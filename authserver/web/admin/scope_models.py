"""Scopes, access to them and prefixes as the compatible API writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from authserver.oauth.models import Prefix, Scope, ScopeAccess
from authserver.registry import scope_records
from authserver.registry.scope_records import ScopeRecord
from authserver.registry.text import invalid
from authserver.web.admin.client_models import IntegrationType
from authserver.web.admin.documents import Changed, stamps

Visibility = Literal["PUBLIC", "PRIVATE", "INTERNAL"]
State = Literal["REQUESTED", "APPROVED", "DENIED"]
# What the tools send back that is the authority's to say, or belongs to another resource.
_READ_ONLY: Final = frozenset({"created", "last_updated", "owner_orgno", "integration_type", "name"})


class ScopeBody(BaseModel):
    """What may be said of a scope; members that are not named here are kept as they are and grant nothing."""

    model_config = ConfigDict(extra="allow")
    prefix: str | None = None
    subscope: str | None = None
    description: str | None = None
    long_description: str | None = None
    active: bool | None = None
    allowed_integration_types: list[IntegrationType] | None = None
    token_type: Literal["SELF_CONTAINED", "OPAQUE"] | None = None
    visibility: Visibility | None = None
    accessible_for_all: bool | None = None
    delegation_source: str | None = None
    at_max_age: int | None = None
    authorization_max_lifetime: int | None = None
    requires_user_consent: bool | None = None
    requires_user_authentication: bool | None = None
    requires_pseudonymous_tokens: bool | None = None
    enforced_aud_for_access_token: str | None = None


class ScopeResponse(BaseModel):
    """One scope; members that were given beyond these are returned too."""

    model_config = ConfigDict(extra="allow")
    name: str
    prefix: str
    subscope: str
    description: str
    long_description: str | None = None
    active: bool
    allowed_integration_types: list[str]
    owner_orgno: str
    token_type: str = "SELF_CONTAINED"
    visibility: Visibility
    accessible_for_all: bool
    delegation_source: str | None
    at_max_age: int
    authorization_max_lifetime: int = 0
    requires_user_consent: bool = False
    requires_user_authentication: bool = False
    requires_pseudonymous_tokens: bool = False
    created: str | None
    last_updated: str | None


class AccessResponse(BaseModel):
    """The owner's answer to whether a consumer may have a scope."""

    scope: str
    owner_orgno: str
    owner_organization_name: str | None
    consumer_orgno: str
    consumer_organization_name: str | None
    state: State
    created: str | None
    last_updated: str | None


class PrefixResponse(BaseModel):
    """A namespace of scopes and whose it is."""

    prefix: str
    owner_orgno: str
    organization_name: str | None
    active: bool
    created: str | None
    last_updated: str | None


def record_of(body: ScopeBody, owner_orgno: str, name: str | None = None) -> ScopeRecord:
    """Read what is said of a scope; without `name` it is that of prefix and subscope. Raises Refusal INVALID."""
    said = {member: value for member, value in body.model_dump(exclude_none=True).items() if member not in _READ_ONLY}
    named = f"{said.pop('prefix', '')}:{said.pop('subscope', '')}"
    if name is not None and named not in (":", name, f"{name.partition(':')[0]}:", f":{name.partition(':')[2]}"):
        raise invalid("A scope never changes its prefix and subscope")
    return scope_records.parse({**said, "name": name or named, "owner_orgno": owner_orgno})


def scope(found: Scope, times: Mapping[Any, Changed]) -> ScopeResponse:
    """Write a scope."""
    said: dict[str, Any] = {
        **found.attributes,
        "name": found.name,
        "prefix": found.prefix,
        "subscope": found.name.partition(":")[2],
        "description": found.description,
        "active": found.active,
        "allowed_integration_types": list(found.allowed_integration_types),
        "owner_orgno": found.owner_orgno,
        "visibility": found.visibility,
        "accessible_for_all": found.accessible_for_all,
        "delegation_source": found.delegation_source,
        **stamps(times, found.ref),
    }
    # Kept as it was said when it is more than a token of ours ever lives.
    said.setdefault("at_max_age", found.max_age)
    return ScopeResponse(**said)


def access(found: ScopeAccess, owner: str, names: Mapping[str, str], times: Mapping[Any, Changed]) -> AccessResponse:
    """Write an access."""
    said: dict[str, Any] = {
        "scope": found.scope,
        "owner_orgno": owner,
        "owner_organization_name": names.get(owner),
        "consumer_orgno": found.consumer_orgno,
        "consumer_organization_name": names.get(found.consumer_orgno),
        "state": found.state,
        **stamps(times, found.ref),
    }
    return AccessResponse(**said)


def prefix(found: Prefix, names: Mapping[str, str], times: Mapping[Any, Changed]) -> PrefixResponse:
    """Write a prefix."""
    said: dict[str, Any] = {
        "prefix": found.prefix,
        "owner_orgno": found.owner_orgno,
        "organization_name": names.get(found.owner_orgno),
        "active": found.active,
        **stamps(times, found.ref),
    }
    return PrefixResponse(**said)
