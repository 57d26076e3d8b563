"""The only place that constructs adapters: opened once, frozen, closed in the reverse order of need."""

from authserver.services.backups import RestoreReport, back_up, declare_restored, restore
from authserver.services.opening import Services, open_services
from authserver.services.proving import open_evidence, published_keys
from authserver.services.stores import (
    NotReadyError,
    clock,
    list_nodes,
    migrate,
    open_key_ring,
    open_records,
    open_store,
)

__all__ = [
    "NotReadyError",
    "RestoreReport",
    "Services",
    "back_up",
    "clock",
    "declare_restored",
    "list_nodes",
    "migrate",
    "open_evidence",
    "open_key_ring",
    "open_records",
    "open_services",
    "open_store",
    "published_keys",
    "restore",
]
