"""The registry, its change log, the record of decisions, and the memory of spent assertions.

Revision 0001, the first.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _organisations_and_scopes()
    _clients()
    _delegations()
    _policy()
    _decisions()
    _spent_assertions()


def downgrade() -> None:
    for table in ("spent_assertions", "decisions", "registry_changes", "policy_epoch", "delegation_scopes"):
        op.drop_table(table)
    for table in ("delegations", "client_keys", "client_scopes", "clients"):
        op.drop_table(table)
    for table in ("scope_access", "scopes", "prefixes", "organisations"):
        op.drop_table(table)


def _organisations_and_scopes() -> None:
    op.create_table(
        "organisations",
        sa.Column("orgno", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint(
            "length(orgno) = 9 AND ltrim(orgno, '0123456789') = ''", name=op.f("ck_organisations_orgno")
        ),
        sa.PrimaryKeyConstraint("orgno", name=op.f("pk_organisations")),
    )
    op.create_table(
        "prefixes",
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("owner_orgno", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("prefix <> ''", name=op.f("ck_prefixes_prefix")),
        sa.ForeignKeyConstraint(["owner_orgno"], ["organisations.orgno"], name=op.f("fk_prefixes_owner_orgno")),
        sa.PrimaryKeyConstraint("prefix", name=op.f("pk_prefixes")),
    )
    op.create_table(
        "scopes",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False),
        sa.Column("owner_orgno", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("accessible_for_all", sa.Boolean(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=True),
        sa.Column("delegation_source", sa.Text(), nullable=True),
        sa.Column("max_age", sa.BigInteger(), nullable=False),
        sa.Column("token_profile", sa.Text(), nullable=True),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("allowed_integration_types", sa.Text(), nullable=False),
        sa.Column("attributes", sa.Text(), nullable=False),
        sa.CheckConstraint("substr(name, 1, length(prefix) + 1) = prefix || ':'", name=op.f("ck_scopes_name")),
        sa.CheckConstraint("max_age >= 0", name=op.f("ck_scopes_max_age")),
        sa.ForeignKeyConstraint(["owner_orgno"], ["organisations.orgno"], name=op.f("fk_scopes_owner_orgno")),
        sa.ForeignKeyConstraint(["prefix"], ["prefixes.prefix"], name=op.f("fk_scopes_prefix")),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_scopes")),
    )
    op.create_index(op.f("ix_scopes_prefix"), "scopes", ["prefix"])
    op.create_table(
        "scope_access",
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("consumer_orgno", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.CheckConstraint("state IN ('REQUESTED', 'APPROVED', 'DENIED')", name=op.f("ck_scope_access_state")),
        sa.ForeignKeyConstraint(
            ["consumer_orgno"], ["organisations.orgno"], name=op.f("fk_scope_access_consumer_orgno")
        ),
        sa.ForeignKeyConstraint(["scope"], ["scopes.name"], name=op.f("fk_scope_access_scope")),
        sa.PrimaryKeyConstraint("scope", "consumer_orgno", name=op.f("pk_scope_access")),
    )
    op.create_index(op.f("ix_scope_access_consumer_orgno"), "scope_access", ["consumer_orgno"])


def _clients() -> None:
    op.create_table(
        "clients",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("orgno", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=True),
        sa.Column("token_lifetime", sa.BigInteger(), nullable=False),
        sa.Column("integration_type", sa.Text(), nullable=False),
        sa.CheckConstraint("client_id <> ''", name=op.f("ck_clients_client_id")),
        sa.CheckConstraint("token_lifetime >= 0", name=op.f("ck_clients_token_lifetime")),
        sa.ForeignKeyConstraint(["orgno"], ["organisations.orgno"], name=op.f("fk_clients_orgno")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_clients")),
    )
    op.create_index(op.f("ix_clients_orgno"), "clients", ["orgno"])
    op.create_table(
        "client_scopes",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], name=op.f("fk_client_scopes_client_id")),
        sa.ForeignKeyConstraint(["scope"], ["scopes.name"], name=op.f("fk_client_scopes_scope")),
        sa.PrimaryKeyConstraint("client_id", "scope", name=op.f("pk_client_scopes")),
    )
    op.create_index(op.f("ix_client_scopes_scope"), "client_scopes", ["scope"])
    op.create_table(
        "client_keys",
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("alg", sa.Text(), nullable=False),
        sa.Column("jwk", sa.Text(), nullable=False),
        sa.Column("thumbprint", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.CheckConstraint("kid <> ''", name=op.f("ck_client_keys_kid")),
        sa.ForeignKeyConstraint(["client_id"], ["clients.client_id"], name=op.f("fk_client_keys_client_id")),
        sa.PrimaryKeyConstraint("client_id", "kid", name=op.f("pk_client_keys")),
    )
    op.create_index(op.f("ix_client_keys_thumbprint"), "client_keys", ["thumbprint"])


def _delegations() -> None:
    op.create_table(
        "delegations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("consumer_orgno", sa.Text(), nullable=False),
        sa.Column("supplier_orgno", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.BigInteger(), nullable=False),
        sa.Column("valid_to", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "status IN ('proposed', 'active', 'suspended', 'revoked')", name=op.f("ck_delegations_status")
        ),
        sa.CheckConstraint("consumer_orgno <> supplier_orgno", name=op.f("ck_delegations_parties")),
        sa.CheckConstraint("valid_from < valid_to", name=op.f("ck_delegations_validity")),
        sa.ForeignKeyConstraint(
            ["consumer_orgno"], ["organisations.orgno"], name=op.f("fk_delegations_consumer_orgno")
        ),
        sa.ForeignKeyConstraint(
            ["supplier_orgno"], ["organisations.orgno"], name=op.f("fk_delegations_supplier_orgno")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delegations")),
    )
    op.create_index(
        op.f("ix_delegations_consumer_orgno_supplier_orgno"), "delegations", ["consumer_orgno", "supplier_orgno"]
    )
    op.create_index(op.f("ix_delegations_supplier_orgno"), "delegations", ["supplier_orgno"])
    op.create_table(
        "delegation_scopes",
        sa.Column("delegation_id", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delegation_id"], ["delegations.id"], name=op.f("fk_delegation_scopes_delegation_id")),
        sa.ForeignKeyConstraint(["scope"], ["scopes.name"], name=op.f("fk_delegation_scopes_scope")),
        sa.PrimaryKeyConstraint("delegation_id", "scope", name=op.f("pk_delegation_scopes")),
    )
    op.create_index(op.f("ix_delegation_scopes_scope"), "delegation_scopes", ["scope"])


def _policy() -> None:
    op.create_table(
        "policy_epoch",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_policy_epoch_one_row")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_policy_epoch")),
    )
    op.create_table(
        "registry_changes",
        sa.Column("seq", _SERIAL, nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("other", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("actor_kind", sa.Text(), nullable=False),
        sa.Column("actor_orgno", sa.Text(), nullable=False),
        sa.Column("actor_client_id", sa.Text(), nullable=False),
        sa.Column("actor_person", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.Text(), nullable=True),
        sa.Column("after", sa.Text(), nullable=True),
        sa.CheckConstraint("action IN ('created', 'changed')", name=op.f("ck_registry_changes_action")),
        sa.CheckConstraint("actor_kind IN ('operator', 'organisation')", name=op.f("ck_registry_changes_actor_kind")),
        sa.CheckConstraint(
            "kind IN ('organisation', 'prefix', 'scope', 'access', 'client', 'delegations')",
            name=op.f("ck_registry_changes_kind"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_registry_changes")),
    )
    op.create_index(op.f("ix_registry_changes_epoch"), "registry_changes", ["epoch"])
    op.create_index(op.f("ix_registry_changes_kind_id_other"), "registry_changes", ["kind", "id", "other"])
    op.execute("INSERT INTO policy_epoch (id, epoch) VALUES (1, 0)")


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("trace_id", sa.Text(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("client_id", sa.Text(), nullable=False),
        sa.Column("client_orgno", sa.Text(), nullable=False),
        sa.Column("consumer_orgno", sa.Text(), nullable=False),
        sa.Column("supplier_orgno", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("audience", sa.Text(), nullable=False),
        sa.Column("delegation_id", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("assertion_id", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("token_jti", sa.Text(), nullable=False),
        sa.Column("token_sha256", sa.Text(), nullable=False),
        sa.Column("token_expires_at", sa.BigInteger(), nullable=False),
        sa.Column("signing_kid", sa.Text(), nullable=False),
        sa.CheckConstraint("outcome IN ('issued', 'refused')", name=op.f("ck_decisions_outcome")),
        sa.PrimaryKeyConstraint("trace_id", name=op.f("pk_decisions")),
    )
    op.create_index(op.f("ix_decisions_at"), "decisions", ["at"])
    op.create_index(op.f("ix_decisions_client_id_at"), "decisions", ["client_id", "at"])
    op.create_index(op.f("ix_decisions_consumer_orgno_at"), "decisions", ["consumer_orgno", "at"])
    op.create_index(op.f("ix_decisions_supplier_orgno_at"), "decisions", ["supplier_orgno", "at"])


def _spent_assertions() -> None:
    op.create_table(
        "spent_assertions",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("assertion_id", sa.Text(), nullable=False),
        sa.Column("remember_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("issuer", "assertion_id", name=op.f("pk_spent_assertions")),
    )
    op.create_index(op.f("ix_spent_assertions_remember_until"), "spent_assertions", ["remember_until"])
