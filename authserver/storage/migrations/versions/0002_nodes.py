"""The nodes that serve, each with the policy epoch it decides under.

Revision 0002. Expands only: a node of revision 0001 neither writes nor reads the table.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("version", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("node", name="pk_nodes"),
    )


def downgrade() -> None:
    op.drop_table("nodes")
