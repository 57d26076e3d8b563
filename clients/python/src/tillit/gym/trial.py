"""Putting an API through the exercises, and judging what it answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from tillit.errors import ConfigError, Unavailable
from tillit.gym.exercises import Exercise, Grade, bearer
from tillit.gym.forged import forged
from tillit.gym.manners import manners
from tillit.jose.encoding import MalformedJose, read_json_object
from tillit.jose.public_keys import VerificationKey

# What only leans on other defences where a wrong token of the authority's is accepted: the rest let strangers in.
_GRADES: Final[dict[str, Grade]] = {
    "other-type": "B",
    "no-audience": "B",
    "issuer-without-slash": "B",
    "revoked-delegation": "B",
    "suspended-delegation": "B",
    "expired": "A",
}
_UNAUTHORIZED: Final = 401


@dataclass(frozen=True, slots=True)
class Minted:
    """Wrong tokens that the authority signed: `authserver gym` writes them."""

    issuer: str
    scope: str
    exercises: tuple[Exercise, ...] = field(repr=False)

    @staticmethod
    def read(text: bytes) -> Minted:
        """From the file. Raises ConfigError if it is none."""
        try:
            document = read_json_object(text)
            wrong = tuple(_minted(one) for one in document["exercises"])
            return Minted(str(document["issuer"]), str(document["scope"]), wrong)
        except (MalformedJose, KeyError, TypeError, ValueError):
            raise ConfigError("the file is not what authserver gym writes") from None


def _minted(one: dict[str, Any]) -> Exercise:
    name = str(one["name"])
    return bearer(name, _GRADES.get(name, "A"), str(one["token"]), int(one["status"]))


@dataclass(frozen=True, slots=True)
class Result:
    """What an API did with one exercise. `let_in`: it served the request; `fault` says what is wrong, if anything."""

    name: str
    grade: Grade
    status: int | None
    let_in: bool
    fault: str = ""

    @property
    def good(self) -> bool:
        """Whether the API did what a sound one does."""
        return not self.fault


class Trial:
    """One API, by an address that answers GET with 2xx for a good token.

    `http` bounds the time that an answer may take; `tell` hears of each result as it comes.
    """

    def __init__(self, http: httpx2.Client, address: str, tell: Callable[[Result], None] = lambda _: None) -> None:
        self._http, self._address, self._tell = http, address, tell

    def run(self, good: str, keys: tuple[VerificationKey, ...], minted: Minted | None) -> list[Result]:
        """Go through all exercises. Raises ConfigError if the API refuses `good`: no verdict means anything then.

        Raises Unavailable if it does not answer at all.
        """
        control = self._send(bearer("control", "A", good, *range(200, 300)))
        if control is None:
            raise Unavailable(f"{self._address} does not answer")
        if not 200 <= control.status_code < 300:
            raise ConfigError(
                f"the API answers a good token with {control.status_code}; nothing can be learned from it"
            )
        results = []
        for exercise in self._exercises(good, keys, minted):
            result = _judge(exercise, self._send(exercise))
            self._tell(result)
            results.append(result)
        return results

    def _exercises(self, good: str, keys: tuple[VerificationKey, ...], minted: Minted | None) -> Iterator[Exercise]:
        yield from minted.exercises if minted is not None else ()
        yield from forged(good, keys)
        yield from manners(good)

    def _send(self, exercise: Exercise) -> httpx2.Response | None:
        try:
            return self._http.get(
                self._address,
                headers=list(exercise.headers),
                params=list(exercise.query) or None,
                follow_redirects=False,
            )
        except httpx2.TransportError:
            return None


def _judge(exercise: Exercise, answer: httpx2.Response | None) -> Result:
    if answer is None:
        return Result(exercise.name, exercise.grade, None, let_in=False, fault="no answer: the connection broke")
    status = answer.status_code
    let_in, wanted = 200 <= status < 300, exercise.expected
    if let_in and 200 not in wanted:
        return Result(exercise.name, exercise.grade, status, let_in=True, fault="it was let in")
    # Refused after all: what remains is how.
    if status >= 500:
        return Result(exercise.name, "C", status, let_in, "it fell over instead of refusing")
    if status not in wanted:
        named = ", ".join(map(str, sorted(wanted))) if 200 not in wanted else "2xx"
        return Result(exercise.name, "C", status, let_in, f"answered with {status} instead of {named}")
    if status == _UNAUTHORIZED and not _challenges(answer):
        return Result(exercise.name, "C", status, let_in, "401 without WWW-Authenticate: Bearer")
    return Result(exercise.name, exercise.grade, status, let_in)


def _challenges(answer: httpx2.Response) -> bool:
    return any(scheme in answer.headers.get("www-authenticate", "").lower() for scheme in ("bearer", "dpop"))
