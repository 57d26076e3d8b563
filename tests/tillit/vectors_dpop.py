"""The shared vectors of DPoP: proofs, and which token may come in which way."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from tests.tillit.by_hand import PrivateKey, b64, public_jwk
from tests.tillit.vector_keys import vector_keys
from tests.tillit.vectors_bound import ABSENT, API, ISSUER, NOW, bare, bound_token, jwk_thumbprint, signed

MAX_AGE, LEEWAY = 60, 10
BASE, PATH = "https://api.example.no", "/v1/people"
URL = BASE + PATH
OK, TOKEN, PROOF = "ok", "invalid_token", "invalid_dpop_proof"

Case: TypeAlias = dict[str, Any]

# What is changed in a good proof for `GET /v1/people`, and what becomes of it. Members of the header begin with a dot.
CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, OK),
    "unknown claim": ({"x": 1}, OK),
    "unknown header": ({".x": 1}, OK),
    "typ with its prefix": ({".typ": "application/dpop+jwt"}, OK),
    "typ in capitals": ({".typ": "DPOP+JWT"}, OK),
    "a kid besides": ({".kid": "k"}, OK),
    "first second": ({"iat": NOW - MAX_AGE - LEEWAY}, OK),
    "last second of the leeway": ({"iat": NOW + LEEWAY}, OK),
    "too old": ({"iat": NOW - MAX_AGE - LEEWAY - 1}, PROOF),
    "from the future": ({"iat": NOW + LEEWAY + 1}, PROOF),
    "iat absent": ({"iat": ABSENT}, PROOF),
    "iat a text": ({"iat": str(NOW)}, PROOF),
    "iat a fraction": ({"iat": NOW + 0.5}, PROOF),
    "iat true": ({"iat": True}, PROOF),
    "jti absent": ({"jti": ABSENT}, PROOF),
    "jti empty": ({"jti": ""}, PROOF),
    "jti a number": ({"jti": 7}, PROOF),
    "jti longer than 256": ({"jti": "x" * 257}, PROOF),
    "htm absent": ({"htm": ABSENT}, PROOF),
    "htm of another method": ({"htm": "POST"}, PROOF),
    "htm in lower case": ({"htm": "get"}, PROOF),
    "htm a list": ({"htm": ["GET"]}, PROOF),
    "htu absent": ({"htu": ABSENT}, PROOF),
    "htu of another path": ({"htu": f"{BASE}/v1/other"}, PROOF),
    "htu of a longer path": ({"htu": f"{URL}/1"}, PROOF),
    "htu with a slash at its end": ({"htu": f"{URL}/"}, PROOF),
    "htu of another host": ({"htu": f"https://evil.example.no{PATH}"}, PROOF),
    "htu of another port": ({"htu": f"{BASE}:8443{PATH}"}, PROOF),
    "htu by plain http": ({"htu": f"http://api.example.no{PATH}"}, PROOF),
    "htu with a user": ({"htu": f"https://user@api.example.no{PATH}"}, PROOF),
    "htu that is a path": ({"htu": PATH}, PROOF),
    "htu with a space": ({"htu": f"{URL} "}, PROOF),
    "htu in capitals": ({"htu": f"{BASE}/V1/PEOPLE"}, PROOF),
    "htu with a broken escape": ({"htu": f"{BASE}/v1/%zzpeople"}, PROOF),
    "htu that escapes the slash": ({"htu": f"{BASE}/v1%2Fpeople"}, PROOF),
    "htu with a query": ({"htu": f"{URL}?a=b"}, OK),
    "htu with a fragment": ({"htu": f"{URL}#a"}, OK),
    "htu with the default port": ({"htu": f"{BASE}:443{PATH}"}, OK),
    "htu with host and scheme in capitals": ({"htu": f"HTTPS://API.Example.NO{PATH}"}, OK),
    "htu with an escape it does not need": ({"htu": f"{BASE}/v1/%70eople"}, OK),
    "htu with dot segments": ({"htu": f"{BASE}/v1/./x/../people"}, OK),
    "ath absent": ({"ath": ABSENT}, PROOF),
    "ath of another token": ({"ath": b64(hashlib.sha256(b"other").digest())}, PROOF),
    "ath padded": ({"ath": "="}, PROOF),
    "ath null": ({"ath": None}, PROOF),
    "nonce nobody asked for": ({"nonce": "n"}, OK),
    "nonce a number": ({"nonce": 1}, PROOF),
    "typ absent": ({".typ": ABSENT}, PROOF),
    "typ JWT": ({".typ": "JWT"}, PROOF),
    "typ of a token": ({".typ": "at+jwt"}, PROOF),
    "alg absent": ({".alg": ABSENT}, PROOF),
    "alg none": ({".alg": "none"}, PROOF),
    "alg of a secret": ({".alg": "HS256"}, PROOF),
    "alg that the key is not for": ({".alg": "ES384"}, PROOF),
    "alg in lower case": ({".alg": "es256"}, PROOF),
    "jwk absent": ({".jwk": ABSENT}, PROOF),
    "jwk a text": ({".jwk": "x"}, PROOF),
    "jwk a secret": ({".jwk": {"kty": "oct", "k": "AAAA"}}, PROOF),
    "jwk empty": ({".jwk": {}}, PROOF),
    "crit": ({".crit": ["exp"]}, PROOF),
    "b64": ({".b64": False}, PROOF),
    "jku": ({".jku": "https://evil.example.no/jwk"}, PROOF),
    "x5c": ({".x5c": ["AA"]}, PROOF),
    "zip": ({".zip": "DEF"}, PROOF),
}

MANGLED: dict[str, Callable[[str, str], str]] = {
    "no signature": lambda text, _: text.rpartition(".")[0] + ".",
    "two parts": lambda text, _: text.rpartition(".")[0],
    "four parts": lambda text, _: text + ".AAAA",
    "padding": lambda text, _: text + "=",
    "signature of another proof": lambda text, other: text.rpartition(".")[0] + "." + other.rpartition(".")[2],
    "signature of zeros": lambda text, _: text.rpartition(".")[0] + "." + b64(bytes(64)),
    "empty": lambda _, __: "",
    "a word": lambda _, __: "proof",
}


def dpop_document() -> dict[str, Any]:
    """The whole of dpop-proofs.json."""
    keys = vector_keys("authority")
    return {
        "jwks": {"keys": [public_jwk(keys["ES256"], "es256", "ES256")]},
        "issuer": ISSUER,
        "audience": API,
        "base_urls": [BASE],
        "algorithms": ["ES256", "ES384", "Ed25519", "RS256"],
        "max_age": MAX_AGE,
        "leeway": LEEWAY,
        "cases": list(_dpop_cases(keys["ES256"])),
    }


def _dpop_cases(authority: PrivateKey) -> Iterator[Case]:
    clients, strangers = vector_keys("client"), vector_keys("stranger")
    key = clients["ES256"]
    token = bound_token(authority, {"jkt": jwk_thumbprint(key)})
    plain = bound_token(authority, None)
    other = _proof("ES256", key, token, {"jti": "other"})
    for name, (changes, verdict) in CHANGES.items():
        yield _case(name, token, [_proof("ES256", key, token, changes)], verdict)
    for name, mangle in MANGLED.items():
        yield _case(name, token, [mangle(_proof("ES256", key, token, {}), other)], PROOF)
    for alg, own in clients.items():
        bound = bound_token(authority, {"jkt": jwk_thumbprint(own)})
        yield _case(f"{alg}: good", bound, [_proof(alg, own, bound, {})], OK)
        yield _case(f"{alg}: a stranger's key", bound, [_proof(alg, strangers[alg], bound, {})], TOKEN)
        swapped = _proof(alg, own, bound, {".jwk": bare(strangers[alg])})
        yield _case(f"{alg}: another key than the one in the header", bound, [swapped], PROOF)
        private = _proof(alg, own, bound, {".jwk": bare(own) | {"d": "AAAA"}})
        yield _case(f"{alg}: a private key in the header", bound, [private], PROOF)
    proof = _proof("ES256", key, token, {})
    yield _case("no proof", token, [], PROOF)
    yield _case("two proofs", token, [proof, other], PROOF)
    yield _case("the same proof twice at once", token, [proof, proof], PROOF)
    yield _case("a bound token as bearer", token, [], TOKEN, scheme="Bearer")
    yield _case("a bound token as bearer, with a proof", token, [proof], TOKEN, scheme="Bearer")
    yield _case("an unbound token as DPoP", plain, [_proof("ES256", key, plain, {})], TOKEN)
    yield _case("an unbound token as bearer", plain, [], OK, scheme="Bearer")
    yield _case("an unbound token as bearer, with a proof", plain, [proof], OK, scheme="Bearer")
    yield from _bindings(authority, key)
    yield from _requests(token, key)


def _bindings(authority: PrivateKey, key: PrivateKey) -> Iterator[Case]:
    jkt = jwk_thumbprint(key)
    odd: dict[str, Any] = {
        "empty": {},
        "a text": jkt,
        "null": None,
        "of another kind": {"kid": "k"},
        "of another kind besides": {"jkt": jkt, "kid": "k"},
        "with a short thumbprint": {"jkt": "x"},
        "with a number": {"jkt": 7},
        "with a padded thumbprint": {"jkt": jkt + "="},
        "with a certificate besides": {"jkt": jkt, "x5t#S256": b64(bytes(32))},
    }
    for name, cnf in odd.items():
        token = bound_token(authority, cnf, keep=True)
        yield _case(f"cnf {name}", token, [_proof("ES256", key, token, {})], TOKEN)


def _requests(token: str, key: PrivateKey) -> Iterator[Case]:
    proof = _proof("ES256", key, token, {})
    yield _case("another method than the proof's", token, [proof], PROOF, method="DELETE")
    yield _case("another path than the proof's", token, [proof], PROOF, url=f"{BASE}/v1/persons")
    yield _case("a query that the proof does not hold", token, [proof], OK, url=f"{URL}?a=b")
    yield _case("a path with an escape that it does not need", token, [proof], OK, url=f"{BASE}/v1/p%65ople")
    escaped = _proof("ES256", key, token, {"htu": f"{BASE}/v1/%c3%a6"})
    yield _case("an escape in small letters", token, [escaped], OK, url=f"{BASE}/v1/%C3%A6")
    root = _proof("ES256", key, token, {"htu": BASE})
    yield _case("no path at all", token, [root], OK, url=f"{BASE}/")
    yield _case("a proof that was used before", token, [proof], PROOF, used=[proof])
    again = _proof("ES256", key, token, {"jti": "again", "iat": NOW - 5})
    fresh = _proof("ES256", key, token, {"jti": "again-2"})
    yield _case("a proof after another", token, [fresh], OK, used=[again])
    same = _proof("ES256", key, token, {"iat": NOW - 5})
    yield _case("the jti of a proof from another second", token, [proof], PROOF, used=[same])


def _case(
    name: str,
    token: str,
    dpop: list[str],
    verdict: str,
    *,
    scheme: str = "DPoP",
    method: str = "GET",
    url: str = URL,
    used: list[str] | None = None,
) -> Case:
    case: Case = {"name": name, "now": NOW, "scheme": scheme, "token": token, "method": method, "url": url}
    return case | {"dpop": dpop, "used": used or [], "verdict": verdict}


def _proof(alg: str, key: PrivateKey, token: str, changes: Mapping[str, Any]) -> str:
    header: dict[str, Any] = {"typ": "dpop+jwt", "alg": alg, "jwk": bare(key)}
    ath = b64(hashlib.sha256(token.encode()).digest())
    claims: dict[str, Any] = {"jti": "proof", "htm": "GET", "htu": URL, "iat": NOW, "ath": ath}
    header |= {name[1:]: value for name, value in changes.items() if name.startswith(".")}
    claims |= {name: value for name, value in changes.items() if not name.startswith(".")}
    return signed(key, header, claims)
