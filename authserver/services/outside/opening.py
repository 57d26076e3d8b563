"""Opening what asks other authorities' registers: only where a client of ours is configured for it."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

from authserver.services.outside.registers import Bounds, Registers
from authserver.services.stores import NotReadyError
from authserver.settings import Settings, SettingsError


def open_registers(settings: Settings, stack: AsyncExitStack) -> Registers | None:
    """Open it, to be closed with the stack; None without a client of ours.

    Raises SettingsError if the key cannot be used, NotReadyError if the client library is not installed.
    """
    if settings.source_client_id is None or settings.source_key is None:
        return None
    try:
        # Only here: most authorities keep every delegation themselves, and do without the client library.
        from authserver.services.outside.calls import BrokenCredentialError, Calls, Wishes
    except ImportError:
        raise NotReadyError(
            "AUTHSERVER_SOURCE_CLIENT_ID is set, and that needs the package tillit; install tillit-authserver[sources]"
        ) from None
    at_once = max(1, settings.max_concurrent // 4)
    try:
        calls = Calls(
            Wishes(
                client_id=settings.source_client_id,
                key=settings.source_key.read_text(encoding="utf-8"),
                kid=settings.source_kid,
                token_issuer=settings.source_token_issuer,
                seconds=settings.source_seconds,
                at_once=at_once,
                allow_http=settings.environment == "dev",
            )
        )
    except (BrokenCredentialError, UnicodeDecodeError) as fault:
        raise SettingsError([f"AUTHSERVER_SOURCE_KEY cannot be used: {fault}"]) from None
    stack.push_async_callback(calls.aclose)
    bounds = Bounds(settings.source_seconds, at_once, settings.source_cache_seconds)
    return Registers(calls, bounds, time.monotonic)
