"""Key intake and verification (R-001, R-003, R-033 to R-036; RFC 7517, 7518, 7638, 8032, 8037)."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from authserver.oauth import jwk
from authserver.oauth.errors import Reason
from authserver.oauth.jose import decode_segment
from tests.support.build import b64, key, refuses, uint

ALGS = ("RS256", "PS256", "RS384", "RS512", "ES256", "ES384", "Ed25519")
RSA, P256, P384, ED25519 = (dict(key(alg).jwk) for alg in ("RS256", "ES256", "ES384", "Ed25519"))
N = int.from_bytes(decode_segment(RSA["n"]), "big")


@pytest.mark.parametrize("alg", ALGS)
def test_a_key_verifies_what_its_private_half_signed(alg: str) -> None:
    """Each algorithm verifies a signature made by bare primitives, over exactly these bytes (RFC 7515 §5.2)."""
    pair = key(alg)
    verifier = jwk.accept(pair.jwk, alg=alg).verifier
    signature = pair.sign(b"signed")
    assert verifier.verify(b"signed", signature)
    assert not verifier.verify(b"signed.", signature)
    assert not verifier.verify(b"", signature)


@pytest.mark.parametrize("alg", ALGS)
@pytest.mark.parametrize("other", ALGS)
def test_only_the_diagonal_of_keys_and_algorithms_verifies(alg: str, other: str) -> None:
    """R-003: a signature of one key and algorithm is refused by every other."""
    verifier = jwk.accept(key(alg).jwk, alg=alg).verifier
    assert verifier.verify(b"signed", key(other).sign(b"signed")) is (alg == other)


def test_one_key_never_serves_two_algorithms() -> None:
    """R-003: an RSA key registered for RS256 does not verify its own RS384, RS512 or PS256 signature."""
    bound = jwk.accept(key("RS256").jwk, alg="RS256").verifier
    for alg in ("PS256", "RS384", "RS512"):
        assert jwk.accept(key(alg).jwk, alg=alg).verifier.verify(b"x", key(alg).sign(b"x"))
        assert not jwk.accept(key(alg).jwk, alg="RS256").verifier.verify(b"x", key(alg).sign(b"x"))
        assert not bound.verify(b"x", key(alg).sign(b"x"))


VERIFIERS = {alg: jwk.accept(key(alg).jwk, alg=alg).verifier for alg in ALGS}


@given(
    st.sampled_from(ALGS),
    st.binary(max_size=40),
    st.binary(max_size=300)
    | st.sampled_from([64, 96, 256]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
)
def test_no_random_signature_verifies_or_raises(alg: str, data: bytes, signature: bytes) -> None:
    """Any bytes as signature are answered with no, at every length and for every algorithm."""
    assert VERIFIERS[alg].verify(data, signature) is False


ORDER_P256 = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_ecdsa_signatures_have_fixed_length_and_numbers_in_range() -> None:
    """R-036: DER, zero, and numbers of at least the group order are no signatures (RFC 7518 §3.4)."""
    verifier = VERIFIERS["ES256"]
    good = key("ES256").sign(b"signed")
    r, s = good[:32], good[32:]
    zero, order = bytes(32), ORDER_P256.to_bytes(32, "big")
    der = b"\x30\x44\x02\x20" + r + b"\x02\x20" + s
    for bad in (der, zero + zero, r + zero, zero + s, order + s, r + order, good + b"\0", b"\0" + good, good[:-1], b""):
        assert not verifier.verify(b"signed", bad)
    assert verifier.verify(b"signed", good)


def test_ecdsa_signatures_are_malleable() -> None:
    """A second valid signature follows from the first, so no signature may serve as a name for single use."""
    good = key("ES256").sign(b"signed")
    other = (ORDER_P256 - int.from_bytes(good[32:], "big")).to_bytes(32, "big")
    assert VERIFIERS["ES256"].verify(b"signed", good[:32] + other)


@pytest.mark.parametrize("alg", ALGS)
def test_intake_keeps_only_what_makes_the_key(alg: str) -> None:
    """The stored JWK is canonical JSON of the public members, whatever else the offered one carried."""
    offered = {**key(alg).jwk, "kid": "k", "use": "sig", "alg": alg, "key_ops": ["verify"], "x5c": ["MIIB"], "exp": 1}
    accepted = jwk.accept(offered)
    assert accepted.jwk == json.dumps(dict(key(alg).jwk), separators=(",", ":"), sort_keys=True)
    assert (accepted.kid, accepted.alg) == ("k", alg)
    again = jwk.verification_key(json.loads(accepted.jwk), accepted.alg)
    assert again.verify(b"x", key(alg).sign(b"x"))


def test_the_thumbprint_is_the_one_of_rfc_7638() -> None:
    """RFC 7638 §3.1 and RFC 8037 §A.3: the examples of the standards have the thumbprints that they print."""
    n = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknj"
        "hMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQ"
        "vRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
        "nqDKgw"
    )
    rfc_rsa = jwk.accept({"kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"})
    assert rfc_rsa.thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    rfc_ed = jwk.accept({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
    assert rfc_ed.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_names_fall_back_to_the_thumbprint_and_the_first_fitting_algorithm() -> None:
    """A JWK without kid and alg gets its thumbprint and its kind's usual algorithm; arguments win over members."""
    bare = jwk.accept(P256)
    assert (bare.kid, bare.alg) == (bare.thumbprint, "ES256")
    assert jwk.accept(RSA).alg == "RS256"
    named = jwk.accept({**RSA, "kid": "member", "alg": "RS256"}, kid="argument", alg="PS256")
    assert (named.kid, named.alg) == ("argument", "PS256")


