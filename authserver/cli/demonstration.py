"""What the demonstration authority holds: the real scope catalogue, an owner, a consumer and its supplier."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, RSAKey

from authserver.cli.desk import clock, new_id
from authserver.oauth.profiles import STANDARD
from authserver.registry import access, clients, delegations, organisations
from authserver.registry.keys import KeyOffer
from authserver.registry.ports import Actor, RegistryStore
from authserver.registry.scope_import import ImportOptions, import_scopes
from authserver.services import migrate, open_key_ring, open_store
from authserver.settings import Settings

OWNER = ("991825827", "Digitaliseringsdirektoratet")
CONSUMER = ("958935420", "Oslo kommune")
SUPPLIER = ("314330897", "Rask Regnskap AS")
SCOPE = "altinn:serviceowner/instances.read"
DELEGATED_SCOPE = "altinn:delegationrequests.read"
_OPERATOR = Actor("operator", person="demonstration")
_PRIVATE = 0o600
_PUBLIC_MEMBERS = frozenset({"kty", "crv", "x", "y", "n", "e", "kid", "alg"})


@dataclass(frozen=True, slots=True)
class Party:
    """An organisation's backend: its client and the file that holds its private JWK Set."""

    orgno: str
    name: str
    client_id: str
    scope: str
    jwks_file: str


@dataclass(frozen=True, slots=True)
class Demonstration:
    """Everything a visitor needs to act as one of the parties."""

    issuer: str
    environment: dict[str, str]
    scopes_imported: int
    owner: tuple[str, str]
    consumer: Party
    supplier: Party
    delegation_id: str

    def document(self) -> dict[str, Any]:
        """The same as a JSON document."""
        return asdict(self)


async def prepare(settings: Settings, directory: Path, client_keys: Path | None) -> Demonstration:
    """Set up an authority in an empty directory. `client_keys` holds `consumer.jwks.json` and `supplier.jwks.json`.

    Without it, key pairs are made. Raises Refusal, SettingsError, KeyRingError, Unavailable or OSError.
    """
    await migrate(settings)
    open_key_ring(settings).init()
    async with open_store(settings) as store:
        imported = await _import_catalogue(store, settings.issuer)
        for orgno, name in (CONSUMER, SUPPLIER):
            await organisations.add(store, _OPERATOR, clock(), orgno=orgno, name=name)
        for scope in (SCOPE, DELEGATED_SCOPE):
            await access.grant(store, _OPERATOR, clock(), scope=scope, consumer_orgno=CONSUMER[0])
        keys = client_keys or directory
        consumer = await _register(store, CONSUMER, SCOPE, keys / "consumer.jwks.json")
        supplier = await _register(store, SUPPLIER, DELEGATED_SCOPE, keys / "supplier.jwks.json")
        delegated = delegations.NewDelegation(CONSUMER[0], SUPPLIER[0], [DELEGATED_SCOPE])
        delegation = await delegations.add(
            store, _OPERATOR, clock(), new=delegated, issuer=settings.issuer, new_id=new_id
        )
    return Demonstration(
        issuer=settings.issuer,
        environment=environment(settings),
        scopes_imported=imported,
        owner=OWNER,
        consumer=consumer,
        supplier=supplier,
        delegation_id=delegation.id,
    )


def environment(settings: Settings) -> dict[str, str]:
    """What to set so that every verb speaks to this authority."""
    return {
        "AUTHSERVER_ISSUER": settings.issuer,
        "AUTHSERVER_DATABASE_URL": settings.database_url,
        "AUTHSERVER_KEYS_DIR": str(settings.keys_dir),
    }


async def _import_catalogue(store: RegistryStore, issuer: str) -> int:
    text = files("authserver.cli").joinpath("data/altinn-scopes.json").read_text("utf-8")
    options = ImportOptions(delegable_here=issuer, owner_names=dict([OWNER]))
    report = await import_scopes(store, _OPERATOR, clock(), json.loads(text), options)
    return report.scopes_added


async def _register(store: RegistryStore, party: tuple[str, str], scope: str, jwks_file: Path) -> Party:
    new = clients.NewClient(
        orgno=party[0],
        scopes=[scope],
        name=f"Backend of {party[1]}",
        profile=STANDARD,
        key=KeyOffer(_public_key(jwks_file), example_allowed=True),
    )
    client = await clients.add(store, _OPERATOR, clock(), new=new, new_id=new_id)
    return Party(party[0], party[1], client.client_id, scope, str(jwks_file))


def _public_key(jwks_file: Path) -> dict[str, str]:
    """Read the public half of a party's key, having made the pair if there is none."""
    if not jwks_file.exists():
        _make_key(jwks_file)
    private = json.loads(jwks_file.read_text("utf-8"))["keys"][0]
    return {name: value for name, value in private.items() if name in _PUBLIC_MEMBERS}


def _make_key(jwks_file: Path) -> None:
    """Make a key pair: RSA for the consumer, whose libraries may know nothing else, EC for the supplier."""
    rsa = jwks_file.name.startswith("consumer")
    key = RSAKey.generate_key(2048) if rsa else ECKey.generate_key("P-256")
    private = {**key.as_dict(private=True), "kid": key.thumbprint(), "alg": "RS256" if rsa else "ES256"}
    jwks_file.touch(_PRIVATE)
    jwks_file.write_text(json.dumps({"keys": [private]}), "utf-8")
