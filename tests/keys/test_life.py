from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from authserver.keys.faults import ChangeRefusedError
from authserver.keys.life import (
    ACTIVATE_IN,
    RETIRE_KEEP,
    KeyLife,
    Lives,
    announce,
    published,
    settle,
    signing,
    withdraw,
)
from authserver.oauth.limits import JWKS_MAX_AGE, TOKEN_LIFE_CEILING

START = 1_000_000
ALGS = ("RS256", "ES256")

waits = st.sampled_from([0, 1, 59, 3599, 3600, 3601, 7200, 86_399, 86_400, 100_000])
careful = st.sampled_from([2 * JWKS_MAX_AGE, 2 * JWKS_MAX_AGE + 1, ACTIVATE_IN, 2 * ACTIVATE_IN])
hasty = st.one_of(careful, st.sampled_from([0, 1, 600]))


def steps(activate_in: st.SearchStrategy[int]) -> st.SearchStrategy[list[tuple[int, str, str, int]]]:
    rotation = st.tuples(waits, st.just("rotate"), st.sampled_from(ALGS), activate_in)
    retirement = st.tuples(waits, st.just("retire"), st.sampled_from(ALGS), st.integers(0, 5))
    return st.lists(st.one_of(rotation, rotation, retirement), max_size=10)


@dataclass
class History:
    """What an operator did, and the ring as it was known from each of those seconds on."""

    known: list[tuple[int, Lives]]
    withdrawn: set[str]

    def at(self, now: int) -> Lives:
        return [lives for since, lives in self.known if since <= now][-1]

    def instants(self) -> list[int]:
        marks = {since for since, _ in self.known}
        for _, lives in self.known:
            for life in lives:
                marks |= {life.active_from, life.retired_at or START, life.removed_at or START}
        near = {mark + shift for mark in marks for shift in (-1, 0, 1, TOKEN_LIFE_CEILING, -2 * JWKS_MAX_AGE)}
        return sorted(instant for instant in near if instant >= START)


def live(moves: list[tuple[int, str, str, int]]) -> History:
    lives = tuple(KeyLife(f"{alg}-0", alg, START, START) for alg in ALGS)
    history = History([(START, lives)], set())
    now = START
    for number, (wait, move, alg, value) in enumerate(moves, 1):
        now += wait
        try:
            if move == "rotate":
                lives = announce(lives, KeyLife(f"{alg}-{number}", alg, now, now + value), now, RETIRE_KEEP)
            else:
                of_alg = [life.kid for life in lives if life.alg == alg]
                kid = of_alg[value % len(of_alg)]
                lives = withdraw(lives, kid, now, RETIRE_KEEP)
                history.withdrawn.add(kid)
        except ChangeRefusedError:
            continue
        history.known.append((now, lives))
    return history


@settings(deadline=None)
@given(steps(hasty))
def test_exactly_one_key_signs_at_every_instant(moves: list[tuple[int, str, str, int]]) -> None:
    """Whatever is rotated and retired, each algorithm has one active key at every second, and it is the one chosen."""
    history = live(moves)
    for now in history.instants():
        lives = history.at(now)
        for alg in ALGS:
            active = [life for life in lives if life.alg == alg and life.state(now) == "active"]
            assert active == [signing(lives, alg, now)]


@settings(deadline=None)
@given(steps(hasty))
def test_a_token_verifies_for_the_whole_of_its_life(moves: list[tuple[int, str, str, int]]) -> None:
    """The key that signed at t is published from t to t + 3600, unless an operator withdrew it."""
    history = live(moves)
    instants = history.instants()
    for signed in instants:
        for alg in ALGS:
            key = signing(history.at(signed), alg, signed)
            assert key is not None
            if key.kid in history.withdrawn:
                continue
            for now in (now for now in instants if signed <= now <= signed + TOKEN_LIFE_CEILING):
                assert key.kid in {life.kid for life in published(history.at(now), now)}


@settings(deadline=None)
@given(steps(careful))
def test_a_validator_with_an_old_key_set_knows_the_signing_key(moves: list[tuple[int, str, str, int]]) -> None:
    """Rotations announced two cache lives ahead find today's key in a set as old as that (R-041)."""
    history = live(moves)
    instants = history.instants()
    for fetched in instants:
        held = {life.kid for life in published(history.at(fetched), fetched)}
        for now in (now for now in instants if fetched <= now <= fetched + 2 * JWKS_MAX_AGE):
            for alg in ALGS:
                key = signing(history.at(now), alg, now)
                assert key is not None
                assert key.kid in held or key.kid in history.withdrawn