def point_off_the_curve() -> dict[str, str]:
    y = int.from_bytes(decode_segment(P256["y"]), "big") ^ 1
    return {**P256, "y": uint(y, 32)}


P256_P = 2**256 - 2**224 + 2**192 + 2**96 - 1

REFUSED: dict[str, dict[str, Any]] = {
    # private or symmetric members, whatever their value, on whatever key.
    **{f"R-033-{name}": {**RSA, name: "AQAB"} for name in ("d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv")},
    "R-033-d-null": {**P256, "d": None},
    "R-033-oct": {"kty": "oct", "k": "AAAA"},
    "R-033-huge-private": {"kty": "RSA", "n": "q" * 2731, "e": "AQAB", "d": "q" * 2731},
    # RSA.
    "R-034-512-bit": {**RSA, "n": uint(2**511 + 1)},
    "R-034-1024-bit": {**RSA, "n": uint(2**1023 + 1)},
    "R-034-2047-bit": {**RSA, "n": uint(N >> 1 | 1)},
    "R-034-2048-bytes-of-2041-bit": {**RSA, "n": uint(N >> 7 | 1)},
    "R-034-4097-bit": {**RSA, "n": uint(2**4096 + 1)},
    "R-034-16384-bit": {**RSA, "n": uint(2**16383 + 1)},
    "R-034-65536-bit": {**RSA, "n": uint(2**65535 + 1)},
    "R-034-1-MB": {**RSA, "n": "q" * 1_000_000},
    "R-034-n-even": {**RSA, "n": uint(N - 1)},
    "R-034-n-zero": {**RSA, "n": "AA"},
    "R-034-n-empty": {**RSA, "n": ""},
    "R-034-n-small-factor": {**RSA, "n": uint(N - N % 9973)},
    "R-034-e-1": {**RSA, "e": "AQ"},
    "R-034-e-2": {**RSA, "e": "Ag"},
    "R-034-e-3": {**RSA, "e": "Aw"},
    "R-034-e-17": {**RSA, "e": "EQ"},
    "R-034-e-65536": {**RSA, "e": "AQAA"},
    "R-034-e-n-minus-2": {**RSA, "e": uint(N - 2)},
    "R-034-e-empty": {**RSA, "e": ""},
    "R-034-e-number": {**RSA, "e": 65537},
    "R-034-e-absent": {"kty": "RSA", "n": RSA["n"]},
    "R-034-n-absent": {"kty": "RSA", "e": "AQAB"},
    "7518-6.3.1.1-n-leading-zero": {**RSA, "n": b64(b"\0" + N.to_bytes(256, "big"))},
    "7518-6.3.1.2-e-leading-zero": {**RSA, "e": b64(b"\0\1\0\1")},
    "7518-2-n-padded": {**RSA, "n": RSA["n"] + "=="},
    "7518-2-n-white-space": {**RSA, "n": RSA["n"] + "\n"},
    "7518-2-n-stray-bits": {**RSA, "n": RSA["n"][:-1] + "_"},
    "7518-2-n-plain-base64": {**RSA, "n": "+" + RSA["n"][1:]},
    "n-list": {**RSA, "n": [RSA["n"]]},
    "n-full-width": {**RSA, "n": "\uff21" + RSA["n"][1:]},
    # EC.
    "7518-6.2.1-x-33-bytes": {**P256, "x": b64(b"\0" + decode_segment(P256["x"]))},
    "7518-6.2.1-y-33-bytes": {**P256, "y": b64(b"\0" + decode_segment(P256["y"]))},
    "7518-6.2.1-x-31-bytes": {**P256, "x": b64(decode_segment(P256["x"])[:-1])},
    "7518-6.2.1-y-absent": {name: P256[name] for name in ("kty", "crv", "x")},
    "ec-off-the-curve": point_off_the_curve(),
    "ec-zero": {**P256, "x": b64(bytes(32)), "y": b64(bytes(32))},
    "ec-swapped": {**P256, "x": P256["y"], "y": P256["x"]},
    "ec-x-plus-p": {**P256, "x": uint(P256_P, 32)},
    "ec-p-521": {**P256, "crv": "P-521"},
    "ec-secp256k1": {**P256, "crv": "secp256k1"},
    "ec-curve-of-another-size": {**P256, "crv": "P-384"},
    "ec-curve-list": {**P256, "crv": ["P-256"]},
    "ec-curve-absent": {name: P256[name] for name in ("kty", "x", "y")},
    # OKP.
    "okp-31-bytes": {**ED25519, "x": b64(bytes(31))},
    "okp-x25519": {**ED25519, "crv": "X25519"},
    "okp-ed448": {**ED25519, "crv": "Ed448"},
    "okp-x-absent": {"kty": "OKP", "crv": "Ed25519"},
    # The rest of the JWK.
    "kty-absent": {"n": RSA["n"], "e": "AQAB"},
    "kty-list": {**RSA, "kty": ["RSA"]},
    "kty-lower-case": {**RSA, "kty": "rsa"},
    "kty-akp": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
    "empty": {},
    "use-enc": {**RSA, "use": "enc"},
    "use-null": {**RSA, "use": None},
    "key-ops-sign": {**RSA, "key_ops": ["sign"]},
    "key-ops-text": {**RSA, "key_ops": "verify"},
    "key-ops-empty": {**RSA, "key_ops": []},
    "alg-hs256": {**RSA, "alg": "HS256"},
    "alg-none": {**RSA, "alg": "none"},
    "alg-es256-on-rsa": {**RSA, "alg": "ES256"},
    "alg-es384-on-p-256": {**P256, "alg": "ES384"},
    "alg-eddsa": {**ED25519, "alg": "EdDSA"},
    "alg-lower-case": {**RSA, "alg": "rs256"},
    "alg-list": {**RSA, "alg": ["RS256"]},
    "alg-null": {**RSA, "alg": None},
    "kid-empty": {**RSA, "kid": ""},
    "kid-number": {**RSA, "kid": 5},
    "kid-null": {**RSA, "kid": None},
    "kid-129-characters": {**RSA, "kid": "k" * 129},
    "kid-1-MB": {**RSA, "kid": "k" * 1_000_000},
    "kid-path": {**RSA, "kid": "../../etc/passwd\0"},
    "kid-sql": {**RSA, "kid": "' or 1=1 --"},
    "kid-line-feed": {**RSA, "kid": "kid\n"},
}


