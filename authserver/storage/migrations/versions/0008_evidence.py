"""Consents to delegations by those who gave them, and the index that status lists are made from.

Revision 0008. Expands only: a program of revision 0007 neither fills nor reads the new table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_TEXTS = ("delegation_id", "client_id", "kid", "thumbprint", "alg", "jwk", "signature")


def upgrade() -> None:
    op.create_table(
        "delegation_consents",
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("delegation_id", name=op.f("pk_delegation_consents")),
        sa.ForeignKeyConstraint(
            ["delegation_id"], ["delegations.id"], name=op.f("fk_delegation_consents_delegation_id")
        ),
    )
    out_of_force = sa.text("status <> 'active'")
    op.create_index(
        "ix_delegations_out_of_force",
        "delegations",
        ["status_index"],
        postgresql_where=out_of_force,
        sqlite_where=out_of_force,
    )


def downgrade() -> None:
    op.drop_index("ix_delegations_out_of_force", "delegations")
    op.drop_table("delegation_consents")
