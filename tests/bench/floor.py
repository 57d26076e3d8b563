"""The floor: what the signatures alone cost one core, in the same run and with the same library as our server."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from tests.bench.plan import PROFILES, cores
from tests.bench.processes import pinned

_MESSAGE = b"x" * 400
_ROUNDS = 5


def measure(seconds: float) -> dict[str, Any]:
    """Measure microseconds for each operation, and tokens a second if a token were nothing but its signatures.

    `seconds` is the time for each operation. The size of the message is that of an assertion's header and claims.
    """
    with pinned(frozenset(cores()[:1])):
        costs = {name: _microseconds(operation, seconds) for name, operation in _operations().items()}
    pairs = {(assertion, token) for _, assertion, token in PROFILES}
    tokens = {f"{a} → {t}": 1e6 / (costs[f"verify {a}"] + costs[f"sign {t}"]) for a, t in sorted(pairs)}
    return {"microseconds": costs, "tokens_per_second": tokens, "two_cores_over_one": _two_cores_over_one(seconds)}


def _two_cores_over_one(seconds: float) -> float | None:
    """What two processes on two cores sign and verify together, times what one does on one; None on a single core.

    Cores of a virtual machine may be threads of one real core: what this falls short of 2, no server can make up.
    """
    available = cores()
    if len(available) < 2:
        return None
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:

        def together(count: int) -> int:
            return sum(pool.map(_signed, available[:count], [seconds] * count))

        together(2)  # starts both
        return statistics.median(together(2) / together(1) for _ in range(_ROUNDS))


def _signed(core: int, seconds: float) -> int:
    """How many tokens' signatures, RS256 → ES256, one core makes in that time."""
    operations = _operations()
    verify, sign = operations["verify RS256"], operations["sign ES256"]
    with pinned(frozenset({core})):
        count, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            verify()
            sign()
            count += 1
    return count


def _operations() -> dict[str, Callable[[], object]]:
    rsa_key, ec_key = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
    rsa_public, ec_public = rsa_key.public_key(), ec_key.public_key()
    sha256, pkcs1 = hashes.SHA256(), padding.PKCS1v15()
    ecdsa = ec.ECDSA(sha256)
    rsa_signature, ec_signature = rsa_key.sign(_MESSAGE, pkcs1, sha256), ec_key.sign(_MESSAGE, ecdsa)
    return {
        "verify RS256": lambda: rsa_public.verify(rsa_signature, _MESSAGE, pkcs1, sha256),
        "verify ES256": lambda: ec_public.verify(ec_signature, _MESSAGE, ecdsa),
        "sign RS256": lambda: rsa_key.sign(_MESSAGE, pkcs1, sha256),
        "sign ES256": lambda: ec_key.sign(_MESSAGE, ecdsa),
    }


def _microseconds(operation: Callable[[], object], seconds: float) -> float:
    """The median over some rounds of the mean cost of one call."""
    rounds = []
    for _ in range(_ROUNDS):
        calls, began = 0, time.perf_counter()
        while (passed := time.perf_counter() - began) < seconds / _ROUNDS:
            operation()
            calls += 1
        rounds.append(passed / calls * 1e6)
    return statistics.median(rounds)
