"""What a verb of the operator proves delegations with; no node is opened."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from authserver.keys.jwks import RSA_ONLY
from authserver.keys.signer import RingSigner
from authserver.oauth.profiles import MASKINPORTEN
from authserver.registry.evidence import Authority
from authserver.services.status_lists import EvidenceSigner
from authserver.services.stores import clock, open_at_rest, open_key_ring
from authserver.settings import Settings
from authserver.storage.evidence import SqlEvidence
from authserver.storage.registry_store import SqlRegistryStore


@asynccontextmanager
async def open_evidence(settings: Settings) -> AsyncIterator[tuple[SqlRegistryStore, Authority]]:
    """Open the registry, and what states delegations with the keys on this machine.

    Raises NotReadyError if the database is not migrated, BrokenKeyError, SettingsError, Unavailable.
    """
    published = RSA_ONLY if settings.profile == MASKINPORTEN else None
    signer = RingSigner(open_key_ring(settings), clock, published=published, threads=1)
    try:
        async with open_at_rest(settings) as parts:
            sign = EvidenceSigner(signer)
            yield parts.store, Authority(settings.issuer, sign, SqlEvidence(parts.database), lambda: str(uuid4()))
    finally:
        signer.close()


def published_keys(settings: Settings) -> bytes:
    """Return the JWK Set that this authority publishes now. Raises BrokenKeyError."""
    return open_key_ring(settings).jwks(clock()).body
