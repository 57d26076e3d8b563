"""The delegation registry: steps and hops of delegations, terms of their scopes, packages, registers elsewhere.

Revision 0007. Expands only: a program of revision 0006 fills no new column and reads no new table. What it does not
know of a delegation, that it was handed on or declined, is in `stage`; to that program it is out of force.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_KINDS = (
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
)
_TEXTS = (("purpose", ""), ("proposed_by", ""), ("awaits", "[]"), ("steps", "[]"))
_NULLABLE = ("stage", "package", "parent_id", "delegator_orgno")


def upgrade() -> None:
    for name in _NULLABLE:
        op.add_column("delegations", sa.Column(name, sa.Text()))
    for name, default in _TEXTS:
        op.add_column("delegations", sa.Column(name, sa.Text(), nullable=False, server_default=default))
    op.add_column("delegations", sa.Column("depth", sa.Integer(), nullable=False, server_default="0"))
    op.add_column("delegations", sa.Column("status_index", sa.BigInteger()))
    op.create_index(op.f("ix_delegations_delegator_orgno_id"), "delegations", ["delegator_orgno", "id"])
    op.create_index(op.f("ix_delegations_parent_id"), "delegations", ["parent_id"])
    op.create_index(op.f("ix_delegations_status_index"), "delegations", ["status_index"], unique=True)
    op.add_column("scopes", sa.Column("delegation_max_life", sa.BigInteger(), nullable=False, server_default="0"))
    op.add_column("scopes", sa.Column("delegation_consent", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("scopes", sa.Column("delegation_suppliers", sa.Text(), nullable=False, server_default="[]"))
    # A constraint of the column's own: on SQLite any other needs a new table, and too much refers to this one.
    op.execute(
        "ALTER TABLE scopes ADD COLUMN redelegation_depth INTEGER DEFAULT '0' NOT NULL"
        " CONSTRAINT ck_scopes_redelegation_depth CHECK (redelegation_depth BETWEEN 0 AND 3)"
    )
    _tables()
    _allow((*_KINDS, "package", "delegation_source"))


def downgrade() -> None:
    _allow(_KINDS)
    op.drop_table("delegation_sources")
    op.drop_table("packages")
    for column in ("redelegation_depth", "delegation_suppliers", "delegation_consent", "delegation_max_life"):
        op.drop_column("scopes", column)
    for index in ("status_index", "parent_id", "delegator_orgno_id"):
        op.drop_index(op.f(f"ix_delegations_{index}"), "delegations")
    for column in ("status_index", "depth", *(name for name, _ in _TEXTS), *_NULLABLE):
        op.drop_column("delegations", column)


def _tables() -> None:
    op.create_table(
        "packages",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("name", "owner_orgno", "title", "scopes")),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_packages")),
        sa.ForeignKeyConstraint(["owner_orgno"], ["organisations.orgno"], name=op.f("fk_packages_owner_orgno")),
    )
    op.create_index(op.f("ix_packages_owner_orgno_name"), "packages", ["owner_orgno", "name"])
    op.create_table(
        "delegation_sources",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("issuer", "name", "lookup_url", "token_scope")),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", name=op.f("pk_delegation_sources")),
    )


def _allow(kinds: tuple[str, ...]) -> None:
    """Say anew what the change log may tell of."""
    with op.batch_alter_table("registry_changes") as table:
        table.drop_constraint(op.f("ck_registry_changes_kind"), type_="check")
        table.create_check_constraint(op.f("ck_registry_changes_kind"), f"kind IN ({', '.join(map(repr, kinds))})")
