"""A registry of three organisations on the real store, in a database file of its own."""

import asyncio
import itertools
import json
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from joserfc.jwk import ECKey

from authserver.oauth.models import Scope
from authserver.registry import organisations, prefixes, scopes
from authserver.registry.ports import Actor, RegistryStore
from authserver.storage.database import open_database
from authserver.storage.migrations import migrate
from authserver.storage.registry_store import SqlRegistryStore

NOW = 1_900_000_000
OPERATOR = Actor("operator", person="op")
OWNER, CONSUMER, SUPPLIER = "889640782", "974761076", "958935420"
ISSUER = "https://tillit.example/"


def acting(orgno: str) -> Actor:
    """Return the actor of an organisation."""
    return Actor("organisation", orgno, client_id="admin")


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated database file, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "registry.db"
    asyncio.run(migrate(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture
async def bare(migrated: Path, tmp_path: Path) -> AsyncIterator[RegistryStore]:
    """An empty registry."""
    shutil.copy(migrated, tmp_path / "registry.db")
    database = open_database(f"sqlite+aiosqlite:///{tmp_path}/registry.db")
    yield SqlRegistryStore(database)
    await database.close()


@pytest.fixture
async def store(bare: RegistryStore) -> RegistryStore:
    """A registry with an owner of `nav:`, a consumer and a supplier, and the scope `nav:read`."""
    for orgno, name in ((OWNER, "Owner"), (CONSUMER, "Consumer"), (SUPPLIER, "Supplier")):
        await organisations.add(bare, OPERATOR, NOW, orgno=orgno, name=name)
    await prefixes.add(bare, OPERATOR, NOW, prefix="nav", owner_orgno=OWNER)
    await scopes.add(bare, OPERATOR, NOW, scope=scope("nav:read", delegation_source=ISSUER))
    return bare


@pytest.fixture
def new_id() -> Callable[[], str]:
    """Ids in order."""
    numbers = itertools.count(1)
    return lambda: f"id-{next(numbers)}"


def scope(name: str, **terms: Any) -> Scope:
    """Say what is asked of a new scope."""
    return Scope(name, prefix="", owner_orgno="", **terms)


def public_jwk(**members: Any) -> dict[str, Any]:
    """Make the public JWK of a new P-256 key."""
    key = ECKey.import_key(ec.generate_private_key(ec.SECP256R1()))
    jwk: dict[str, Any] = json.loads(json.dumps(key.as_dict(private=False)))
    jwk.pop("kid", None)
    return {**jwk, **members}


async def snapshot(store: RegistryStore) -> list[object]:
    """Everything in the registry, to compare before and after."""
    return [
        list(await store.organisations()),
        list(await store.prefixes()),
        list(await store.scopes()),
        list(await store.accesses()),
        list(await store.clients()),
        list(await store.delegations()),
    ]
