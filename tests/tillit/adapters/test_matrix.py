"""One matrix of requests, answered alike by every adapter."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from tests.tillit.adapters import matrix
from tests.tillit.adapters.apps import ADAPTERS
from tests.tillit.adapters.matrix import Call, Case

CASES = matrix.cases()
PAIRS = [
    pytest.param(adapter, case, id=f"{adapter}: {case.name}")
    for adapter in ADAPTERS
    for case in CASES
    if not (case.http_only and adapter.startswith("grpc"))
]


@pytest.fixture(scope="module")
def call(request: pytest.FixtureRequest) -> Iterator[Call]:
    with ADAPTERS[request.param](matrix.validator()) as made:
        yield made


def test_matrix_is_wide_enough() -> None:
    """Every adapter refuses at least 60 requests, each under a name of its own, and serves some."""
    assert len({case.name for case in CASES}) == len(CASES)
    for http_only in (False, True):
        wide = [case for case in CASES if http_only or not case.http_only]
        assert sum(case.verdict != "ok" for case in wide) >= 60
        assert sum(case.verdict == "ok" for case in wide) >= 10


@pytest.mark.parametrize(("call", "case"), PAIRS, indirect=["call"], scope="module")
def test_each_request_gets_its_answer(call: Call, case: Case, caplog: pytest.LogCaptureFixture) -> None:
    """Status, error code and challenge are those of RFC 6750, and nothing of the token comes back or is logged."""
    with caplog.at_level(logging.DEBUG):
        seen = call(case)
    assert (seen.status, seen.challenge) == (case.status, case.challenge)
    if case.verdict != "ok" and case.method != "HEAD":
        assert seen.code == case.verdict
    for _, value in case.headers:
        for secret in (part for part in value.split() if len(part) > 20):
            assert secret not in seen.body
            assert secret.decode("latin-1") not in caplog.text + repr(seen.headers)


@pytest.mark.parametrize("call", [name for name in ADAPTERS if not name.startswith("grpc")], indirect=True)
def test_refusals_of_head_have_no_body(call: Call) -> None:
    """The adapters that write the answer themselves leave the body of an answer to HEAD out."""
    seen = call(Case("head", "unauthorized", (), method="HEAD"))
    assert seen.status == 401
    assert seen.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("adapter", list(ADAPTERS))
def test_without_keys_every_adapter_says_when_to_come_again(adapter: str) -> None:
    """While no keys can be had: 503 with Retry-After and no challenge, and still 401 without a token."""
    with ADAPTERS[adapter](matrix.keyless()) as call:
        seen = call(Case("good", "ok", matrix.sent(f"Bearer {matrix.token()}")))
        assert (seen.status, seen.challenge, seen.code) == (503, None, "temporarily_unavailable")
        assert int(seen.headers["retry-after"]) >= 1
        assert call(Case("none", "unauthorized", ())).status == 401
