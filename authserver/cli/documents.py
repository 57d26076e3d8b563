"""The registry's records as JSON documents, with the names that the public scope list and RFC 7517 use."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import Any

from authserver.oauth.feeds import ExpiringKey, LoggedChange
from authserver.oauth.models import (
    Case,
    Client,
    ClientKey,
    Delegation,
    DelegationSource,
    Organisation,
    Package,
    Prefix,
    Scope,
    ScopeAccess,
)
from authserver.registry import expiry

Document = dict[str, Any]


def organisation(record: Organisation) -> Document:
    """Show an organisation."""
    return {"orgno": record.orgno, "name": record.name, "active": record.active}


def prefix(record: Prefix) -> Document:
    """Show a prefix."""
    return {"prefix": record.prefix, "owner_orgno": record.owner_orgno, "active": record.active}


def scope(record: Scope) -> Document:
    """Show a scope as a record that `scope import` takes."""
    return {
        **record.attributes,
        "name": record.name,
        "prefix": record.prefix,
        "subscope": record.name.removeprefix(f"{record.prefix}:"),
        "description": record.description,
        "owner_orgno": record.owner_orgno,
        "active": record.active,
        "allowed_integration_types": list(record.allowed_integration_types),
        "visibility": record.visibility,
        "accessible_for_all": record.accessible_for_all,
        "delegation_source": record.delegation_source,
        "audience": record.audience,
        "token_profile": record.token_profile,
        "at_max_age": record.max_age,
        "approval": record.approval,
        "approved_consumers": list(record.approved_consumers),
        "review_at": record.review_at,
        "contact": record.contact,
        "delegation_max_life": record.delegation_max_life,
        "delegation_consent": record.delegation_consent,
        "delegation_suppliers": list(record.delegation_suppliers),
        "redelegation_depth": record.redelegation_depth,
    }


def access(record: ScopeAccess) -> Document:
    """Show a consumer's access to a scope."""
    return {"scope": record.scope, "consumer_orgno": record.consumer_orgno, "state": record.state}


def client(record: Client) -> Document:
    """Show a client with its scopes and keys."""
    return {
        "client_id": record.client_id,
        "orgno": record.orgno,
        "name": record.name,
        "active": record.active,
        "profile": record.profile,
        "token_lifetime": record.token_lifetime,
        "integration_type": record.integration_type,
        "extras": dict(record.extras),
        "scopes": sorted(record.scopes),
        "keys": [key(record.keys[kid]) for kid in sorted(record.keys)],
    }


def key(record: ClientKey) -> Document:
    """Show a client's key; the JWK is the public one."""
    return {
        "kid": record.kid,
        "alg": record.alg,
        "active": record.active,
        "expires_at": record.expires_at,
        "thumbprint": record.thumbprint,
        "jwk": json.loads(record.jwk),
    }


def delegation(record: Delegation) -> Document:
    """Show a delegation."""
    return {
        "id": record.id,
        "consumer_orgno": record.consumer_orgno,
        "supplier_orgno": record.supplier_orgno,
        "scopes": sorted(record.scopes),
        "valid_from": record.valid_from,
        "valid_to": record.valid_to,
        "status": record.status,
        "purpose": record.purpose,
        "package": record.package,
        "parent_id": record.parent_id,
        "delegator_orgno": record.delegator_orgno,
        "depth": record.depth,
        "proposed_by": record.proposed_by,
        "awaits": list(record.awaits),
        "steps": [asdict(step) for step in record.steps],
    }


def package(record: Package) -> Document:
    """Show a package."""
    return {**asdict(record), "scopes": sorted(record.scopes)}


def source(record: DelegationSource) -> Document:
    """Show another authority's register of delegations."""
    return asdict(record)


def case(record: Case) -> Document:
    """Show a request or a webhook."""
    shown = {field.name: getattr(record, field.name) for field in fields(record)}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in shown.items()}


def change(record: LoggedChange) -> Document:
    """Show a row of the change log; what was before and after as documents."""
    shown = {field.name: getattr(record, field.name) for field in fields(record)}
    return {
        **shown,
        **{name: None if (text := shown[name]) is None else json.loads(text) for name in ("before", "after")},
    }


def expiring_key(record: ExpiringKey, now: int) -> Document:
    """Show a key that will soon stop; `notice_days` is the shortest notice that it is within."""
    shown = {field.name: getattr(record, field.name) for field in fields(record)}
    return {**shown, "notice_days": expiry.notice(record, now)}
