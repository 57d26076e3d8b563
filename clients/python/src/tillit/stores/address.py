"""A store from the two lines of text that settings have for it."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from tillit.errors import ConfigError

if TYPE_CHECKING:
    from tillit.stores.protocol import TokenStore

_REDIS: Final = ("redis://", "rediss://", "unix://")
_SIZES: Final = (16, 24, 32)


def check_address(address: str | None, key: str | None) -> None:
    """Raise ConfigError unless `open_store` can understand both; nothing is opened."""
    if key is not None:
        read_keys(key)
    if address not in (None, "memory") and not _file_path(address) and not address.startswith(_REDIS):
        raise ConfigError("the token cache must be `memory`, `file:/a/directory` or `redis://…`")


def open_store(address: str | None, key: str | None = None) -> TokenStore | None:
    """The store at `address`: `file:/a/directory`, `redis://…` (`rediss://`, `unix://`), or None for `memory`.

    With `key` it is encrypted: base64url of 16, 24 or 32 bytes, or several with commas, of which the first encrypts.
    Raises ConfigError if an address or a key is not one, an extra is missing, or a directory is not private.
    """
    check_address(address, key)
    if address is None or address == "memory":
        return None
    # Imported here, for each wants something that is not always installed.
    from tillit.stores.encrypted import Encrypted  # noqa: PLC0415
    from tillit.stores.files import FileStore  # noqa: PLC0415
    from tillit.stores.redis import RedisStore  # noqa: PLC0415

    path = _file_path(address)
    store: TokenStore = FileStore(path) if path else RedisStore(address)
    return Encrypted(store, read_keys(key)) if key else store


def read_keys(text: str) -> list[bytes]:
    """The keys in `text`. Raises ConfigError, without showing any."""
    keys = []
    for part in text.split(","):
        encoded = part.strip().rstrip("=").replace("+", "-").replace("/", "_")
        try:
            keys.append(base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True))
        except (binascii.Error, ValueError):
            keys.append(b"")
    if any(len(key) not in _SIZES for key in keys):
        raise ConfigError("the key of the token cache must be base64url of 16, 24 or 32 bytes")
    return keys


def _file_path(address: str) -> str:
    return address.removeprefix("file:").removeprefix("//") if address.startswith("file:") else ""
