"""The shared vectors of status lists: lists, indices, and what becomes of tokens that name them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from tests.tillit.by_hand import PrivateKey, b64, public_jwk
from tests.tillit.vector_keys import vector_keys
from tests.tillit.vectors_bound import ABSENT, API, ISSUER, NOW, bound_token, signed

URI = "https://authority.example.no/status/1"
OK, TOKEN, AWAY = "ok", "invalid_token", "temporarily_unavailable"
_MODES = ("must-check", "if-present", "ignore")
# Entries 0 to 7, the first in the least significant bits: valid, invalid, valid, suspended and so on.
_PACKED: Mapping[int, tuple[bytes, Mapping[int, str]]] = {
    1: (bytes([0b00001010]), {0: OK, 1: TOKEN, 2: OK, 3: TOKEN, 7: OK, 8: AWAY}),
    2: (bytes([0b11100100, 0]), {0: OK, 1: TOKEN, 2: TOKEN, 3: TOKEN, 4: OK, 8: AWAY}),
    4: (bytes([0x10, 0x2F]), {0: OK, 1: TOKEN, 2: TOKEN, 3: TOKEN, 4: AWAY}),
    8: (bytes([0, 1, 2, 255]), {0: OK, 1: TOKEN, 2: TOKEN, 3: TOKEN, 4: AWAY}),
}


def status_document() -> dict[str, Any]:
    """The whole of status-lists.json."""
    key = vector_keys("authority")["ES256"]
    return {
        "jwks": {"keys": [public_jwk(key, "es256", "ES256")]},
        "issuer": ISSUER,
        "audience": API,
        "uri": URI,
        "cases": list(_cases(key)),
    }


def _cases(key: PrivateKey) -> Iterator[dict[str, Any]]:
    for bits, (packed, entries) in _PACKED.items():
        listed = _list(key, bits, packed)
        for index, verdict in entries.items():
            yield _case(f"{bits} bits, entry {index}", _token(key, index), listed, verdict)
    good = _list(key, 1, _PACKED[1][0])
    for name, status in _ODD.items():
        yield _case(f"status {name}", bound_token(key, None, status=status), good, TOKEN)
    for name, changes in _WRONG.items():
        yield _case(f"a list with {name}", _token(key, 0), _list(key, 1, _PACKED[1][0], **changes), AWAY)
    stranger = _list(vector_keys("stranger")["ES256"], 1, _PACKED[1][0])
    yield _case("a list that a stranger signed", _token(key, 0), stranger, AWAY)
    yield _case("no list", _token(key, 0), None, AWAY)
    for mode, verdict in zip(_MODES, (TOKEN, OK, OK), strict=True):
        yield _case(f"{mode}: no claim", bound_token(key, None), good, verdict, mode)
    for mode, verdict in zip(_MODES, (TOKEN, TOKEN, OK), strict=True):
        yield _case(f"{mode}: revoked", _token(key, 1), good, verdict, mode)
    for mode, verdict in zip(_MODES, (AWAY, AWAY, OK), strict=True):
        yield _case(f"{mode}: no list", _token(key, 0), None, verdict, mode)
    elsewhere = bound_token(key, None, status={"status_list": {"uri": "https://evil.example.no/status/1", "idx": 0}})
    yield _case("a list at another host", elsewhere, good, AWAY)


_ODD: Mapping[str, Any] = {
    "null": None,
    "a text": "valid",
    "empty": {},
    "without uri": {"status_list": {"idx": 0}},
    "without idx": {"status_list": {"uri": URI}},
    "with idx a text": {"status_list": {"uri": URI, "idx": "0"}},
    "with idx true": {"status_list": {"uri": URI, "idx": True}},
    "with idx below zero": {"status_list": {"uri": URI, "idx": -1}},
}
_WRONG: Mapping[str, dict[str, Any]] = {
    "another typ": {".typ": "JWT"},
    "another sub": {"sub": f"{URI}0"},
    "no sub": {"sub": ABSENT},
    "another issuer": {"iss": "https://evil.example.no/"},
    "an end that is past": {"exp": NOW - 11},
    "a start that is to come": {"iat": NOW + 11},
    "no iat": {"iat": ABSENT},
    "3 bits": {"status_list": {"bits": 3, "lst": b64(zlib.compress(b"\0", 0))}},
    "bits a text": {"status_list": {"bits": "1", "lst": b64(zlib.compress(b"\0", 0))}},
    "no lst": {"status_list": {"bits": 1}},
    "lst that is not compressed": {"status_list": {"bits": 1, "lst": b64(b"\0\0\0\0")}},
    "lst cut off": {"status_list": {"bits": 1, "lst": b64(zlib.compress(bytes(100), 0)[:-3])}},
    "lst followed by more": {"status_list": {"bits": 1, "lst": b64(zlib.compress(b"\0", 0) + b"more")}},
}


def _case(name: str, token: str, listed: str | None, verdict: str, mode: str = "if-present") -> dict[str, Any]:
    return {"name": name, "now": NOW, "mode": mode, "token": token, "list": listed, "verdict": verdict}


def _token(key: PrivateKey, index: int) -> str:
    return bound_token(key, None, status={"status_list": {"uri": URI, "idx": index}})


def _list(key: PrivateKey, bits: int, packed: bytes, **changes: Any) -> str:
    body = {"bits": bits, "lst": b64(zlib.compress(packed, 0))}
    header = {"alg": "ES256", "kid": "es256", "typ": changes.pop(".typ", "statuslist+jwt")}
    claims = {"iss": ISSUER, "sub": URI, "iat": NOW, "exp": NOW + 3600, "ttl": 60, "status_list": body}
    return signed(key, header, claims | changes)
