"""What running nodes write: decisions, spent assertions, and that they are there."""

from __future__ import annotations

from sqlalchemy import Column, Index, PrimaryKeyConstraint, Table, Text

from authserver.storage.schema.base import metadata, one_of, text, time

# No foreign keys below: the record outlives what it tells of, and the token path pays for none.
decisions = Table(
    "decisions",
    metadata,
    Column("trace_id", Text, primary_key=True),
    time("at"),
    time("epoch"),
    *map(text, ("node", "outcome", "client_id", "client_orgno", "consumer_orgno", "supplier_orgno", "scopes")),
    text("audience"),
    text("delegation_id"),
    text("profile"),
    text("kid"),
    text("assertion_id"),
    text("code"),
    text("reason"),
    text("detail"),
    text("token_jti"),
    text("token_sha256"),
    time("token_expires_at"),
    text("signing_kid"),
    one_of("outcome", "issued", "refused"),
    Index(None, "client_id", "at"),
    Index(None, "consumer_orgno", "at"),
    Index(None, "supplier_orgno", "at"),
    Index(None, "at"),
)

spent_assertions = Table(
    "spent_assertions",
    metadata,
    text("issuer"),
    text("assertion_id"),
    time("remember_until"),
    PrimaryKeyConstraint("issuer", "assertion_id"),
    Index(None, "remember_until"),
)

nodes = Table(
    "nodes", metadata, Column("node", Text, primary_key=True), text("version"), time("epoch"), time("seen_at")
)
