"""The registry's own tables: organisations, prefixes, scopes, access, clients, keys, delegations."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    false,
)
from sqlalchemy import (
    text as literal,
)

from authserver.storage.schema.base import flag, metadata, one_of, reference, text, time

organisations = Table(
    "organisations",
    metadata,
    Column("orgno", Text, primary_key=True),
    text("name"),
    flag("active"),
    *(Column(name, BigInteger) for name in ("most_clients", "most_scopes", "most_waiting", "most_webhooks")),
    CheckConstraint("length(orgno) = 9 AND ltrim(orgno, '0123456789') = ''", name="orgno"),
)

prefixes = Table(
    "prefixes",
    metadata,
    Column("prefix", Text, primary_key=True),
    reference("owner_orgno", "organisations.orgno"),
    flag("active"),
    CheckConstraint("prefix <> ''", name="prefix"),
    Index(None, "owner_orgno", "prefix"),
)

scopes = Table(
    "scopes",
    metadata,
    Column("name", Text, primary_key=True),
    reference("prefix", "prefixes.prefix"),
    reference("owner_orgno", "organisations.orgno"),
    text("description"),
    flag("active"),
    flag("accessible_for_all"),
    Column("audience", Text),
    Column("delegation_source", Text),
    time("max_age"),
    Column("token_profile", Text),
    text("visibility"),
    text("allowed_integration_types"),
    text("attributes"),
    Column("approval", Text, nullable=False, server_default="owner"),
    Column("approved_consumers", Text, nullable=False, server_default="[]"),
    Column("review_at", BigInteger),
    Column("contact", Text),
    Column("delegation_max_life", BigInteger, nullable=False, server_default="0"),
    Column("delegation_consent", Boolean, nullable=False, server_default=false()),
    Column("delegation_suppliers", Text, nullable=False, server_default="[]"),
    Column("redelegation_depth", Integer, nullable=False, server_default="0"),
    CheckConstraint("substr(name, 1, length(prefix) + 1) = prefix || ':'", name="name"),
    CheckConstraint("max_age >= 0", name="max_age"),
    one_of("approval", "owner", "listed", "any"),
    CheckConstraint("redelegation_depth BETWEEN 0 AND 3", name="redelegation_depth"),
    Index(None, "prefix"),
    Index(None, "owner_orgno", "name"),
)

scope_access = Table(
    "scope_access",
    metadata,
    reference("scope", "scopes.name"),
    reference("consumer_orgno", "organisations.orgno"),
    text("state"),
    PrimaryKeyConstraint("scope", "consumer_orgno"),
    one_of("state", "REQUESTED", "APPROVED", "DENIED"),
    Index(None, "consumer_orgno", "scope"),
)

clients = Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True),
    reference("orgno", "organisations.orgno"),
    text("name"),
    flag("active"),
    Column("profile", Text),
    time("token_lifetime"),
    text("integration_type"),
    Column("extras", Text, nullable=False, server_default="{}"),
    CheckConstraint("client_id <> ''", name="client_id"),
    CheckConstraint("token_lifetime >= 0", name="token_lifetime"),
    Index(None, "orgno", "client_id"),
)

client_scopes = Table(
    "client_scopes",
    metadata,
    reference("client_id", "clients.client_id"),
    reference("scope", "scopes.name"),
    PrimaryKeyConstraint("client_id", "scope"),
    Index(None, "scope"),
)

client_keys = Table(
    "client_keys",
    metadata,
    reference("client_id", "clients.client_id"),
    text("kid"),
    text("alg"),
    text("jwk"),
    text("thumbprint"),
    time("expires_at"),
    flag("active"),
    PrimaryKeyConstraint("client_id", "kid"),
    CheckConstraint("kid <> ''", name="kid"),
    Index(None, "thumbprint"),
    Index(None, "expires_at"),
)

delegations = Table(
    "delegations",
    metadata,
    Column("id", Text, primary_key=True),
    reference("consumer_orgno", "organisations.orgno"),
    reference("supplier_orgno", "organisations.orgno"),
    time("valid_from"),
    time("valid_to"),
    text("status"),
    # Where it is given, the status; then `status` says what programs that do not know it must take it for.
    Column("stage", Text),
    Column("purpose", Text, nullable=False, server_default=literal("''")),
    Column("package", Text),
    Column("parent_id", Text),
    Column("delegator_orgno", Text),
    Column("depth", Integer, nullable=False, server_default="0"),
    Column("status_index", BigInteger),
    Column("proposed_by", Text, nullable=False, server_default=literal("''")),
    Column("awaits", Text, nullable=False, server_default="[]"),
    Column("steps", Text, nullable=False, server_default="[]"),
    CheckConstraint("consumer_orgno <> supplier_orgno", name="parties"),
    CheckConstraint("valid_from < valid_to", name="validity"),
    one_of("status", "proposed", "active", "suspended", "revoked"),
    Index(None, "consumer_orgno", "supplier_orgno"),
    # Some suppliers hold delegations by the hundred thousand; their lists are read in pages by id.
    Index(None, "supplier_orgno", "id"),
    Index(None, "delegator_orgno", "id"),
    Index(None, "parent_id"),
    Index(None, "status_index", unique=True),
)

delegation_scopes = Table(
    "delegation_scopes",
    metadata,
    reference("delegation_id", "delegations.id"),
    reference("scope", "scopes.name"),
    PrimaryKeyConstraint("delegation_id", "scope"),
    Index(None, "scope"),
)

packages = Table(
    "packages",
    metadata,
    Column("name", Text, primary_key=True),
    reference("owner_orgno", "organisations.orgno"),
    text("title"),
    text("scopes"),
    flag("active"),
    Index(None, "owner_orgno", "name"),
)

delegation_sources = Table(
    "delegation_sources",
    metadata,
    Column("issuer", Text, primary_key=True),
    text("name"),
    text("lookup_url"),
    text("token_scope"),
    flag("active"),
)
