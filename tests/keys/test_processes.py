"""Real processes: several at once, and one that dies between two steps."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from authserver.keys.life import ACTIVATE_IN, RETIRE_KEEP
from authserver.keys.ring import KeyRing
from tests.keys.conftest import NOON, FakeClock, OpenRing

ROOT = Path(__file__).parents[2]

PROLOGUE = """
import os, sys
from pathlib import Path
from authserver.keys.faults import ChangeRefusedError
from authserver.keys.ring import KeyRing
directory, now = Path(sys.argv[1]), int(sys.argv[2])
ring = KeyRing.open(directory, lambda: now)
"""

RACE = """
print("ready", flush=True)
sys.stdin.readline()
for _ in range(5):
    try:
        CHANGE
        print("done")
    except ChangeRefusedError as refused:
        print("refused", refused)
"""

DIE = """
renames = 0
rename = Path.replace
def dying(self, target):
    global renames
    renames += 1
    if renames == int(sys.argv[3]):
        os._exit(9)
    return rename(self, target)
Path.replace = dying
ring.rotate("ES256")
"""


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROLOGUE + program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def race(directory: Path, now: int, change: str) -> list[str]:
    """Let three processes make the same change five times each, from the same moment; return what each attempt gave."""
    racers = [start(RACE.replace("CHANGE", change), directory, now) for _ in range(3)]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("\n")
        racer.stdin.flush()
    outcomes = [line for racer in racers for line in racer.communicate()[0].splitlines()]
    assert [racer.returncode for racer in racers] == [0, 0, 0]
    return outcomes


def test_many_inits_make_one_key(directory: Path, open_ring: OpenRing) -> None:
    """Processes that start together on an empty directory end up with one key, not one each."""
    assert race(directory, NOON, "ring.init(('ES256',))") == ["done"] * 15
    assert len(open_ring().list()) == 1


def test_many_rotations_announce_one_key(ring: KeyRing, directory: Path, open_ring: OpenRing) -> None:
    """Of rotations started together one is carried out, and the rest are told that it is under way."""
    outcomes = race(directory, NOON, "ring.rotate('ES256')")
    assert outcomes.count("done") == 1
    assert sum("is announced already" in line for line in outcomes) == 14
    assert sorted(key.state for key in open_ring().list()) == ["active", "announced"]


def test_many_emergency_rotations_lose_no_key(
    ring: KeyRing, directory: Path, open_ring: OpenRing, clock: FakeClock
) -> None:
    """Of rotations at once in one second, the second waits its turn and the rest are refused; one key signs at last."""
    clock.now = NOON + 10
    outcomes = race(directory, clock.now, "ring.rotate('ES256', activate_in=0)")
    assert outcomes.count("done") == 2
    keys = open_ring().list()
    assert len(keys) == 1 + outcomes.count("done")
    clock.now += 100
    states = [key.state for key in open_ring().list()]
    assert states.count("active") == 1
    assert states.count("retired") == len(keys) - 1


@pytest.mark.parametrize(("dies_at", "keys"), [(1, 1), (2, 2)])
def test_a_change_cut_off_halfway_leaves_a_whole_ring(
    ring: KeyRing, directory: Path, open_ring: OpenRing, clock: FakeClock, dies_at: int, keys: int
) -> None:
    """A process that dies before a rename leaves the ring as before, or the whole rotation, never half of one."""
    (old,) = ring.list()
    dying = start(DIE, directory, NOON, dies_at)
    dying.communicate()
    assert dying.returncode == 9
    assert list(directory.glob(".*.unfinished"))

    found = open_ring()
    assert len(found.list()) == keys
    times = {key.kid: (key.retired_at, key.removed_at) for key in found.list()}
    if keys == 2:
        assert times[old.kid] == (NOON + ACTIVATE_IN, NOON + ACTIVATE_IN + RETIRE_KEEP)
    else:
        assert times == {old.kid: (None, None)}
    for now in (NOON, NOON + ACTIVATE_IN - 1, NOON + ACTIVATE_IN, NOON + 10 * ACTIVATE_IN):
        assert found.signing_key("ES256", now) is not None

    clock.now += 2 * ACTIVATE_IN
    open_ring().rotate("ES256")
    assert not list(directory.glob(".*.unfinished"))
    if keys == 2:
        assert {key.kid: key.retired_at for key in open_ring().list()}[old.kid] == NOON + ACTIVATE_IN
