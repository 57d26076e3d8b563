"""Self-service: requests for access and prefixes, terms of scopes, webhooks, and the indexes of lists in pages.

Revision 0006. Expands only: a program of revision 0005 fills no new column, reads no new table, and drops from its
memory what the change log names by a kind that it does not know, of which it holds nothing.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_KINDS = ("organisation", "prefix", "scope", "access", "client", "delegations", "registry")
_STATES = "state IN ('REQUESTED', 'APPROVED', 'DENIED', 'WITHDRAWN')"
_NEW_INDEXES = (
    ("prefixes", ("owner_orgno", "prefix")),
    ("scopes", ("owner_orgno", "name")),
    ("scope_access", ("consumer_orgno", "scope")),
    ("clients", ("orgno", "client_id")),
    ("client_keys", ("expires_at",)),
    ("registry_changes", ("kind", "other")),
)
_REPLACED_INDEXES = (("scope_access", "consumer_orgno"), ("clients", "orgno"))


def upgrade() -> None:
    op.add_column("clients", sa.Column("extras", sa.Text(), nullable=False, server_default="{}"))
    # A constraint of the column's own: on SQLite any other needs a new table, and too much refers to this one.
    op.execute(
        "ALTER TABLE scopes ADD COLUMN approval TEXT DEFAULT 'owner' NOT NULL"
        " CONSTRAINT ck_scopes_approval CHECK (approval IN ('owner', 'listed', 'any'))"
    )
    op.add_column("scopes", sa.Column("approved_consumers", sa.Text(), nullable=False, server_default="[]"))
    op.add_column("scopes", sa.Column("review_at", sa.BigInteger()))
    op.add_column("scopes", sa.Column("contact", sa.Text()))
    _requests()
    _webhooks()
    _allow((*_KINDS, "access_request", "prefix_request", "webhook"))
    for name, columns in _NEW_INDEXES:
        op.create_index(op.f(f"ix_{name}_{'_'.join(columns)}"), name, list(columns))
    for name, column in _REPLACED_INDEXES:
        op.drop_index(op.f(f"ix_{name}_{column}"), name)


def downgrade() -> None:
    for name, column in _REPLACED_INDEXES:
        op.create_index(op.f(f"ix_{name}_{column}"), name, [column])
    for name, columns in _NEW_INDEXES:
        op.drop_index(op.f(f"ix_{name}_{'_'.join(columns)}"), name)
    _allow(_KINDS)
    for name in (
        "leases",
        "webhook_dead_letters",
        "webhook_progress",
        "webhooks",
        "prefix_requests",
        "access_requests",
    ):
        op.drop_table(name)
    for column in ("contact", "review_at", "approved_consumers", "approval"):
        op.drop_column("scopes", column)
    op.drop_column("clients", "extras")


def _requests() -> None:
    op.create_table(
        "access_requests",
        sa.Column("id", sa.Text(), nullable=False),
        *_texts("scope", "consumer_orgno", "purpose", "legal_basis", "state"),
        *_numbers("asked_at", "decided_at"),
        *_texts("answer"),
        sa.Column("by_rule", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_requests")),
        _reference("access_requests", "scope", "scopes.name"),
        _reference("access_requests", "consumer_orgno", "organisations.orgno"),
        sa.CheckConstraint(_STATES, name=op.f("ck_access_requests_state")),
    )
    op.create_index(op.f("ix_access_requests_consumer_orgno_id"), "access_requests", ["consumer_orgno", "id"])
    op.create_index(op.f("ix_access_requests_scope_consumer_orgno"), "access_requests", ["scope", "consumer_orgno"])
    op.create_table(
        "prefix_requests",
        sa.Column("id", sa.Text(), nullable=False),
        *_texts("prefix", "orgno", "purpose", "state"),
        *_numbers("asked_at", "decided_at"),
        *_texts("answer"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_prefix_requests")),
        _reference("prefix_requests", "orgno", "organisations.orgno"),
        sa.CheckConstraint(_STATES, name=op.f("ck_prefix_requests_state")),
    )
    op.create_index(op.f("ix_prefix_requests_orgno_id"), "prefix_requests", ["orgno", "id"])
    op.create_index(op.f("ix_prefix_requests_state_id"), "prefix_requests", ["state", "id"])


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        *_texts("id", "orgno", "url", "kinds"),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhooks")),
        _reference("webhooks", "orgno", "organisations.orgno"),
    )
    op.create_index(op.f("ix_webhooks_orgno_id"), "webhooks", ["orgno", "id"])
    op.create_table(
        "webhook_progress",
        *_texts("webhook_id", "secret"),
        *_numbers("seq"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        *_numbers("due_at"),
        *_texts("fault"),
        sa.PrimaryKeyConstraint("webhook_id", name=op.f("pk_webhook_progress")),
        _reference("webhook_progress", "webhook_id", "webhooks.id"),
    )
    op.create_index(op.f("ix_webhook_progress_due_at"), "webhook_progress", ["due_at"])
    op.create_table(
        "webhook_dead_letters",
        *_texts("webhook_id"),
        *_numbers("seq", "at"),
        *_texts("fault"),
        sa.PrimaryKeyConstraint("webhook_id", "seq", name=op.f("pk_webhook_dead_letters")),
        _reference("webhook_dead_letters", "webhook_id", "webhooks.id"),
    )
    op.create_table(
        "leases",
        *_texts("name", "holder"),
        *_numbers("until"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text(), nullable=False) for name in names]


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger(), nullable=False) for name in names]


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=op.f(f"fk_{table}_{column}_{target.partition('.')[0]}"))


def _allow(kinds: tuple[str, ...]) -> None:
    """Say anew what the change log may tell of."""
    with op.batch_alter_table("registry_changes") as table:
        table.drop_constraint(op.f("ck_registry_changes_kind"), type_="check")
        table.create_check_constraint(op.f("ck_registry_changes_kind"), f"kind IN ({', '.join(map(repr, kinds))})")
