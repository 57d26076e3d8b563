"""The tables, once, for SQLite and PostgreSQL alike."""

# Rows never leave the room storage/. Times are BIGINT seconds since the Unix epoch. Lists and free-form members are
# JSON in TEXT, so that what was written is what is read, byte for byte. The database refuses by itself what must never
# be true.

from __future__ import annotations

from authserver.storage.schema.base import metadata
from authserver.storage.schema.cases import access_requests, prefix_requests
from authserver.storage.schema.changes import compatibility, policy_epoch, registry_changes
from authserver.storage.schema.evidence import delegation_consents
from authserver.storage.schema.registry import (
    client_keys,
    client_scopes,
    clients,
    delegation_scopes,
    delegation_sources,
    delegations,
    organisations,
    packages,
    prefixes,
    scope_access,
    scopes,
)
from authserver.storage.schema.running import decisions, nodes, spent_assertions
from authserver.storage.schema.webhooks import leases, webhook_dead_letters, webhook_progress, webhooks

__all__ = [
    "access_requests",
    "client_keys",
    "client_scopes",
    "clients",
    "compatibility",
    "decisions",
    "delegation_consents",
    "delegation_scopes",
    "delegation_sources",
    "delegations",
    "leases",
    "metadata",
    "nodes",
    "organisations",
    "packages",
    "policy_epoch",
    "prefix_requests",
    "prefixes",
    "registry_changes",
    "scope_access",
    "scopes",
    "spent_assertions",
    "webhook_dead_letters",
    "webhook_progress",
    "webhooks",
]