@pytest.mark.parametrize("offered", REFUSED.values(), ids=REFUSED)
def test_intake_refuses(offered: dict[str, Any]) -> None:
    """A JWK that is not exactly one strong public signature key is refused, and the refusal never shows the key."""
    with refuses(Reason.KEY_REFUSED) as caught:
        jwk.accept(offered)
    assert not any(isinstance(member, str) and len(member) > 8 and member in str(caught.value) for member in offered)


@pytest.mark.parametrize("alg", ["", "none", "HS256", "ES256K", "RSA-OAEP", "RS1"])
def test_an_algorithm_that_does_not_fit_is_refused(alg: str) -> None:
    """No key is bound to an algorithm of another kind, also where storage says so."""
    for offered in (RSA, P256, P384, ED25519):
        with refuses(Reason.KEY_REFUSED):
            jwk.accept(offered, alg=alg)
        with refuses(Reason.KEY_REFUSED):
            jwk.verification_key(offered, alg)


@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_rsa_keys_from_2048_to_4096_bits_are_taken(bits: int) -> None:
    """R-034: both ends of the range are inside."""
    numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
    assert jwk.accept({"kty": "RSA", "n": uint(numbers.n), "e": uint(numbers.e)}).alg == "RS256"


def test_ten_thousand_foreign_members_are_ignored() -> None:
    """A JWK blown up with foreign members is judged on its own members alone."""
    padding = {f"member-{number}": "x" for number in range(10_000)}
    assert len(jwk.accept({**padding, **P256}).jwk) < 200


