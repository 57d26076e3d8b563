"""RSA moduli that should never have been made: small factors, close primes, and the ROCA fingerprint.

All checks cost well under a millisecond for the sizes that intake allows.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd, isqrt, prod

_SMALL = 10_000
_FERMAT_STEPS = 64
_ROCA_GENERATOR = 65537
_ROCA_LARGEST = 167


def weakness(modulus: int) -> str:
    """Name what is wrong with an RSA modulus, or return an empty string."""
    if modulus % 2 == 0 or gcd(modulus, _small_primorial()) != 1:
        return "its modulus has a small factor"
    if _primes_are_close(modulus):
        return "its two primes are too close together"
    if _has_roca_fingerprint(modulus):
        return "it was made by a library with the ROCA fault (CVE-2017-15361)"
    return ""


def _primes_are_close(modulus: int) -> bool:
    """Try a few steps of Fermat's factoring, which succeed at once when p and q share their upper half."""
    root = isqrt(modulus - 1) + 1
    return any(_is_square((root + step) ** 2 - modulus) for step in range(_FERMAT_STEPS))


def _is_square(number: int) -> bool:
    return isqrt(number) ** 2 == number


def _has_roca_fingerprint(modulus: int) -> bool:
    """Every ROCA prime is a power of 65537 modulo a primorial, so its product is one modulo each small prime."""
    return all(modulus % prime in residues for prime, residues in _roca_residues())


@lru_cache(maxsize=1)
def _roca_residues() -> tuple[tuple[int, frozenset[int]], ...]:
    return tuple((prime, _powers(prime)) for prime in _primes(_ROCA_LARGEST) if prime > 2)


def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(_ROCA_GENERATOR, exponent, prime) for exponent in range(prime - 1))


@lru_cache(maxsize=1)
def _small_primorial() -> int:
    return prod(_primes(_SMALL))


def _primes(largest: int) -> list[int]:
    sieve = bytearray([1]) * (largest + 1)
    sieve[0:2] = b"\0\0"
    for number in range(2, isqrt(largest) + 1):
        if sieve[number]:
            sieve[number * number :: number] = bytes(len(range(number * number, largest + 1, number)))
    return [number for number in range(largest + 1) if sieve[number]]
