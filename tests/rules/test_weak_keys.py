"""RSA moduli that should never have been made (R-034)."""

from itertools import count
from math import isqrt, prod
from random import Random

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from authserver.oauth.weak_keys import weakness

RANDOM = Random(20171015)


def primes(largest: int) -> list[int]:
    return [n for n in range(2, largest + 1) if all(n % d for d in range(2, isqrt(n) + 1))]


SMALL = primes(2000)


def is_prime(number: int) -> bool:
    return all(number % prime for prime in SMALL) and pow(3, number - 1, number) == 1


def roca_prime() -> int:
    """Make a 1024-bit prime as the faulty library did: k M + (65537^a mod M), M the product of 126 primes."""
    primorial = prod(primes(701))
    while True:
        k = RANDOM.getrandbits(1024 - primorial.bit_length()) | 1 << 1023 - primorial.bit_length()
        candidate = k * primorial + pow(65537, RANDOM.getrandbits(200), primorial)
        if is_prime(candidate):
            return candidate


def strong_primes() -> tuple[int, int]:
    numbers = rsa.generate_private_key(65537, 2048).private_numbers()
    return numbers.p, numbers.q


P, Q = strong_primes()


def test_a_modulus_of_two_good_primes_passes() -> None:
    """A freshly made key has no weakness that we look for."""
    assert weakness(P * Q) == ""


@pytest.mark.parametrize("factor", [2, 3, 65537 % 10_000, 9973])
def test_a_small_factor_is_found(factor: int) -> None:
    """A modulus with a factor below ten thousand is refused."""
    assert "small factor" in weakness(P * Q * factor)


@pytest.mark.parametrize("other", [P, next(p for p in count(P + 2, 2) if is_prime(p))], ids=["equal", "neighbours"])
def test_close_primes_are_found(other: int) -> None:
    """Fermat's method factors a modulus whose primes are neighbours, so such a key is refused."""
    assert "too close" in weakness(P * other)


def test_the_roca_fingerprint_is_found() -> None:
    """CVE-2017-15361: a modulus of two primes in the faulty form is recognised; one such prime is not enough."""
    one, two = roca_prime(), roca_prime()
    assert "ROCA" in weakness(one * two)
    assert weakness(one * P) == ""
