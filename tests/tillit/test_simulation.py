"""Two hours of expiry, rotation, 5xx, skew and network loss: no call fails for which a valid token could have been had.

`Oracle` in simulation.py says exactly when one could.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from stamina import instrumentation

from tests.tillit.simulation import LENGTH, REACH, Call, Weather, World
from tillit import RefreshPolicy

# What a renewal has from the latest moment at which it may begin, 82.5 % of a life, to its end.
WINDOW = 0.175


def show(calls: list[Call]) -> str:
    """Calls, to look at."""
    return "\n".join(f"{call.at:7.1f} s  {call.fault}" for call in calls)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Say nothing of the thousands of retries."""
    before = instrumentation.get_on_retry_hooks()
    instrumentation.set_on_retry_hooks([])
    logging.getLogger("tillit").setLevel(logging.ERROR)
    yield
    logging.getLogger("tillit").setLevel(logging.NOTSET)
    instrumentation.set_on_retry_hooks(before)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lifetime", [120, 600, 3600])
def test_no_call_fails_that_need_not(seed: int, lifetime: int) -> None:
    """In weather that outlasts tokens, every call for which a valid token could have been had succeeds."""
    calls = list(World(seed, lifetime=lifetime, longest=min(1.5 * lifetime, 900.0)).calls())

    wrong = [call for call in calls if call.wrongly_failed]
    assert not wrong, show(wrong)
    assert len(calls) > 500


@pytest.mark.parametrize("lifetime", [600, 3600])
def test_weather_shorter_than_the_time_for_renewal_is_not_felt(lifetime: int) -> None:
    """No outage shorter than what is left when a renewal begins at the latest fails any call, with no oracle asked."""
    worlds = [World(seed, lifetime=lifetime, longest=WINDOW * lifetime - REACH) for seed in range(4)]
    felt = [call for world in worlds for call in world.calls() if call.fault and call.key_due]

    assert not felt, show(felt)
    assert sum(world.line.attempts - len(world.line.answered) for world in worlds) > 0


def test_key_that_is_withdrawn_costs_no_call() -> None:
    """When keys are replaced at once, as after a theft, calls go on with new tokens as soon as the API knows."""
    for seed in range(2):
        world = World(seed, lifetime=3600, longest=900)
        world.line.weather = world.api_line.weather = Weather([])
        calls = []
        for call in world.calls():
            calls.append(call)
            if len(calls) in (100, 400):
                world.keys.withdraw()
        assert not [call for call in calls if call.fault], show(calls)
        tokens = [answer for answer in world.line.answered if answer.url.path == "/token"]
        # One at first, at most two that were due, and one for each theft that fell on a token in its life.
        assert 3 <= len(tokens) <= 5


def test_processes_that_share_renew_once_for_all() -> None:
    """Three processes with one store feel no short outage either, and get no more tokens than one would."""
    lifetime = 600
    for seed in range(3):
        world = World(seed, lifetime=lifetime, longest=WINDOW * lifetime - 2 * REACH, clients=3)
        felt = [call for call in world.calls() if call.fault and call.key_due]
        assert not felt, show(felt)
        issued = sum(answer.url.path == "/token" and answer.status_code == 200 for answer in world.line.answered)
        # A token is renewed at 67.5 % of its life at the earliest: 75 % less a tenth.
        assert LENGTH / lifetime <= issued <= 1 + LENGTH / (0.675 * lifetime)


def test_client_that_renews_too_late_is_found_out() -> None:
    """The simulation can fail: with renewal only when a token has expired, calls fail that need not."""
    late = RefreshPolicy(soft=1.0, margin=0.0, jitter=0.0)
    worlds = [World(seed, lifetime=120, longest=180.0, refresh=late) for seed in range(2)]
    assert any(call.wrongly_failed for world in worlds for call in world.calls())


def test_weather_is_felt_where_it_must_be() -> None:
    """The simulation has calls that no client could have served, for want of a token and for want of a key."""
    calls = [call for seed in range(4) for call in World(seed, lifetime=120, longest=180.0).calls() if call.fault]
    assert any(not call.token_due for call in calls)
    assert any(not call.key_due for call in calls)
