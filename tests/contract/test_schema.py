"""The schema: migrations make what the models say, and the database refuses what must never be true."""

import asyncio
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, Table, insert, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from authserver.storage import database as limits
from authserver.storage import migrations, schema
from authserver.storage.database import Database, open_database
from authserver.storage.migrations import current_revision, head_revision, migrate
from authserver.storage.registry_store import SqlRegistryStore
from tests.contract.registry import CONSUMER, NOW, OWNER, SUPPLIER, fill

pytestmark = pytest.mark.anyio

CHANGE = {
    "epoch": 1,
    "kind": "client",
    "id": "c",
    "other": "",
    "action": "created",
    "actor_kind": "operator",
    "actor_orgno": "",
    "actor_client_id": "",
    "actor_person": "",
    "at": NOW,
    "reason": "",
}
SCOPE = {
    "name": "tax:write",
    "prefix": "tax",
    "owner_orgno": OWNER,
    "description": "",
    "active": True,
    "accessible_for_all": False,
    "max_age": 0,
    "visibility": "PUBLIC",
    "allowed_integration_types": "[]",
    "attributes": "{}",
}
CLIENT = {
    "client_id": "c",
    "orgno": CONSUMER,
    "name": "",
    "active": True,
    "token_lifetime": 0,
    "integration_type": "maskinporten",
}
KEY = {
    "client_id": "client-1",
    "kid": "k2",
    "alg": "RS256",
    "jwk": "{}",
    "thumbprint": "t",
    "expires_at": NOW,
    "active": True,
}
DELEGATION = {
    "id": "d2",
    "consumer_orgno": CONSUMER,
    "supplier_orgno": SUPPLIER,
    "valid_from": NOW,
    "valid_to": NOW + 1,
    "status": "active",
}


async def test_models_and_migrations_agree(database: Database) -> None:
    """The migrated schema differs from the models in nothing that Alembic can see."""

    def differences(connection: Connection) -> list[Any]:
        options = {"compare_type": True, "compare_server_default": True}
        return list(compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata))

    async with database.read() as connection:
        assert await connection.run_sync(differences) == []


async def test_checks_of_models_and_migrations_agree(database: Database, postgres_server: Any, tmp_path: Path) -> None:
    """CHECK constraints, which Alembic does not compare, are the same in both."""

    def checks(connection: Connection) -> dict[str, dict[str | None, str]]:
        inspector = inspect(connection)
        return {
            table: {check["name"]: check["sqltext"] for check in inspector.get_check_constraints(table)}
            for table in inspector.get_table_names()
            if table != "alembic_version"
        }

    postgresql = database.dialect == "postgresql"
    url = postgres_server.create_database("from_models") if postgresql else f"sqlite:///{tmp_path / 'models.db'}"
    fresh = open_database(url)
    async with fresh.write() as connection:
        await connection.run_sync(schema.metadata.create_all)
        expected = await connection.run_sync(checks)
    await fresh.close()
    async with database.read() as connection:
        assert await connection.run_sync(checks) == expected
    assert expected["organisations"]


async def test_migrating_again_changes_nothing(database: Database, database_url: str) -> None:
    """A node that finds the newest revision leaves it, whatever directory it was started in."""
    assert await migrate(database_url) == head_revision()
    assert await current_revision(database) == head_revision()


