"""DPoP at an API: whether a request was sent by whoever holds the key that its token is bound to (RFC 9449)."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from tillit.access_errors import InvalidProof, InvalidToken, NonceWanted
from tillit.core.dpop_proof import DpopProof, access_token_hash, read_proof, the_proof
from tillit.core.htu import NotAnAddress, normal_htu, normal_path
from tillit.core.presented import Presented
from tillit.errors import ConfigError
from tillit.jose.algorithms import KNOWN_ALGORITHMS
from tillit.jose.encoding import MalformedJose, b64url_decode, b64url_encode
from tillit.proof_memory import AwaitedProofMemory, ProofMemory, RecentProofs

DPOP_ALGORITHMS: Final = ("ES256", "ES384", "Ed25519", "PS256", "RS256")
_TAG: Final = 16
_AHEAD: Final = 60
_USED: Final = "the DPoP proof was used before"


class DpopNonces:
    """Nonces that say when they were made, so that nobody has to keep them (RFC 9449 section 9).

    `secret` is at least 32 random bytes, the same in every process that serves the API. A nonce is good for `lifetime`
    seconds. Raises ConfigError.
    """

    def __init__(self, secret: bytes, lifetime: int = 300) -> None:
        if len(secret) < 32 or lifetime <= 0:
            raise ConfigError("the secret must have at least 32 bytes, and the lifetime must be positive")
        self._secret = secret
        self._lifetime = lifetime

    def make(self, now: int) -> str:
        """A nonce made at `now` (seconds since the Unix epoch)."""
        moment = now.to_bytes(8, "big")
        return b64url_encode(moment + self._tag(moment))

    def holds(self, nonce: str, now: int) -> bool:
        """Whether `nonce` is ours and not too old."""
        try:
            raw = b64url_decode(nonce)
        except MalformedJose:
            return False
        moment, tag = raw[:8], raw[8:]
        if len(tag) != _TAG or not hmac.compare_digest(tag, self._tag(moment)):
            return False
        # Another process may have made it, by a clock that is ahead of this one.
        return -_AHEAD <= now - int.from_bytes(moment, "big") <= self._lifetime

    def _tag(self, moment: bytes) -> bytes:
        return hmac.digest(self._secret, b"dpop-nonce" + moment, hashlib.sha256)[:_TAG]

    def __repr__(self) -> str:
        return f"DpopNonces(lifetime={self._lifetime})"


class DpopVerifier:
    """Checks DPoP proofs for one API. Safe to share between threads and tasks.

    `base_urls` is where clients reach the API, as `https://api.example.no` or with the part of the path that a proxy
    takes away: the host that a request names is its sender's word, and nothing is believed of it. A proof is good from
    `leeway` seconds before its `iat` until `max_age` after. With `nonces` each proof must hold one. With `required`
    a token that is not bound to a key is refused. Raises ConfigError.
    """

    def __init__(
        self,
        base_urls: str | Iterable[str],
        *,
        algorithms: Iterable[str] = DPOP_ALGORITHMS,
        max_age: int = 60,
        leeway: int = 10,
        memory: ProofMemory | None = None,
        nonces: DpopNonces | None = None,
        required: bool = False,
    ) -> None:
        self._bases = tuple(map(_base, (base_urls,) if isinstance(base_urls, str) else base_urls))
        self.algorithms = tuple(dict.fromkeys(algorithms))
        self.required = required
        self._accepted = frozenset(self.algorithms)
        self._max_age, self._leeway = max_age, leeway
        self._memory: ProofMemory = memory if memory is not None else RecentProofs()
        self._awaited = self._memory if isinstance(self._memory, AwaitedProofMemory) else None
        self._nonces = nonces
        if not self._bases:
            raise ConfigError("name at least one base URL")
        if not self._accepted or not self._accepted <= KNOWN_ALGORITHMS:
            raise ConfigError("algorithms must be among " + ", ".join(sorted(KNOWN_ALGORITHMS)))
        if not 0 < max_age <= 3600 or not 0 <= leeway <= 300:
            raise ConfigError("max_age must be 1 to 3600 seconds, leeway 0 to 300")

    def verify(self, presented: Presented, jkt: str, now: int) -> None:
        """Whether the key with thumbprint `jkt` signed for this request at `now` (seconds since the Unix epoch).

        Checks 1 to 12 of RFC 9449 section 4.3. A proof counts as used only when all else is right with it.
        Raises InvalidProof, NonceWanted, InvalidToken when the token is bound to another key, or what the memory does.
        """
        proof = self._proven(presented, jkt, now)
        if not self._memory.first_use(proof.digest, proof.issued_at, now, self._horizon(now)):
            raise InvalidProof(_USED)

    async def averify(self, presented: Presented, jkt: str, now: int) -> None:
        """The same, awaited. Only a memory with `afirst_use` ever suspends it."""
        proof = self._proven(presented, jkt, now)
        asked = proof.digest, proof.issued_at, now, self._horizon(now)
        is_new = self._memory.first_use(*asked) if self._awaited is None else await self._awaited.afirst_use(*asked)
        if not is_new:
            raise InvalidProof(_USED)

    def _proven(self, presented: Presented, jkt: str, now: int) -> DpopProof:
        proof = read_proof(the_proof(presented.dpop), self._accepted)
        if proof.htm != presented.method:
            raise InvalidProof("the DPoP proof is for another method")
        if proof.htu not in self._addresses(presented.url):
            raise InvalidProof("the DPoP proof is for another address")
        self._check_nonce(proof, now)
        if not self._horizon(now) <= proof.issued_at <= now + self._leeway:
            raise InvalidProof("the DPoP proof is too old, or from the future")
        if proof.ath is None or not hmac.compare_digest(
            proof.ath.encode(), access_token_hash(presented.token).encode()
        ):
            raise InvalidProof("the DPoP proof is for another access token")
        if not hmac.compare_digest(proof.thumbprint, jkt):
            raise InvalidToken("the token is bound to another key than the proof's")
        return proof

    def _horizon(self, now: int) -> int:
        return now - self._max_age - self._leeway

    def _addresses(self, url: str) -> list[str]:
        try:
            path = normal_path(re.split("[?#]", url, maxsplit=1)[0] if url.startswith("/") else urlsplit(url).path)
        except (NotAnAddress, ValueError):
            raise InvalidProof("the address of the request cannot be told") from None
        return [base + path for base in self._bases]

    def _check_nonce(self, proof: DpopProof, now: int) -> None:
        if self._nonces is None:
            return
        if proof.nonce is None or not self._nonces.holds(proof.nonce, now):
            raise NonceWanted(
                "the DPoP proof holds no nonce, or not one that is good now", nonce=self._nonces.make(now)
            )


def _base(url: str) -> str:
    try:
        return normal_htu(url).removesuffix("/")
    except NotAnAddress as error:
        raise ConfigError(f"a base URL: {error}") from None
