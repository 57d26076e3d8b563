"""`python -m tests.tillit.vectors` writes `clients/vectors/*.json`: tokens, clocks and expected verdicts.

Any client library can run it: read `jwks` and `policies`, and judge each case's token under its policy at its time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from tests.tillit.by_hand import PrivateKey, b64, public_jwk
from tests.tillit.vector_keys import deterministic_signature, vector_keys
from tests.tillit.vectors_certificates import certificate_document
from tests.tillit.vectors_dpop import dpop_document
from tests.tillit.vectors_status import status_document

FILE = Path(__file__).parents[2] / "clients" / "vectors" / "access-tokens.json"
NOW = 1_800_000_000
LIFETIME = 600
ISSUER, API, SCOPE = "https://authority.example.no/", "https://api.example.no/", "example:read"
CONSUMER = {"authority": "iso6523-actorid-upis", "ID": "0192:991825827"}
SUPPLIER = CONSUMER | {"ID": "0192:889640782"}
HANDED_ON = {"supplier": SUPPLIER, "delegation_source": ISSUER}
LEEWAY = 10

Case: TypeAlias = dict[str, Any]
Part: TypeAlias = "Mapping[str, Any] | bytes"

OK, INVALID, SCOPES = "ok", "invalid_token", "insufficient_scope"
POLICIES: dict[str, dict[str, Any]] = {
    "standard": {"token_types": ["at+jwt"]},
    "maskinporten": {"token_types": ["JWT", None], "accept_unaddressed": True},
}
# A claim to leave out.
_ABSENT: Any = object()

# What is changed in a good token of either profile, and what then becomes of it. Members of the header stand under a
# name that begins with a dot.
CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, OK),
    "two scopes": ({"scope": f"example:write {SCOPE}"}, OK),
    "scopes as a list": ({"scope": [SCOPE, "example:write"]}, OK),
    "audience as a list": ({"aud": ["https://other.example.no/", API]}, OK),
    "unknown claim": ({"x": {"y": [1, 2]}}, OK),
    "unknown header": ({".x": "y"}, OK),
    "consumer with a sub-unit": ({"consumer": CONSUMER | {"ID": "0192:991825827:1"}}, OK),
    "delegated": (HANDED_ON, OK),
    "delegation handed on": (HANDED_ON | {"delegation_chain": [CONSUMER | {"ID": "0192:974760673"}, SUPPLIER]}, OK),
    "last second of the leeway": ({"iat": NOW - LIFETIME, "exp": NOW - LEEWAY + 1}, OK),
    "issued within the leeway": ({"iat": NOW + LEEWAY}, OK),
    "valid from within the leeway": ({"nbf": NOW + LEEWAY}, OK),
    "expired": ({"iat": NOW - LIFETIME, "exp": NOW - LEEWAY}, INVALID),
    "expired long ago": ({"iat": NOW - 9 * LIFETIME, "exp": NOW - 8 * LIFETIME}, INVALID),
    "issued in the future": ({"iat": NOW + LEEWAY + 1}, INVALID),
    "not valid yet": ({"nbf": NOW + LEEWAY + 1}, INVALID),
    "expires when issued": ({"iat": NOW + 5, "exp": NOW + 5}, INVALID),
    "exp absent": ({"exp": _ABSENT}, INVALID),
    "exp null": ({"exp": None}, INVALID),
    "exp a text": ({"exp": str(NOW + LIFETIME)}, INVALID),
    "exp a fraction": ({"exp": NOW + LIFETIME + 0.5}, INVALID),
    "exp true": ({"exp": True}, INVALID),
    "exp beyond 2^53": ({"exp": 2**53}, INVALID),
    "iat absent": ({"iat": _ABSENT}, INVALID),
    "iat negative": ({"iat": -1}, INVALID),
    "nbf a text": ({"nbf": "0"}, INVALID),
    "iss absent": ({"iss": _ABSENT}, INVALID),
    "iss of another": ({"iss": "https://evil.example.no/"}, INVALID),
    "iss without its slash": ({"iss": ISSUER[:-1]}, INVALID),
    "iss a list": ({"iss": [ISSUER]}, INVALID),
    "aud of another": ({"aud": "https://other.example.no/"}, INVALID),
    "aud without its slash": ({"aud": API[:-1]}, INVALID),
    "aud empty": ({"aud": []}, INVALID),
    "aud a number in a list": ({"aud": [API, 1]}, INVALID),
    "jti absent": ({"jti": _ABSENT}, INVALID),
    "jti empty": ({"jti": ""}, INVALID),
    "client_id absent": ({"client_id": _ABSENT}, INVALID),
    "client_id a number": ({"client_id": 7}, INVALID),
    "consumer absent": ({"consumer": _ABSENT}, INVALID),
    "consumer a text": ({"consumer": "0192:991825827"}, INVALID),
    "consumer without ID": ({"consumer": {"authority": CONSUMER["authority"]}}, INVALID),
    "consumer with an empty number": ({"consumer": CONSUMER | {"ID": "0192:"}}, INVALID),
    "supplier null": ({"supplier": None}, INVALID),
    "chain without supplier": ({"delegation_chain": [SUPPLIER]}, INVALID),
    "chain that ends with another": (HANDED_ON | {"delegation_chain": [SUPPLIER, CONSUMER]}, INVALID),
    "chain that comes back": (HANDED_ON | {"delegation_chain": [SUPPLIER, CONSUMER, SUPPLIER]}, INVALID),
    "chain empty": (HANDED_ON | {"delegation_chain": []}, INVALID),
    "chain of texts": (HANDED_ON | {"delegation_chain": ["0192:889640782"]}, INVALID),
    "chain an object": (HANDED_ON | {"delegation_chain": SUPPLIER}, INVALID),
    "scope a number": ({"scope": 1}, INVALID),
    "scope a list with a number": ({"scope": [SCOPE, 1]}, INVALID),
    "authorization_details an object": ({"authorization_details": {}}, INVALID),
    "bound to a key": ({"cnf": {"jkt": "A" * 43}}, INVALID),
    "bound to a certificate": ({"cnf": {"x5t#S256": "A" * 43}}, INVALID),
    "bound to what is no thumbprint": ({"cnf": {"jkt": "x"}}, INVALID),
    "text with NUL": ({"x": "a\0b"}, INVALID),
    "key id unknown": ({".kid": "unknown"}, INVALID),
    "key id absent": ({".kid": _ABSENT}, INVALID),
    "key id a number": ({".kid": 1}, INVALID),
    "alg absent": ({".alg": _ABSENT}, INVALID),
    "alg none": ({".alg": "none"}, INVALID),
    "alg of a secret": ({".alg": "HS256"}, INVALID),
    "alg in lower case": ({".alg": "rs256"}, INVALID),
    "typ of an ID token": ({".typ": "id_token+jwt"}, INVALID),
    "typ a number": ({".typ": 1}, INVALID),
    "crit": ({".crit": ["exp"]}, INVALID),
    "b64": ({".b64": False}, INVALID),
    "zip": ({".zip": "DEF"}, INVALID),
    "jwk in the header": ({".jwk": {"kty": "oct", "k": "AA"}}, INVALID),
    "jku": ({".jku": "https://evil.example.no/jwk"}, INVALID),
    "x5u": ({".x5u": "https://evil.example.no/x5u"}, INVALID),
    "x5c": ({".x5c": ["AA"]}, INVALID),
    "another scope": ({"scope": "example:write"}, SCOPES),
    "a longer scope": ({"scope": f"{SCOPE}.all"}, SCOPES),
    "no scope": ({"scope": _ABSENT}, SCOPES),
    "scope empty": ({"scope": ""}, SCOPES),
}

# What is done to a good token's text.
MANGLED: dict[str, Callable[[str, str], str]] = {
    "no signature": lambda text, _: text.rpartition(".")[0] + ".",
    "two parts": lambda text, _: text.rpartition(".")[0],
    "four parts": lambda text, _: text + ".AAAA",
    "five parts": lambda text, _: text + ".AAAA.AAAA",
    "padding": lambda text, _: text + "=",
    "line feed": lambda text, _: text + "\n",
    "space before": lambda text, _: " " + text,
    "base64 in place of base64url": lambda text, _: text.replace("-", "+").replace("_", "/") + "+",
    "signature of another token": lambda text, other: text.rpartition(".")[0] + "." + other.rpartition(".")[2],
    "claims of another token": lambda text, other: ".".join(
        (text.split(".")[0], other.split(".")[1], text.split(".")[2])
    ),
    "signature cut short": lambda text, _: text[:-4],
    "signature of zeros": lambda text, _: text.rpartition(".")[0] + "." + b64(bytes(64)),
    "empty": lambda _, __: "",
}


def document() -> dict[str, Any]:
    """The whole file."""
    ours, strangers = vector_keys("authority"), vector_keys("stranger")
    keys = [public_jwk(key, alg.lower(), alg) for alg, key in ours.items()]
    common = {"issuer": ISSUER, "audience": [API], "algorithms": list(ours), "leeway": LEEWAY}
    policies = {name: common | special for name, special in POLICIES.items()}
    return {"jwks": {"keys": keys}, "policies": policies, "cases": list(_cases(ours, strangers))}


def _cases(ours: Mapping[str, PrivateKey], strangers: Mapping[str, PrivateKey]) -> Iterator[Case]:
    for policy in POLICIES:
        for alg, key in ours.items():
            title = f"{policy}, {alg}"
            good, other = _token(policy, alg, key, {}), _token(policy, alg, key, {"jti": "other"})
            for name, (changes, verdict) in CHANGES.items():
                yield _case(f"{title}: {name}", policy, _token(policy, alg, key, changes), verdict)
            for name, mangle in MANGLED.items():
                yield _case(f"{title}: {name}", policy, mangle(good, other), INVALID)
            yield _case(f"{title}: a stranger's key", policy, _token(policy, alg, strangers[alg], {}), INVALID)
            wrong = "standard" if policy == "maskinporten" else "maskinporten"
            yield _case(f"{title}: token of the other profile", policy, _token(wrong, alg, key, {}), INVALID)
            for other_alg in sorted(ours.keys() - {alg}):
                confused = _token(policy, alg, key, {".kid": other_alg.lower()})
                yield _case(f"{title}: under the key id of {other_alg}", policy, confused, INVALID)
        yield from _of_one_profile(policy, ours["ES256"])


def _of_one_profile(policy: str, key: PrivateKey) -> Iterator[Case]:
    padded = _token(policy, "ES256", key, {"padding": "x" * 12_300})
    yield _case(f"{policy}: longer than 16 KiB", policy, padded, INVALID)
    unaddressed = OK if policy == "maskinporten" else INVALID
    yield _case(f"{policy}: no aud", policy, _token(policy, "ES256", key, {"aud": _ABSENT}), unaddressed)
    yield _case(f"{policy}: no sub", policy, _token(policy, "ES256", key, {"sub": _ABSENT}), unaddressed)
    yield _case(f"{policy}: no typ", policy, _token(policy, "ES256", key, {".typ": _ABSENT}), unaddressed)


def _case(name: str, policy: str, token: str, verdict: str) -> Case:
    return {"name": name, "policy": policy, "now": NOW, "require": [SCOPE], "token": token, "verdict": verdict}


def _token(policy: str, alg: str, key: PrivateKey, changes: Mapping[str, Any]) -> str:
    header: dict[str, Any] = {"alg": alg, "kid": alg.lower(), "typ": "at+jwt" if policy == "standard" else "JWT"}
    claims: dict[str, Any] = {"iss": ISSUER, "aud": API, "client_id": "client-1", "consumer": CONSUMER, "scope": SCOPE}
    claims |= {"sub": "0192:991825827", "iat": NOW, "exp": NOW + LIFETIME, "jti": "one"}
    header |= {name[1:]: value for name, value in changes.items() if name.startswith(".")}
    claims |= {name: value for name, value in changes.items() if not name.startswith(".")}
    parts = ({name: value for name, value in part.items() if value is not _ABSENT} for part in (header, claims))
    signing_input = ".".join(b64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{signing_input}.{b64(deterministic_signature(key, signing_input.encode()))}"


def documents() -> dict[str, dict[str, Any]]:
    """Every file that is generated here, by its name."""
    return {
        FILE.name: document(),
        "dpop-proofs.json": dpop_document(),
        "certificate-binding.json": certificate_document(),
        "status-lists.json": status_document(),
    }


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    for file_name, whole in documents().items():
        FILE.with_name(file_name).write_text(json.dumps(whole, indent=0) + "\n", encoding="utf-8")