# The curve -x^2 + y^2 = 1 + d x^2 y^2 over the field of 2^255 - 19 (RFC 8032 §5.1), written out to check the list.

FIELD = 2**255 - 19
D = -121665 * pow(121666, -1, FIELD) % FIELD
Point = tuple[int, int]


def add(one: Point, two: Point) -> Point:
    (x1, y1), (x2, y2) = one, two
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, FIELD)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, FIELD)
    return x % FIELD, y % FIELD


def x_of(y: int) -> int | None:
    """Recover a root x (RFC 8032 §5.1.3), None when there is no point with this y."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, FIELD) % FIELD
    root = pow(square, (FIELD + 3) // 8, FIELD)
    for candidate in (root, root * pow(2, (FIELD - 1) // 4, FIELD) % FIELD):
        if candidate * candidate % FIELD == square:
            return candidate
    return None


def times_eight(point: Point) -> Point:
    for _ in range(3):
        point = add(point, point)
    return point


NEUTRAL: Point = (0, 1)


def small_order_points() -> set[Point]:
    """Find the subgroup of order eight by multiplying any points with the order of the large one."""
    order = 2**252 + 27742317777372353535851937790883648493
    found: set[Point] = {NEUTRAL}
    y = 2
    while len(found) < 8:
        y += 1
        x = x_of(y)
        if x is None:
            continue
        multiple, addend, rest = NEUTRAL, (x, y), order
        while rest:
            multiple = add(multiple, addend) if rest & 1 else multiple
            addend, rest = add(addend, addend), rest >> 1
        found |= {add(one, multiple) for one in found} | {multiple}
    return found


def encoded(y: int, sign: int) -> str:
    return b64((y | sign << 255).to_bytes(32, "little"))


def test_every_point_of_small_order_is_refused() -> None:
    """R-035: the eight points of small order, found by curve arithmetic, are refused in both signs of x."""
    points = small_order_points()
    assert len(points) == 8
    assert {times_eight(point) for point in points} == {NEUTRAL}
    for _, y in points:
        for sign in (0, 1):
            with refuses(Reason.KEY_REFUSED):
                jwk.accept({**ED25519, "x": encoded(y, sign)})


def test_the_refused_points_are_no_others() -> None:
    """Each y on the list belongs to a point whose multiple by eight is the neutral one, so no good key is refused."""
    assert {y for _, y in small_order_points()} == set(jwk._ED25519_SMALL_ORDER_Y)


def test_every_non_canonical_point_is_refused() -> None:
    """R-035: a y of the field's prime or more is not canonical (RFC 8032 §5.1.3)."""
    for y in range(FIELD, 2**255):
        for sign in (0, 1):
            with refuses(Reason.KEY_REFUSED):
                jwk.accept({**ED25519, "x": encoded(y, sign)})


