"""Quotas: how much of each kind the operator lets an organisation have, null for the default.

Revision 0009. Expands only: a program of revision 0008 reads and fills no new column, and holds to the defaults.
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COLUMNS = ("most_clients", "most_scopes", "most_waiting", "most_webhooks")


def upgrade() -> None:
    for name in _COLUMNS:
        op.add_column("organisations", sa.Column(name, sa.BigInteger()))


def downgrade() -> None:
    for name in _COLUMNS:
        op.drop_column("organisations", name)
