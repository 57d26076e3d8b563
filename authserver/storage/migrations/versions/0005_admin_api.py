"""What the admin API remembers: answers to creates by their Idempotency-Key, and the secret that signs its cursors.

Revision 0005. Expands only: a program of revision 0004 neither reads nor writes what is new here.
"""

from secrets import token_hex

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "idempotent_answers",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("caller", "key", "request")),
        sa.Column("status", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("headers", "body")),
        sa.Column("until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("caller", "key", name=op.f("pk_idempotent_answers")),
    )
    op.create_index(op.f("ix_idempotent_answers_until"), "idempotent_answers", ["until"])
    installation = op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cursor_secret", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.bulk_insert(installation, [{"id": 1, "cursor_secret": token_hex(32)}])


def downgrade() -> None:
    op.drop_table("installation")
    op.drop_table("idempotent_answers")