def test_the_forgery_that_small_order_would_allow() -> None:
    """Under the neutral point the library verifies one signature for every message, which intake makes impossible."""
    neutral = ed25519.Ed25519PublicKey.from_public_bytes(decode_segment(encoded(1, 0)))
    forged = decode_segment(encoded(1, 0)) + bytes(32)
    neutral.verify(forged, b"any message")
    with refuses(Reason.KEY_REFUSED):
        jwk.verification_key({**ED25519, "x": encoded(1, 0)}, "Ed25519")


# PEM.


def pem(private: Any) -> str:
    public = private.public_key()
    return str(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii"))


@pytest.mark.parametrize(
    ("private", "alg"),
    [
        pytest.param(rsa.generate_private_key(65537, 2048), "RS256", id="RSA"),
        pytest.param(ec.generate_private_key(ec.SECP256R1()), "ES256", id="P-256"),
        pytest.param(ec.generate_private_key(ec.SECP384R1()), "ES384", id="P-384"),
        pytest.param(ed25519.Ed25519PrivateKey.generate(), "Ed25519", id="Ed25519"),
    ],
)
def test_a_pem_key_is_the_same_as_its_jwk(private: Any, alg: str) -> None:
    """A PEM public key is judged as its JWK would be, with the same thumbprint."""
    accepted = jwk.accept_pem(pem(private), kid="k")
    assert (accepted.kid, accepted.alg) == ("k", alg)
    assert jwk.accept(json.loads(accepted.jwk)).thumbprint == accepted.thumbprint
    assert jwk.accept_pem(pem(private)).kid == accepted.thumbprint


def test_short_coordinates_keep_their_length() -> None:
    """A point whose coordinate starts with a zero octet is written with full length (RFC 7518 §6.2.1.2)."""
    numbers = ec.generate_private_key(ec.SECP256R1())
    while numbers.public_key().public_numbers().x >> 248:
        numbers = ec.generate_private_key(ec.SECP256R1())
    assert json.loads(jwk.accept_pem(pem(numbers)).jwk)["x"].startswith("A")


def test_a_pem_key_can_be_bound_to_another_fitting_algorithm() -> None:
    """The algorithm given beside a PEM key binds it."""
    assert jwk.accept_pem(pem(rsa.generate_private_key(65537, 2048)), alg="PS256").alg == "PS256"


def private_pem() -> str:
    private = ec.generate_private_key(ec.SECP256R1())
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii")


FRAME = "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n"
REFUSED_PEM = {
    "private": private_pem(),
    "private-beside-public": pem(ec.generate_private_key(ec.SECP256R1())) + private_pem(),
    "empty": "",
    "no-body": FRAME.format(""),
    "no-der": FRAME.format("AAAA"),
    "no-base64": FRAME.format("\u00e5"),
    "lone-surrogate": FRAME.format("\ud800"),
    "certificate": FRAME.format("AAAA").replace("PUBLIC KEY", "CERTIFICATE"),
    "ssh": "ssh-ed25519 AAAA BEGIN PUBLIC KEY",
    "jwk": json.dumps({**P256, "note": "BEGIN PUBLIC KEY"}),
    "too-long": pem(ec.generate_private_key(ec.SECP256R1())) + " " * 20_000,
    "rsa-1024": pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505 - what is refused
    "rsa-e-3": pem(rsa.generate_private_key(3, 2048)),
    "P-521": pem(ec.generate_private_key(ec.SECP521R1())),
    "P-224": pem(ec.generate_private_key(ec.SECP224R1())),
    "secp256k1": pem(ec.generate_private_key(ec.SECP256K1())),
    "brainpool": pem(ec.generate_private_key(ec.BrainpoolP256R1())),
    "X25519": pem(x25519.X25519PrivateKey.generate()),
    "Ed448": pem(ed448.Ed448PrivateKey.generate()),
    "DSA": pem(dsa.generate_private_key(2048)),
}


@pytest.mark.parametrize("text", REFUSED_PEM.values(), ids=REFUSED_PEM)
def test_pem_intake_refuses(text: str) -> None:
    """Text that is not one strong PEM public key is refused, never a fault."""
    with refuses(Reason.KEY_REFUSED):
        jwk.accept_pem(text)
