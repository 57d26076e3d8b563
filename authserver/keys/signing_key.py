"""One signing key: its life, its public JWK, its private operation, and the document it is kept as."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from authserver.keys.life import KeyLife
from authserver.keys.private_key import ALGORITHMS, PrivateKey, read_key


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class SigningKey:
    """A key of ours. `document` is what its file holds, members that we do not know included."""

    life: KeyLife
    public: Mapping[str, str]
    private: PrivateKey
    document: Mapping[str, Any]

    @classmethod
    def generate(cls, alg: str, *, bits: int, created_at: int, active_from: int) -> SigningKey:
        """Make a new key with its RFC 7638 thumbprint as `kid`; `bits` is the size of an RSA key."""
        made = ALGORITHMS[alg].generate(bits)
        kid = made.thumbprint()
        jwk = {**made.as_dict(private=True), "kid": kid, "use": "sig", "alg": alg}
        public, private = read_key(jwk, alg)
        return cls(KeyLife(kid, alg, created_at, active_from), public, private, {"jwk": jwk})

    @classmethod
    def parse(cls, data: bytes, known: SigningKey | None = None) -> SigningKey:
        """Read a key's document. Raises ValueError, with words that follow "the key file", when it is not one.

        `known` is the same file as read before: checking an RSA key takes many times longer than using it, so a key
        that has not changed is not checked again.
        """
        try:
            document = json.loads(data)
        except ValueError as fault:
            raise ValueError("is not JSON") from fault
        if not isinstance(document, dict) or not isinstance(document.get("jwk"), dict):
            raise ValueError("is not a JSON object with a member jwk")  # noqa: TRY004 - one type for every bad file
        alg = document.get("alg")
        if not isinstance(alg, str):
            raise ValueError("does not name its algorithm")  # noqa: TRY004 - the same
        if known is not None and known.life.alg == alg and known.document["jwk"] == document["jwk"]:
            public, private = known.public, known.private
        else:
            public, private = read_key(document["jwk"], alg)
        return cls(_life(document, document["jwk"]["kid"], alg), public, private, document)

    @property
    def saved(self) -> bool:
        """Whether the document it came from tells the same life."""
        return all(self.document.get(name) == value for name, value in self._times().items())

    def with_life(self, life: KeyLife) -> SigningKey:
        """Return the same key with other times."""
        return self if life == self.life else replace(self, life=life)

    def serialise(self) -> bytes:
        """Return the document with the key's present times."""
        return json.dumps({**self.document, **self._times()}, indent=1).encode() + b"\n"

    def _times(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self.life).items() if name != "kid"}


def _life(document: Mapping[str, Any], kid: str, alg: str) -> KeyLife:
    created_at, active_from = (_time(document, name) for name in ("created_at", "active_from"))
    retired_at, removed_at = (
        None if document.get(name) is None else _time(document, name) for name in ("retired_at", "removed_at")
    )
    if (retired_at is None) != (removed_at is None):
        raise ValueError("has only one of retired_at and removed_at")
    if retired_at is not None and removed_at is not None and removed_at < retired_at:
        raise ValueError("has removed_at before retired_at")
    return KeyLife(kid, alg, created_at, active_from, retired_at, removed_at)


def _time(document: Mapping[str, Any], name: str) -> int:
    value = document.get(name)
    if type(value) is not int or value < 0:
        raise ValueError(f"has no {name} in whole seconds")
    return value
