"""A small registry to test on, and the operator who makes it."""

from authserver.oauth.models import (
    Client,
    ClientKey,
    Delegation,
    Organisation,
    Prefix,
    Record,
    Ref,
    Scope,
    ScopeAccess,
)
from authserver.registry.ports import Actor
from authserver.storage.registry_store import SqlRegistryStore

NOW = 1_700_000_000
OPERATOR = Actor("operator", person="Kari")
OWNER, CONSUMER, SUPPLIER = "974760673", "991825827", "914782007"

# From RFC 7515 appendix A.3: a public key, and the registered form of it.
P256 = (
    '{"crv":"P-256","kty":"EC","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",'
    '"y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}'
)
KEY = ClientKey("k1", "ES256", P256, "thumbprint-1", NOW + 3600)
CLIENT = Client("client-1", SUPPLIER, name="Backend", scopes=frozenset({"tax:read"}), keys={"k1": KEY})
SCOPE = Scope(
    "tax:read",
    "tax",
    OWNER,
    description="Æøå",
    audience="https://tax.example/",
    allowed_integration_types=("maskinporten",),
    attributes={"token_type": "SELF_CONTAINED", "n": [1, None]},
)
ACCESS = ScopeAccess("tax:read", CONSUMER, "APPROVED")
DELEGATION = Delegation("d1", CONSUMER, SUPPLIER, frozenset({"tax:read"}), NOW, NOW + 3600)
RECORDS: tuple[Record, ...] = (
    Organisation(OWNER, "Skatteetaten"),
    Organisation(CONSUMER, "Consumer"),
    Organisation(SUPPLIER, "Supplier"),
    Prefix("tax", OWNER),
    SCOPE,
    ACCESS,
    CLIENT,
    DELEGATION,
)
REFS = tuple(record.ref for record in RECORDS)
ABSENT = (Ref("client", "nobody"), Ref("access", "tax:read", SUPPLIER), Ref("delegations", SUPPLIER, CONSUMER))


async def fill(store: SqlRegistryStore) -> int:
    """Put every record, in one change; return its epoch."""
    return await put(store, *RECORDS)


async def put(store: SqlRegistryStore, *records: Record, reason: str = "") -> int:
    """Put the records in one change; return its epoch."""
    async with store.change(OPERATOR, NOW, reason) as change:
        for record in records:
            await change.put(record)
    assert change.epoch is not None
    return change.epoch
