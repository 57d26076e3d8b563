"""The only place that constructs adapters: opened once, frozen, closed in the reverse order of need."""

from authserver.services.opening import Services, open_services
from authserver.services.stores import NotReadyError, clock, migrate, open_key_ring, open_store

__all__ = ["NotReadyError", "Services", "clock", "migrate", "open_key_ring", "open_services", "open_store"]
