"""The shared vectors: every client library has to agree with them, this one first."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.tillit import vectors
from tests.tillit.stub import ManualClock
from tillit import AllOf, InsufficientScope, InvalidToken, JwksSource, Policy, TokenValidator

DOCUMENT: dict[str, Any] = json.loads(vectors.FILE.read_text(encoding="utf-8"))


def validator(policy: str, now: int, cache_size: int) -> TokenValidator:
    keys = json.dumps(DOCUMENT["jwks"]).encode()
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: httpx2.Response(200, content=keys)))
    settings = dict(DOCUMENT["policies"][policy])
    made = Policy(settings.pop("issuer"), settings.pop("audience"), **settings)
    clock = ManualClock(now)
    return TokenValidator(
        made, JwksSource("https://a.example.no/jwk", http=http, clock=clock), clock=clock, cache_size=cache_size
    )


def verdict(judge: TokenValidator, case: dict[str, Any]) -> str:
    try:
        judge.validate(case["token"], AllOf(*case["require"]))
    except (InvalidToken, InsufficientScope) as error:
        return error.code
    return "ok"


@pytest.mark.parametrize("cache_size", [0, 1024])
@pytest.mark.parametrize("policy", list(DOCUMENT["policies"]))
def test_every_vector_gets_its_verdict(policy: str, cache_size: int) -> None:
    """Each token is judged as its vector says, also when it comes a second time."""
    cases = [case for case in DOCUMENT["cases"] if case["policy"] == policy]
    judge = validator(policy, cases[0]["now"], cache_size)
    judged = {
        case["name"]: [verdict(judge, case) for _ in range(2)] for case in cases if case["now"] == cases[0]["now"]
    }
    assert len(judged) == len(cases)
    assert judged == {case["name"]: [case["verdict"]] * 2 for case in cases}


def test_vectors_are_what_the_generator_makes() -> None:
    """The file is the generator's, whole, and has at least 300 cases of every verdict together."""
    assert vectors.document() == DOCUMENT
    assert len(DOCUMENT["cases"]) >= 300
    assert {case["verdict"] for case in DOCUMENT["cases"]} == {"ok", "invalid_token", "insufficient_scope"}
