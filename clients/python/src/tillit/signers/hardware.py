"""A key in a security module or on a smart card, reached over PKCS#11. Needs the extra `pkcs11`."""

from __future__ import annotations

import hashlib
import importlib
import os
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Final

from tillit.errors import ConfigError
from tillit.forksafe import call_after_fork
from tillit.jose.algorithms import canonical_name
from tillit.jose.encoding import b64url_encode

_ALGORITHMS: Final = ("RS256", "PS256", "ES256", "ES384", "Ed25519")


class Pkcs11Signer:
    """Signs in a PKCS#11 module. The session is opened at the first signature, and again after a fork or a failure.

    Signatures take turns: a session of PKCS#11 does one thing at a time.
    """

    def __init__(
        self,
        module: str | os.PathLike[str],
        *,
        token_label: str,
        pin: str | None,
        alg: str,
        kid: str,
        key_label: str | None = None,
        key_id: bytes | None = None,
    ) -> None:
        name = canonical_name(alg)
        if name not in _ALGORITHMS:
            raise ConfigError("alg must be one of " + ", ".join(_ALGORITHMS))
        if not kid:
            raise ConfigError("kid must be the id under which the key is registered")
        if key_label is None and key_id is None:
            raise ConfigError("the key in the module must be named by key_label or key_id")
        self._library = _library()
        self._module, self._token_label, self._pin = os.fspath(module), token_label, pin
        self._key_label, self._key_id = key_label, key_id
        self._alg, self._kid = name, kid
        self._thumbprint = b64url_encode(hashlib.sha256(f"{name}\0{kid}".encode()).digest())
        self._session: Any = None
        self._key: Any = None
        self._lock = threading.Lock()
        call_after_fork(self._forget)

    @property
    def alg(self) -> str:
        """The JOSE name of the algorithm."""
        return self._alg

    @property
    def thumbprint(self) -> str:
        """A digest of algorithm and key id: the key itself is out of reach."""
        return self._thumbprint

    def header(self) -> Mapping[str, Any]:
        """`{"kid": …}`."""
        return {"kid": self._kid}

    def sign(self, data: bytes) -> bytes:
        """The JWS signature of `data`. Raises what the module does, after a second try in a new session."""
        with self._lock:
            if self._key is not None:
                try:
                    return self._signed(self._key, data)
                except self._library.exceptions.PKCS11Error:
                    # A card that was drawn and put back, a module that was restarted: the session is gone.
                    self._close()
            self._key = self._open()
            return self._signed(self._key, data)

    def close(self) -> None:
        """End the session; the next signature opens another."""
        with self._lock:
            self._close()

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._session, self._key = None, None

    def _open(self) -> Any:
        library = self._library
        token = library.lib(self._module).get_token(token_label=self._token_label)
        self._session = token.open(user_pin=self._pin)
        wanted = {"label": self._key_label, "id": self._key_id}
        named = {name: value for name, value in wanted.items() if value is not None}
        return self._session.get_key(object_class=library.ObjectClass.PRIVATE_KEY, **named)

    def _close(self) -> None:
        session, self._session, self._key = self._session, None, None
        if session is not None:
            try:
                session.close()
            except self._library.exceptions.PKCS11Error:
                return

    def _signed(self, key: Any, data: bytes) -> bytes:
        mechanism = self._library.Mechanism
        if self._alg == "RS256":
            return bytes(key.sign(data, mechanism=mechanism.SHA256_RSA_PKCS))
        if self._alg == "PS256":
            parameters = (mechanism.SHA256, self._library.MGF.SHA256, 32)
            return bytes(key.sign(data, mechanism=mechanism.SHA256_RSA_PKCS_PSS, mechanism_param=parameters))
        if self._alg == "Ed25519":
            return bytes(key.sign(data, mechanism=mechanism.EDDSA))
        # Many modules know ECDSA without the digest only, so the digest is made here. R and S come as JWS has them.
        digest = hashlib.sha256(data) if self._alg == "ES256" else hashlib.sha384(data)
        return bytes(key.sign(digest.digest(), mechanism=mechanism.ECDSA))

    def __repr__(self) -> str:
        return f"Pkcs11Signer(alg={self._alg!r}, thumbprint={self._thumbprint!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a signer with an open session is not pickled; build it again in the other process")


def _library() -> ModuleType:
    try:
        return importlib.import_module("pkcs11")
    except ImportError:
        raise ConfigError("a key in PKCS#11 needs the extra pkcs11: install tillit[pkcs11]") from None


def from_pkcs11(
    module: str | os.PathLike[str],
    *,
    token_label: str,
    pin: str | None,
    alg: str,
    kid: str,
    key_label: str | None = None,
    key_id: bytes | None = None,
) -> Pkcs11Signer:
    """A signer with the key named `key_label` or `key_id` on the token `token_label` of a PKCS#11 `module` (a path).

    Raises ConfigError for an unknown algorithm, a key that is not named, or without the extra `pkcs11`.
    """
    return Pkcs11Signer(module, token_label=token_label, pin=pin, alg=alg, kid=kid, key_label=key_label, key_id=key_id)
