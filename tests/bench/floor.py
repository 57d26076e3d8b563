"""The floor: what the signatures alone cost one core, in the same run and with the same library as our server."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
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
    return {"microseconds": costs, "tokens_per_second": tokens}


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
