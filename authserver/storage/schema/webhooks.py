"""Who is to be told of changes, and how far the telling has come."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, PrimaryKeyConstraint, Table, Text

from authserver.storage.schema.base import flag, metadata, reference, text, time

webhooks = Table(
    "webhooks",
    metadata,
    Column("id", Text, primary_key=True),
    reference("orgno", "organisations.orgno"),
    text("url"),
    text("kinds"),
    flag("active"),
    Index(None, "orgno", "id"),
)

# Apart from the record, which the change log repeats: the secret, and the last change told.
webhook_progress = Table(
    "webhook_progress",
    metadata,
    Column("webhook_id", Text, ForeignKey("webhooks.id"), primary_key=True),
    text("secret"),
    Column("seq", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    time("due_at"),
    text("fault"),
    Index(None, "due_at"),
)

# With `at` 0 a letter waits to be sent again.
webhook_dead_letters = Table(
    "webhook_dead_letters",
    metadata,
    reference("webhook_id", "webhooks.id"),
    Column("seq", BigInteger, nullable=False),
    time("at"),
    text("fault"),
    PrimaryKeyConstraint("webhook_id", "seq"),
)

leases = Table("leases", metadata, Column("name", Text, primary_key=True), text("holder"), time("until"))
