"""What delegations are proved with: the consents of those who gave them, and a short way to those out of force."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from authserver.storage.schema.base import metadata, text, time
from authserver.storage.schema.registry import delegations

# The key is repeated, for the client may drop it later; what it signed then stays signed.
delegation_consents = Table(
    "delegation_consents",
    metadata,
    Column("delegation_id", Text, ForeignKey("delegations.id"), primary_key=True),
    text("client_id"),
    text("kid"),
    text("thumbprint"),
    text("alg"),
    text("jwk"),
    text("signature"),
    time("at"),
)

# A status list names only what is not simply in force; what was handed on never is, in the column `status`.
Index(
    "ix_delegations_out_of_force",
    delegations.c.status_index,
    postgresql_where=delegations.c.status != "active",
    sqlite_where=delegations.c.status != "active",
)