async def test_a_migration_may_take_longer_than_a_statement_of_a_node(
    postgres_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A migration that waits for another longer than nodes wait for any statement still gets done."""
    url = postgres_server.create_database("migrated_slowly")
    monkeypatch.setattr(limits, "STATEMENT_SECONDS", 1)
    # A node's statement is given up after twice that at the latest.
    other = await asyncpg.connect(url)
    await other.execute("SELECT pg_advisory_lock($1)", migrations._MIGRATION_LOCK)
    migration = asyncio.create_task(migrate(url))
    await asyncio.wait([migration], timeout=2.5)
    assert not migration.done()
    await other.close()
    assert await migration == head_revision()


async def test_an_empty_database_has_no_revision(tmp_path: Path) -> None:
    """A database that was never migrated says so."""
    database = open_database(f"sqlite:///{tmp_path / 'empty.db'}")
    assert await current_revision(database) is None
    await database.close()


@pytest.mark.parametrize(
    ("table", "row"),
    [
        pytest.param(schema.organisations, {"orgno": "12345678", "name": "", "active": True}, id="short orgno"),
        pytest.param(schema.organisations, {"orgno": "12345678x", "name": "", "active": True}, id="orgno with letter"),
        pytest.param(
            schema.organisations,
            {"orgno": "\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19", "name": "", "active": True},
            id="wide digits",
        ),
        pytest.param(schema.organisations, {"orgno": OWNER, "name": "", "active": True}, id="orgno twice"),
        pytest.param(schema.organisations, {"orgno": "889640782", "name": None, "active": True}, id="no name"),
        pytest.param(schema.prefixes, {"prefix": "x", "owner_orgno": "889640782", "active": True}, id="unknown owner"),
        pytest.param(schema.prefixes, {"prefix": "", "owner_orgno": OWNER, "active": True}, id="empty prefix"),
        pytest.param(schema.scopes, SCOPE | {"name": "other:write"}, id="scope outside its prefix"),
        pytest.param(schema.scopes, SCOPE | {"name": "taxi:write"}, id="scope of a longer prefix"),
        pytest.param(schema.scopes, SCOPE | {"prefix": "no", "name": "no:x"}, id="unknown prefix"),
        pytest.param(schema.scopes, SCOPE | {"max_age": -1}, id="negative age"),
        pytest.param(
            schema.scope_access, {"scope": "tax:read", "consumer_orgno": OWNER, "state": "MAYBE"}, id="access state"
        ),
        pytest.param(
            schema.scope_access, {"scope": "tax:read", "consumer_orgno": CONSUMER, "state": "DENIED"}, id="access twice"
        ),
        pytest.param(
            schema.scope_access, {"scope": "tax:no", "consumer_orgno": OWNER, "state": "DENIED"}, id="unknown scope"
        ),
        pytest.param(schema.clients, CLIENT | {"orgno": "889640782"}, id="client of nobody"),
        pytest.param(schema.clients, CLIENT | {"token_lifetime": -1}, id="negative life"),
        pytest.param(schema.clients, CLIENT | {"client_id": ""}, id="empty client id"),
        pytest.param(schema.client_scopes, {"client_id": "client-1", "scope": "tax:no"}, id="unknown client scope"),
        pytest.param(schema.client_keys, KEY | {"client_id": "nobody"}, id="key of nobody"),
        pytest.param(schema.client_keys, KEY | {"kid": "k1"}, id="kid twice"),
        pytest.param(schema.delegations, DELEGATION | {"supplier_orgno": CONSUMER}, id="delegation to oneself"),
        pytest.param(schema.delegations, DELEGATION | {"valid_to": NOW}, id="delegation of no duration"),
        pytest.param(schema.delegations, DELEGATION | {"status": "maybe"}, id="delegation status"),
        pytest.param(schema.delegation_scopes, {"delegation_id": "d1", "scope": "tax:no"}, id="unknown delegated"),
        pytest.param(schema.policy_epoch, {"id": 2, "epoch": 0}, id="a second epoch"),
        pytest.param(schema.registry_changes, CHANGE | {"kind": "token"}, id="change of what is no record"),
        pytest.param(schema.registry_changes, CHANGE | {"action": "deleted"}, id="change that deletes"),
        pytest.param(schema.registry_changes, CHANGE | {"actor_kind": "nobody"}, id="change by nobody"),
    ],
)
async def test_the_database_refuses(
    database: Database, store: SqlRegistryStore, table: Table, row: dict[str, Any]
) -> None:
    """A row that must never be is refused by the database itself."""
    await fill(store)
    with pytest.raises(IntegrityError):
        async with database.write() as connection:
            await connection.execute(insert(table).values(row))


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (schema.scopes, SCOPE),
        (schema.clients, CLIENT),
        (schema.client_keys, KEY),
        (schema.delegations, DELEGATION),
        (schema.registry_changes, CHANGE),
    ],
)
async def test_the_database_takes(
    database: Database, store: SqlRegistryStore, table: Table, row: dict[str, Any]
) -> None:
    """The rows that the refused ones were made from are taken, so that each was refused for its one fault."""
    await fill(store)
    async with database.write() as connection:
        await connection.execute(insert(table).values(row))


async def test_a_read_changes_nothing(database: Database) -> None:
    """What a reading transaction did is not kept, on PostgreSQL not even allowed."""
    with pytest.raises(DBAPIError) if database.dialect == "postgresql" else pytest.raises(ZeroDivisionError):
        async with database.read() as connection:
            await connection.execute(text("UPDATE policy_epoch SET epoch = 7"))
            raise ZeroDivisionError
    assert await SqlRegistryStore(database).epoch() == 0
