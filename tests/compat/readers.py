"""How Maskinporten's clients read an answer: each fails where that client's own parser would."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from typing import Any, Protocol

from tests.support.http import Answer

FOUR = {"access_token", "token_type", "expires_in", "scope"}


class Asked(Protocol):
    """What a reader needs to know of the wish."""

    @property
    def scope(self) -> str:
        """The scopes asked for, in order."""


def payload(token: str) -> dict[str, Any]:
    """Read the claims of a compact JWS as Nimbus's JWSObject.parse does: three parts, each of them base64url."""
    parts = [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")]
    assert len(parts) == 3
    claims: dict[str, Any] = json.loads(parts[1])
    return claims


def strict_object(body: bytes, members: set[str]) -> dict[str, Any]:
    """Read an object as Jackson and kotlinx do where unknown members are errors and each member comes once."""
    pairs: list[tuple[str, Any]] = json.loads(body, object_pairs_hook=list)
    assert sorted(name for name, _ in pairs) == sorted(members)
    return dict(pairs)


def ks_java(asked: Asked, answer: Answer) -> None:
    """Exactly 200, a whole number of seconds, and an access token that is a JWS whose payload has `exp`."""
    assert answer.status == 200
    assert int(str(answer.json["expires_in"])) > 0
    assert int(str(payload(answer.token)["exp"])) > 0


def ks_dotnet(asked: Asked, answer: Answer) -> None:
    """Exactly 200 and `expires_in` as an integer."""
    assert answer.status == 200
    assert type(answer.json["expires_in"]) is int
    assert payload(answer.token)


def altinn_dotnet(asked: Asked, answer: Answer) -> None:
    """Any 2xx with the four members, JSON by content type."""
    assert 200 <= answer.status < 300
    assert answer.headers["content-type"].partition(";")[0] == "application/json"
    assert answer.json.keys() >= FOUR


def navikt(asked: Asked, answer: Answer) -> None:
    """Exactly 200, no unknown member, and an access token that is a JWS."""
    assert answer.status == 200
    body = strict_object(answer.body, FOUR)
    assert payload(body["access_token"])


def pensjon_opptjening(asked: Asked, answer: Answer) -> None:
    """As navikt, and the token's scope is the very string asked for, since it is the key of the cache."""
    navikt(asked, answer)
    assert payload(answer.token)["scope"] == asked.scope


def hag(asked: Asked, answer: Answer) -> None:
    """All four members, each of its type, and no other."""
    assert answer.status == 200
    body = strict_object(answer.body, FOUR)
    types = {name: type(value) for name, value in body.items()}
    assert types == {"access_token": str, "token_type": str, "expires_in": int, "scope": str}


def oslokommune(asked: Asked, answer: Answer) -> None:
    """Any 2xx with the four members and no other."""
    assert 200 <= answer.status < 300
    strict_object(answer.body, FOUR)


def texas(asked: Asked, answer: Answer) -> None:
    """`token_type` is one of an enumeration that holds `Bearer`, and `expires_in` is unsigned."""
    assert answer.status == 200
    assert answer.json["token_type"] == "Bearer"
    assert type(answer.json["expires_in"]) is int
    assert answer.json["expires_in"] > 0


def torleifg(asked: Asked, answer: Answer) -> None:
    """Exactly 200 with an access token."""
    assert answer.status == 200
    assert answer.token


def digdirator(asked: Asked, answer: Answer) -> None:
    """Anything below 400 with an access token; the scopes are those asked for, in their order."""
    assert answer.status < 400
    assert answer.token
    assert answer.json["scope"] == asked.scope
