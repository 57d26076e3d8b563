"""The ring of signing keys, as the server signs by it and as the operator changes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from authserver.keys.directory import KeyDirectory, Stamp
from authserver.keys.faults import BrokenKeyError, ChangeRefusedError, KeyRingError
from authserver.keys.jwks import KeySet, key_set
from authserver.keys.life import (
    ACTIVATE_IN,
    RETIRE_KEEP,
    KeyLife,
    KeyState,
    Lives,
    algorithms_without_key,
    announce,
    published,
    settle,
    signing,
    withdraw,
)
from authserver.keys.private_key import ALGORITHMS, RSA_BITS
from authserver.keys.signing_key import SigningKey

FIRST_ALGORITHMS = ("RS256", "ES256")
"""What both token profiles need from the first day."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyDescription:
    """What may be told about a key. Times are seconds since the Unix epoch."""

    kid: str
    alg: str
    state: KeyState
    created_at: int
    active_from: int
    retired_at: int | None
    removed_at: int | None


@dataclass(frozen=True, slots=True)
class RingOptions:
    """How new keys are made and old ones kept.

    `retire_keep` is how many seconds a retired key stays published, and must cover the longest token life;
    `refused_thumbprints` names keys that the ring must not be opened with, such as the published examples.
    """

    retire_keep: int = RETIRE_KEEP
    rsa_bits: int = RSA_BITS
    refused_thumbprints: Collection[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Loaded:
    stamp: Stamp
    lives: Lives
    keys: dict[str, SigningKey]


class KeyRing:
    """Our signing keys. Make one with `KeyRing.open`. Reading is safe from any thread, changing from any process."""

    def __init__(self, directory: KeyDirectory, clock: Callable[[], int], options: RingOptions) -> None:
        self._directory = directory
        self._clock = clock
        self._options = options
        self._key_sets: dict[frozenset[str] | None, KeySet] = {}
        self._looked_at = clock()
        self._fault: KeyRingError | None = None
        self._loaded = self._load()

    @classmethod
    def open(cls, directory: Path, clock: Callable[[], int], options: RingOptions | None = None) -> KeyRing:
        """Read the keys in the directory, which need not exist yet.

        `clock` returns seconds since the Unix epoch. Raises BrokenKeyError for a file that must not be used.
        """
        return cls(KeyDirectory(directory), clock, options or RingOptions())

    @property
    def fault(self) -> str | None:
        """Why the last look at the directory could not be followed; the keys read before it stay in use."""
        return None if self._fault is None else str(self._fault)

    def list(self) -> tuple[KeyDescription, ...]:
        """Describe every key there is a file for, removed ones included, by algorithm and age."""
        now = self._clock()
        self._look(now)
        lives = sorted(self._loaded.lives, key=lambda life: (life.alg, life.active_from, life.kid))
        return tuple(_describe(life, now) for life in lives)

    def signing_key(self, alg: str, now: int) -> SigningKey | None:
        """Return the key that signs this algorithm at `now`, if there is one."""
        self._look(now)
        loaded = self._loaded
        life = signing(loaded.lives, alg, now)
        return None if life is None else loaded.keys[life.kid]

    def jwks(self, now: int, *, algorithms: frozenset[str] | None = None) -> KeySet:
        """Return the JWK Set to serve at `now`: of these algorithms, or all. Made anew only when its keys change."""
        self._look(now)
        loaded = self._loaded
        lives = [life for life in published(loaded.lives, now) if algorithms is None or life.alg in algorithms]
        known = self._key_sets.get(algorithms)
        if known is None or known.kids != tuple(life.kid for life in lives):
            known = self._key_sets[algorithms] = key_set(loaded.keys[life.kid] for life in lives)
        return known

    def init(self, algorithms: Collection[str] = FIRST_ALGORITHMS) -> tuple[KeyDescription, ...]:
        """Make a key, active at once, for each algorithm that has none active; return those made.

        Raises ChangeRefusedError for an algorithm we do not have, BrokenKeyError as `open` does.
        """
        with self._directory.locked():
            now = self._clock()
            made = []
            for alg in algorithms_without_key(self._load().lives, algorithms, now):
                made.append(self._generate(alg, now, now))
                self._directory.write(made[-1])
            self._loaded = self._load()
        return tuple(_describe(key.life, now) for key in made)

    def rotate(self, alg: str, *, activate_in: int = ACTIVATE_IN) -> KeyDescription:
        """Announce a new key that starts signing `activate_in` seconds from now; the present one retires then.

        Zero is for emergencies: validators with an old key set refuse the first tokens until they fetch again.
        Raises ChangeRefusedError when a rotation is under way or the arguments make no sense; BrokenKeyError as `open`.
        """
        if activate_in < 0:
            raise ChangeRefusedError("A key cannot become active in the past.")
        with self._directory.locked():
            now = self._clock()
            new = self._generate(alg, now, now + activate_in)
            loaded = self._load()
            lives = announce(loaded.lives, new.life, now, self._options.retire_keep)
            return self._change((*loaded.keys.values(), new), lives, new.life.kid)

    def retire(self, kid: str, *, now: int | None = None) -> KeyDescription:
        """Take a key out of the JWKS at once; tokens it signed stop verifying as validators fetch the set again.

        Raises ChangeRefusedError for an unknown key and for the one that signs; BrokenKeyError as `open` does.
        """
        with self._directory.locked():
            now = self._clock() if now is None else now
            loaded = self._load()
            lives = withdraw(loaded.lives, kid, now, self._options.retire_keep)
            return self._change(loaded.keys.values(), lives, kid)

    def reload_if_changed(self) -> bool:
        """Read the directory again if its files changed since; return whether they had. Costs one `stat` a file.

        Raises BrokenKeyError when they cannot be used, and goes on with those read before.
        """
        if self._directory.stamp() == self._loaded.stamp:
            return False
        self._loaded = self._load()
        return True

    def _look(self, now: int) -> None:
        """Notice what another process changed, once a second, without ever failing a request for it."""
        if now == self._looked_at:
            return
        self._looked_at = now
        try:
            self.reload_if_changed()
            self._fault = None
        except (KeyRingError, OSError) as fault:
            if str(fault) != self.fault:
                _log.error("The signing keys were changed but cannot be used, the former stay in use: %s", fault)
            self._fault = fault if isinstance(fault, KeyRingError) else KeyRingError(str(fault))

    def _load(self) -> _Loaded:
        # The stamp is taken first: what changes while we read makes the next look read again.
        stamp = self._directory.stamp()
        keys = {key.life.kid: key for key in self._directory.read()}
        for kid in keys:
            if kid in self._options.refused_thumbprints:
                raise BrokenKeyError(f"{kid}.json", "is an example key that anyone may have, refused outside dev")
        lives = settle((key.life for key in keys.values()), self._clock(), self._options.retire_keep)
        return _Loaded(stamp, lives, {life.kid: keys[life.kid].with_life(life) for life in lives})

    def _change(self, keys: Iterable[SigningKey], lives: Lives, kid: str) -> KeyDescription:
        """Write every key whose file tells another life, the one it is about first: the rest follows from that one."""
        by_kid = {key.life.kid: key for key in keys}
        for life in sorted(lives, key=lambda life: life.kid != kid):
            key = by_kid[life.kid].with_life(life)
            if not key.saved:
                self._directory.write(key)
        self._loaded = self._load()
        return _describe(self._loaded.keys[kid].life, self._clock())

    def _generate(self, alg: str, now: int, active_from: int) -> SigningKey:
        if alg not in ALGORITHMS:
            raise ChangeRefusedError(f"There is no algorithm of that name; there are {', '.join(ALGORITHMS)}.")
        return SigningKey.generate(alg, bits=self._options.rsa_bits, created_at=now, active_from=active_from)


def _describe(life: KeyLife, now: int) -> KeyDescription:
    return KeyDescription(
        life.kid, life.alg, life.state(now), life.created_at, life.active_from, life.retired_at, life.removed_at
    )