@settings(deadline=None)
@given(steps(hasty), waits)
def test_settling_twice_changes_nothing(moves: list[tuple[int, str, str, int]], wait: int) -> None:
    """A ring that is settled stays as it is, now and whenever it is read later."""
    since, lives = live(moves).known[-1]
    assert settle(lives, since, RETIRE_KEEP) == lives
    assert settle(lives, since + wait, RETIRE_KEEP) == lives


@pytest.mark.parametrize(
    ("now", "state"),
    [(9, "announced"), (10, "active"), (19, "active"), (20, "retired"), (29, "retired"), (30, "removed")],
)
def test_state_changes_at_the_second(now: int, state: str) -> None:
    """Each state begins at its second and lasts until the next one's."""
    assert KeyLife("k", "ES256", 0, 10, 20, 30).state(now) == state


def test_an_active_key_cannot_be_withdrawn() -> None:
    """The key that signs is refused, also when its successor is announced."""
    lives = announce((KeyLife("old", "ES256", 0, 0),), KeyLife("new", "ES256", 5, 50), 5, RETIRE_KEEP)
    with pytest.raises(ChangeRefusedError, match="Rotate ES256"):
        withdraw(lives, "old", 10, RETIRE_KEEP)


def test_withdrawing_the_announced_key_lets_the_old_one_go_on() -> None:
    """A successor that is withdrawn before its time takes the old key's retirement with it."""
    old = KeyLife("old", "ES256", 0, 0)
    lives = announce((old,), KeyLife("new", "ES256", 5, 50), 5, RETIRE_KEEP)
    lives = withdraw(lives, "new", 10, RETIRE_KEEP)
    assert lives[0] == old
    assert lives[1].state(10) == "removed"


def test_a_removed_key_does_not_come_back() -> None:
    """Withdrawing a key's successor later leaves the key's own past as it was."""
    lives = announce((KeyLife("a", "ES256", 0, 0),), KeyLife("b", "ES256", 0, 10), 0, 5)
    lives = announce(lives, KeyLife("c", "ES256", 100, 100), 100, 5)
    before = lives[0]
    assert before.state(100) == "removed"
    assert withdraw(lives, "b", 101, 5)[0] == before


def test_a_second_rotation_is_refused_while_one_is_announced() -> None:
    """Running the rotation twice announces one key, not two."""
    lives = announce((KeyLife("a", "ES256", 0, 0),), KeyLife("b", "ES256", 0, 100), 0, RETIRE_KEEP)
    with pytest.raises(ChangeRefusedError, match="b, is announced already and becomes active in 90 s"):
        announce(lives, KeyLife("c", "ES256", 10, 110), 10, RETIRE_KEEP)


def test_an_emergency_key_goes_before_the_announced_one() -> None:
    """A key needed at once signs until the announced one takes over as planned."""
    lives = announce((KeyLife("a", "ES256", 0, 0),), KeyLife("b", "ES256", 0, 100), 0, RETIRE_KEEP)
    lives = announce(lives, KeyLife("c", "ES256", 10, 10), 10, RETIRE_KEEP)
    signers = [signing(lives, "ES256", now) for now in (9, 10, 99, 100)]
    assert [life.kid for life in signers if life] == ["a", "c", "c", "b"]


def test_two_rotations_in_one_second_keep_their_order() -> None:
    """The later of two keys wanted at once takes over one second after the earlier."""
    lives = announce((KeyLife("z", "ES256", 0, 0),), KeyLife("y", "ES256", 10, 10), 10, RETIRE_KEEP)
    lives = announce(lives, KeyLife("x", "ES256", 10, 10), 10, RETIRE_KEEP)
    assert [life.active_from for life in lives] == [0, 10, 11]


def test_what_was_kept_longer_stays_kept() -> None:
    """A removal time already set is not recomputed when the default changes."""
    old = KeyLife("a", "ES256", 0, 0, 100, 9000)
    lives = settle((old, replace(old, kid="b", active_from=100, retired_at=None, removed_at=None)), 50, 1)
    assert lives[0] == old
