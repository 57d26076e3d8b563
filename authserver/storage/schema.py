"""The tables, once, for SQLite and PostgreSQL alike. Rows never leave this room.

Times are BIGINT seconds since the Unix epoch. Lists and free-form members are JSON in TEXT, so that what was written
is what is read, byte for byte. The database refuses by itself what must never be true.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite numbers rows by itself only in a column declared INTEGER.
_Serial = BigInteger().with_variant(Integer, "sqlite")


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _time(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


def _reference(name: str, target: str) -> Column[str]:
    return Column(name, Text, ForeignKey(target), nullable=False)


def _one_of(column: str, *values: str) -> CheckConstraint:
    return CheckConstraint(f"{column} IN ({', '.join(repr(value) for value in values)})", name=column)


def _only_row() -> tuple[Column[int], CheckConstraint]:
    return Column("id", Integer, primary_key=True, autoincrement=False), CheckConstraint("id = 1", name="one_row")


organisations = Table(
    "organisations",
    metadata,
    Column("orgno", Text, primary_key=True),
    _text("name"),
    _flag("active"),
    CheckConstraint("length(orgno) = 9 AND ltrim(orgno, '0123456789') = ''", name="orgno"),
)

prefixes = Table(
    "prefixes",
    metadata,
    Column("prefix", Text, primary_key=True),
    _reference("owner_orgno", "organisations.orgno"),
    _flag("active"),
    CheckConstraint("prefix <> ''", name="prefix"),
)

scopes = Table(
    "scopes",
    metadata,
    Column("name", Text, primary_key=True),
    _reference("prefix", "prefixes.prefix"),
    _reference("owner_orgno", "organisations.orgno"),
    _text("description"),
    _flag("active"),
    _flag("accessible_for_all"),
    Column("audience", Text),
    Column("delegation_source", Text),
    _time("max_age"),
    Column("token_profile", Text),
    _text("visibility"),
    _text("allowed_integration_types"),
    _text("attributes"),
    CheckConstraint("substr(name, 1, length(prefix) + 1) = prefix || ':'", name="name"),
    CheckConstraint("max_age >= 0", name="max_age"),
    Index(None, "prefix"),
)

scope_access = Table(
    "scope_access",
    metadata,
    _reference("scope", "scopes.name"),
    _reference("consumer_orgno", "organisations.orgno"),
    _text("state"),
    PrimaryKeyConstraint("scope", "consumer_orgno"),
    _one_of("state", "REQUESTED", "APPROVED", "DENIED"),
    Index(None, "consumer_orgno"),
)

clients = Table(
    "clients",
    metadata,
    Column("client_id", Text, primary_key=True),
    _reference("orgno", "organisations.orgno"),
    _text("name"),
    _flag("active"),
    Column("profile", Text),
    _time("token_lifetime"),
    _text("integration_type"),
    CheckConstraint("client_id <> ''", name="client_id"),
    CheckConstraint("token_lifetime >= 0", name="token_lifetime"),
    Index(None, "orgno"),
)

client_scopes = Table(
    "client_scopes",
    metadata,
    _reference("client_id", "clients.client_id"),
    _reference("scope", "scopes.name"),
    PrimaryKeyConstraint("client_id", "scope"),
    Index(None, "scope"),
)

client_keys = Table(
    "client_keys",
    metadata,
    _reference("client_id", "clients.client_id"),
    _text("kid"),
    _text("alg"),
    _text("jwk"),
    _text("thumbprint"),
    _time("expires_at"),
    _flag("active"),
    PrimaryKeyConstraint("client_id", "kid"),
    CheckConstraint("kid <> ''", name="kid"),
    Index(None, "thumbprint"),
)

delegations = Table(
    "delegations",
    metadata,
    Column("id", Text, primary_key=True),
    _reference("consumer_orgno", "organisations.orgno"),
    _reference("supplier_orgno", "organisations.orgno"),
    _time("valid_from"),
    _time("valid_to"),
    _text("status"),
    CheckConstraint("consumer_orgno <> supplier_orgno", name="parties"),
    CheckConstraint("valid_from < valid_to", name="validity"),
    _one_of("status", "proposed", "active", "suspended", "revoked"),
    Index(None, "consumer_orgno", "supplier_orgno"),
    # Some suppliers hold delegations by the hundred thousand; their lists are read in pages by id.
    Index(None, "supplier_orgno", "id"),
)

delegation_scopes = Table(
    "delegation_scopes",
    metadata,
    _reference("delegation_id", "delegations.id"),
    _reference("scope", "scopes.name"),
    PrimaryKeyConstraint("delegation_id", "scope"),
    Index(None, "scope"),
)

policy_epoch = Table(
    "policy_epoch",
    metadata,
    *_only_row(),
    _time("epoch"),
    Column("paused_until", BigInteger, nullable=False, server_default="0"),
)

compatibility = Table("compatibility", metadata, *_only_row(), _text("oldest_revision"))

registry_changes = Table(
    "registry_changes",
    metadata,
    Column("seq", _Serial, primary_key=True),
    _time("epoch"),
    _text("kind"),
    _text("id"),
    _text("other"),
    _text("action"),
    _text("actor_kind"),
    _text("actor_orgno"),
    _text("actor_client_id"),
    _text("actor_person"),
    _time("at"),
    _text("reason"),
    Column("before", Text),
    Column("after", Text),
    _one_of("kind", "organisation", "prefix", "scope", "access", "client", "delegations", "registry"),
    _one_of("action", "created", "changed", "restored"),
    _one_of("actor_kind", "operator", "organisation"),
    Index(None, "epoch"),
    Index(None, "kind", "id", "other"),
)

# No foreign keys below: the record outlives what it tells of, and the token path pays for none.
decisions = Table(
    "decisions",
    metadata,
    Column("trace_id", Text, primary_key=True),
    _time("at"),
    _time("epoch"),
    *map(_text, ("node", "outcome", "client_id", "client_orgno", "consumer_orgno", "supplier_orgno", "scopes")),
    _text("audience"),
    _text("delegation_id"),
    _text("profile"),
    _text("kid"),
    _text("assertion_id"),
    _text("code"),
    _text("reason"),
    _text("detail"),
    _text("token_jti"),
    _text("token_sha256"),
    _time("token_expires_at"),
    _text("signing_kid"),
    _one_of("outcome", "issued", "refused"),
    Index(None, "client_id", "at"),
    Index(None, "consumer_orgno", "at"),
    Index(None, "supplier_orgno", "at"),
    Index(None, "at"),
)

spent_assertions = Table(
    "spent_assertions",
    metadata,
    _text("issuer"),
    _text("assertion_id"),
    _time("remember_until"),
    PrimaryKeyConstraint("issuer", "assertion_id"),
    Index(None, "remember_until"),
)

nodes = Table(
    "nodes", metadata, Column("node", Text, primary_key=True), _text("version"), _time("epoch"), _time("seen_at")
)
