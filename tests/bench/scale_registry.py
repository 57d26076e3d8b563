"""A registry of any size, made by arithmetic: the same size holds the same records, key for key, every time.

It grows by sectors. A sector is 1,000 clients, 100 organisations, 20 scopes and 10,000 delegations, so a thousand of
them are the registry of a country. Within a sector each organisation delegates to 90 others; beside them, ten
suppliers act for every organisation there is, as the makers of accounting systems do.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from authserver.oauth import orgno
from authserver.oauth.models import Client, ClientKey, Delegation, Organisation, Prefix, Record, Scope, ScopeAccess
from authserver.storage.rows import canonical_json
from tests.bench.assertions import Key

ORGANISATIONS, SCOPES, CLIENTS, DELEGATIONS = 100, 20, 1_000, 10_000
GREAT_SUPPLIERS = 10
ACCESSES = 5
RECORDS = ORGANISATIONS + 1 + SCOPES + ORGANISATIONS * ACCESSES + CLIENTS + DELEGATIONS
"""What one sector adds to each table, and to the change log."""

MADE_AT, VALID_TO = 1_750_000_000, 4_000_000_000
_FIRST_NUMBER = 91_000_000
CLIENTS_EACH = CLIENTS // ORGANISATIONS
_DELEGATIONS_EACH = DELEGATIONS // ORGANISATIONS
# The order of the curve P-256 begins with 32 bits of ones; a number of 248 bits is always below it.
_KEY_BYTES = 31


@dataclass(frozen=True, slots=True)
class Registry:
    """The records of a registry of so many sectors whose delegations are proved by `issuer`."""

    sectors: int
    issuer: str

    @property
    def clients(self) -> int:
        """How many clients there are; they are numbered from 0."""
        return self.sectors * CLIENTS

    def counts(self) -> dict[str, int]:
        """How many there are of each noun."""
        each = {"clients": CLIENTS, "organisations": ORGANISATIONS, "scopes": SCOPES, "delegations": DELEGATIONS}
        return {noun: self.sectors * count for noun, count in each.items()} | {"changes": self.sectors * RECORDS}

    def records(self, sector: int) -> Iterator[Record]:
        """Every record of one sector, in an order in which they can be written one by one."""
        first = sector * ORGANISATIONS
        for number in range(first, first + ORGANISATIONS):
            yield Organisation(organisation(number), f"Organisation {number}")
        yield Prefix(_prefix(sector), organisation(first))
        yield from (self._scope(sector, place) for place in range(SCOPES))
        for place in range(ORGANISATIONS):
            for name in _scopes_of(sector, place):
                yield ScopeAccess(name, organisation(first + place), "APPROVED")
        yield from (self.client(number) for number in range(sector * CLIENTS, (sector + 1) * CLIENTS))
        for place in range(ORGANISATIONS):
            yield from (self.delegation(first + place, turn) for turn in range(_DELEGATIONS_EACH))

    def _scope(self, sector: int, place: int) -> Scope:
        owner = organisation(sector * ORGANISATIONS)
        text = f"Scope {place} of sector {sector}."
        return Scope(_scope(sector, place), _prefix(sector), owner, text, delegation_source=self.issuer)

    def client(self, number: int) -> Client:
        """A client with one key, and three scopes of its organisation's."""
        owner = number // CLIENTS_EACH
        point = _private(number).public_key().public_numbers()
        jwk = canonical_json({"crv": "P-256", "kty": "EC", "x": _coordinate(point.x), "y": _coordinate(point.y)})
        stored = ClientKey(f"key-{number}", "ES256", jwk, _base64(hashlib.sha256(jwk.encode()).digest()), VALID_TO)
        scopes = _scopes_of(owner // ORGANISATIONS, owner % ORGANISATIONS)[:3]
        name = f"Client {number}"
        return Client(client_id(number), organisation(owner), name, scopes=frozenset(scopes), keys={stored.kid: stored})

    def delegation(self, consumer: int, turn: int) -> Delegation:
        """One of the hundred delegations that an organisation gives, each to another supplier."""
        sector, place = divmod(consumer, ORGANISATIONS)
        supplier = turn
        if turn >= GREAT_SUPPLIERS or turn == consumer:
            step = turn - GREAT_SUPPLIERS + 1 if turn >= GREAT_SUPPLIERS else _DELEGATIONS_EACH - GREAT_SUPPLIERS + 1
            supplier = sector * ORGANISATIONS + (place + step) % ORGANISATIONS
        given = _scopes_of(sector, place)[: 2 if turn % 4 == 0 else 1]
        parties = organisation(consumer), organisation(supplier)
        return Delegation(delegation_id(consumer, turn), *parties, frozenset(given), MADE_AT, VALID_TO)


# A sector has few organisations, and names them often.
@lru_cache(maxsize=1024)
def organisation(number: int) -> str:
    """The organisation number of the organisation with this number from 0 on."""
    # Of two neighbours among eight digits, at least one has a check digit.
    for eight in (_FIRST_NUMBER + 2 * number, _FIRST_NUMBER + 2 * number + 1):
        for digit in range(10):
            try:
                return orgno.parse(f"{eight}{digit}")
            except ValueError:
                continue
    raise ValueError(f"no organisation number begins with {eight}")


def client_id(number: int) -> str:
    """The id of a client: scattered, as the random ids that the server makes are."""
    return _uuid(f"client {number}")


def delegation_id(consumer: int, turn: int) -> str:
    """The id of a delegation, of the same form."""
    return _uuid(f"delegation {consumer} {turn}")


def key(number: int) -> Key:
    """The ES256 key of a client."""
    private = _private(number)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Key("ES256", f"key-{number}", pem, {}, {})


def asked_scope(number: int) -> str:
    """The scope that everyone in the sector of this client may have."""
    return _scope(number // CLIENTS, 0)


def consumer_of(number: int) -> str:
    """An organisation that delegates to the organisation of this client."""
    sector, place = divmod(number // CLIENTS_EACH, ORGANISATIONS)
    step = 1 + number % (_DELEGATIONS_EACH - GREAT_SUPPLIERS)
    return organisation(sector * ORGANISATIONS + (place - step) % ORGANISATIONS)


def owner_of(number: int) -> str:
    """The organisation of a client."""
    return organisation(number // CLIENTS_EACH)


def _prefix(sector: int) -> str:
    return f"sector{sector}"


def _scope(sector: int, place: int) -> str:
    return f"{_prefix(sector)}:scope{place}"


@lru_cache(maxsize=1024)
def _scopes_of(sector: int, place: int) -> list[str]:
    """The scopes an organisation has access to: the sector's common one and four more."""
    return [_scope(sector, 0), *(_scope(sector, 1 + (place + more) % (SCOPES - 1)) for more in range(ACCESSES - 1))]


def _uuid(text: str) -> str:
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}"


def _private(number: int) -> ec.EllipticCurvePrivateKey:
    secret = hashlib.sha256(f"key {number}".encode()).digest()[:_KEY_BYTES]
    return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())


def _coordinate(number: int) -> str:
    return _base64(number.to_bytes(32, "big"))


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
