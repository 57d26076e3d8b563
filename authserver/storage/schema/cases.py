"""What was asked of owners and of the operator."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table, Text

from authserver.storage.schema.base import metadata, one_of, reference, text, time

access_requests = Table(
    "access_requests",
    metadata,
    Column("id", Text, primary_key=True),
    reference("scope", "scopes.name"),
    reference("consumer_orgno", "organisations.orgno"),
    text("purpose"),
    text("legal_basis"),
    text("state"),
    time("asked_at"),
    time("decided_at"),
    text("answer"),
    Column("by_rule", Boolean, nullable=False),
    one_of("state", "REQUESTED", "APPROVED", "DENIED", "WITHDRAWN"),
    Index(None, "consumer_orgno", "id"),
    Index(None, "scope", "consumer_orgno"),
)

prefix_requests = Table(
    "prefix_requests",
    metadata,
    Column("id", Text, primary_key=True),
    text("prefix"),
    reference("orgno", "organisations.orgno"),
    text("purpose"),
    text("state"),
    time("asked_at"),
    time("decided_at"),
    text("answer"),
    one_of("state", "REQUESTED", "APPROVED", "DENIED", "WITHDRAWN"),
    Index(None, "orgno", "id"),
    Index(None, "state", "id"),
)
