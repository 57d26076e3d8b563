"""A request takes at most its time: slow clients are ended, and each request gets at most one answer."""

from __future__ import annotations

import pytest

from tests.support.http import broken_promises
from tests.web.slow import SLOW, SlowClient

EXPECTED = {
    "silent": [],
    "silent head": ["AS-013"],
    "dripping head": ["AS-013"],
    "dripping headers": ["AS-013"],
    "silent body": ["AS-013"],
    "dripping body": ["AS-013"],
    "silent after the answer": ["AS-002"],
    "dripping after the answer": ["AS-002"],
    "silent in the second head": ["AS-007", "AS-013"],
}


@pytest.mark.parametrize("name", SLOW)
def test_a_slow_client_is_ended(slow_clients: dict[str, SlowClient], name: str) -> None:
    """A request that does not arrive in time is 408, a connection without one is closed silently, and then it ends."""
    answers = slow_clients[name].answers()
    assert [answer.code for answer in answers] == EXPECTED[name]
    assert [broken_promises(answer) for answer in answers] == [[]] * len(answers)
