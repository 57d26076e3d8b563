"""An index for the pages of a supplier's delegations: some suppliers act for every organisation there is.

Revision 0004. The new index serves what the one it replaces did, so a program of revision 0003 notices nothing.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_delegations_supplier_orgno_id"), "delegations", ["supplier_orgno", "id"])
    op.drop_index(op.f("ix_delegations_supplier_orgno"), "delegations")


def downgrade() -> None:
    op.create_index(op.f("ix_delegations_supplier_orgno"), "delegations", ["supplier_orgno"])
    op.drop_index(op.f("ix_delegations_supplier_orgno_id"), "delegations")
