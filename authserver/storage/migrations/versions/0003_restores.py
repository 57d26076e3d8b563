"""What a restore leaves behind: its row in the change log, a pause of issuance, and how old a program may be.

Revision 0003. Expands only: a program of revision 0002 neither reads nor writes what is new here.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KINDS = ("organisation", "prefix", "scope", "access", "client", "delegations")
_ACTIONS = ("created", "changed")


def upgrade() -> None:
    op.add_column("policy_epoch", sa.Column("paused_until", sa.BigInteger(), nullable=False, server_default="0"))
    op.create_table(
        "compatibility",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("oldest_revision", sa.Text(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_compatibility_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_compatibility")),
    )
    op.execute("INSERT INTO compatibility (id, oldest_revision) VALUES (1, '0001')")
    _allow((*_KINDS, "registry"), (*_ACTIONS, "restored"))


def downgrade() -> None:
    _allow(_KINDS, _ACTIONS)
    op.drop_table("compatibility")
    op.drop_column("policy_epoch", "paused_until")


def _allow(kinds: tuple[str, ...], actions: tuple[str, ...]) -> None:
    """Say anew what the change log may tell of."""
    with op.batch_alter_table("registry_changes") as table:
        for column, values in (("kind", kinds), ("action", actions)):
            name = op.f(f"ck_registry_changes_{column}")
            table.drop_constraint(name, type_="check")
            table.create_check_constraint(name, f"{column} IN ({', '.join(map(repr, values))})")
