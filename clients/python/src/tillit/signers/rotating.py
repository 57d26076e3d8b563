"""A key file that somebody else replaces: a mounted secret, a file of a vault's agent."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from tillit.errors import ConfigError
from tillit.signers.local import LocalSigner, from_pkcs12_bytes, from_text

logger = logging.getLogger("tillit")

_Mark: TypeAlias = tuple[int, int, int]
_LOOK_EVERY: Final = 1.0


class Rotating:
    """Signs with the key in a file, and with the next one when the file has changed.

    The file holds what `signers.from_text` reads, or is PKCS#12 when `password` is given. It is looked at once a
    second at most. While it cannot be read the last key stays in use, which is logged once. The first key must be
    there: raises ConfigError.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        kid: str | None = None,
        alg: str | None = None,
        password: str | bytes | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._kid, self._alg, self._password = kid, alg, password
        self._monotonic = monotonic
        self._complained = False
        self._looked = monotonic()
        self._mark = self._look()
        self._signer = self._read()

    def current(self) -> LocalSigner:
        """The signer with the key of now; header and signature of one assertion must come from the same."""
        now = self._monotonic()
        if now - self._looked >= _LOOK_EVERY:
            # Noted first: whoever comes while one looks goes on with the key at hand, and none waits for a file.
            self._looked = now
            self._renew()
        return self._signer

    @property
    def alg(self) -> str:
        """The JOSE name of the algorithm of the key of now."""
        return self.current().alg

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint of the key of now."""
        return self.current().thumbprint

    def header(self) -> Mapping[str, Any]:
        """The header members of the key of now."""
        return self.current().header()

    def sign(self, data: bytes) -> bytes:
        """The JWS signature of `data` by the key of now."""
        return self.current().sign(data)

    def _renew(self) -> None:
        try:
            mark = self._look()
            if mark != self._mark:
                self._signer, self._mark = self._read(), mark
                logger.info("the client's key is now %s", self._signer.thumbprint)
        except ConfigError as error:
            if not self._complained:
                self._complained = True
                logger.warning("the key file cannot be used, so the last key stays in use: %s", error)
        else:
            self._complained = False

    def _look(self) -> _Mark:
        try:
            found = self._path.stat()
        except OSError as error:
            raise ConfigError(f"the key file cannot be read: {type(error).__name__}") from None
        # A file put in the place of another has another inode, even within one tick of the clock.
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _read(self) -> LocalSigner:
        try:
            content = self._path.read_bytes()
        except OSError as error:
            raise ConfigError(f"the key file cannot be read: {type(error).__name__}") from None
        if self._password is not None:
            return from_pkcs12_bytes(content, self._password, kid=self._kid, alg=self._alg)
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            raise ConfigError("the key file is not text; PKCS#12 needs a password") from None
        return from_text(text, kid=self._kid, alg=self._alg)

    def __repr__(self) -> str:
        return f"Rotating(alg={self._signer.alg!r}, thumbprint={self._signer.thumbprint!r})"

    def __reduce__(self) -> Any:
        raise TypeError("a signer with a private key is not pickled; build it again in the other process")
