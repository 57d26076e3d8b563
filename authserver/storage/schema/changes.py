"""How the registry came to be what it is: the policy epoch and the change log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Table, Text

from authserver.storage.schema.base import Serial, metadata, one_of, only_row, text, time

policy_epoch = Table(
    "policy_epoch",
    metadata,
    *only_row(),
    time("epoch"),
    Column("paused_until", BigInteger, nullable=False, server_default="0"),
)

compatibility = Table("compatibility", metadata, *only_row(), text("oldest_revision"))

registry_changes = Table(
    "registry_changes",
    metadata,
    Column("seq", Serial, primary_key=True),
    time("epoch"),
    text("kind"),
    text("id"),
    text("other"),
    text("action"),
    text("actor_kind"),
    text("actor_orgno"),
    text("actor_client_id"),
    text("actor_person"),
    time("at"),
    text("reason"),
    Column("before", Text),
    Column("after", Text),
    one_of(
        "kind",
        "organisation",
        "prefix",
        "scope",
        "access",
        "client",
        "delegations",
        "registry",
        "access_request",
        "prefix_request",
        "webhook",
        "package",
        "delegation_source",
    ),
    one_of("action", "created", "changed", "restored"),
    one_of("actor_kind", "operator", "organisation"),
    Index(None, "epoch"),
    Index(None, "kind", "id", "other"),
    Index(None, "kind", "other"),
)
