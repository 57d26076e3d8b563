"""Tokens that whoever can read the store cannot read."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tillit.errors import ConfigError
from tillit.stores.protocol import Lease, Stored, TokenStore

_VERSION: Final = b"\x01"
_KEY_ID: Final = 4
_NONCE: Final = 12
_HEAD: Final = 1 + _KEY_ID + _NONCE
_SIZES: Final = (16, 24, 32)


class Encrypted:
    """`store`, with what it keeps encrypted and authenticated by AES-GCM (NIST SP 800-38D).

    `key` is 16, 24 or 32 random bytes, or several such keys: the first encrypts and all decrypt, so that a key is
    replaced by putting the new one first and taking the old one away later. What was encrypted for another cache key,
    under an unknown key, or tampered with, is as good as none. Raises ConfigError.
    """

    def __init__(self, store: TokenStore, key: bytes | Sequence[bytes]) -> None:
        keys = [key] if isinstance(key, bytes) else list(key)
        if not keys or any(len(one) not in _SIZES for one in keys):
            raise ConfigError("a key of the token cache must be 16, 24 or 32 bytes")
        self._store = store
        self._ciphers = {_key_id(one): AESGCM(one) for one in keys}
        self._current = _key_id(keys[0])

    def get(self, key: str) -> Stored | None:
        """What was put under `key`, decrypted."""
        found = self._store.get(key)
        plain = None if found is None else self._open(key, found.blob)
        return None if found is None or plain is None else Stored(plain, found.ttl)

    def put(self, key: str, blob: bytes, ttl: float) -> None:
        """Keep `blob` under `key`, encrypted."""
        nonce = os.urandom(_NONCE)
        sealed = self._ciphers[self._current].encrypt(nonce, blob, _bound_to(key))
        self._store.put(key, _VERSION + self._current + nonce + sealed, ttl)

    def drop(self, key: str, blob: bytes) -> None:
        """Remove `blob` from `key`, unless something else has taken its place."""
        found = self._store.get(key)
        if found is not None and self._open(key, found.blob) == blob:
            self._store.drop(key, found.blob)

    def lock(self, key: str, ttl: float) -> Lease | None:
        """The lock of the store beneath."""
        return self._store.lock(key, ttl)

    def _open(self, key: str, sealed: bytes) -> bytes | None:
        head, body = sealed[:_HEAD], sealed[_HEAD:]
        cipher = self._ciphers.get(head[1 : 1 + _KEY_ID])
        if len(head) != _HEAD or head[:1] != _VERSION or cipher is None:
            return None
        try:
            return cipher.decrypt(head[1 + _KEY_ID :], body, _bound_to(key))
        except InvalidTag:
            return None

    def __repr__(self) -> str:
        return f"Encrypted({self._store!r})"


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"tillit token cache key\0" + key).digest()[:_KEY_ID]


def _bound_to(key: str) -> bytes:
    # A blob moved from one cache key to another would be a token for another request.
    return b"tillit token cache\0" + key.encode()
