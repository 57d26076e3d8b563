from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from authserver.keys.faults import BrokenKeyError, ChangeRefusedError
from authserver.keys.jwks import RSA_ONLY
from authserver.keys.life import ACTIVATE_IN, RETIRE_KEEP
from authserver.keys.ring import KeyRing, RingOptions
from authserver.oauth.limits import JWKS_MAX_AGE, TOKEN_LIFE_CEILING
from tests.keys.conftest import NOON, FakeClock, OpenRing

PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def kids(ring: KeyRing, now: int) -> set[str]:
    return {key["kid"] for key in json.loads(ring.jwks(now).body)["keys"]}


def signer(ring: KeyRing, now: int, alg: str = "ES256") -> str:
    key = ring.signing_key(alg, now)
    assert key is not None
    return key.life.kid


def test_the_defaults_outlast_caches_and_tokens() -> None:
    """A key is announced for two cache lives or more, and kept for longer than any token lives."""
    assert ACTIVATE_IN >= 2 * JWKS_MAX_AGE
    assert RETIRE_KEEP > TOKEN_LIFE_CEILING


def test_a_missing_directory_is_an_empty_ring(open_ring: OpenRing, directory: Path) -> None:
    """Opening makes nothing: there is no key, an empty key set and no directory."""
    ring = open_ring()
    assert ring.list() == ()
    assert ring.signing_key("ES256", NOON) is None
    assert json.loads(ring.jwks(NOON).body) == {"keys": []}
    assert not directory.exists()


def test_init_makes_one_key_an_algorithm_and_only_once(open_ring: OpenRing) -> None:
    """The first init makes an RS256 and an ES256 key, active at once; the second makes nothing."""
    ring = open_ring()
    made = ring.init()
    assert {(key.alg, key.state, key.active_from) for key in made} == {
        ("RS256", "active", NOON),
        ("ES256", "active", NOON),
    }
    assert ring.init() == ()
    assert open_ring().init() == ()
    assert set(ring.list()) == set(made)


def test_init_makes_only_what_is_missing(ring: KeyRing) -> None:
    """An algorithm that has an active key keeps it when another is added."""
    before = ring.list()
    (made,) = ring.init(("ES256", "ES384"))
    assert made.alg == "ES384"
    assert set(ring.list()) == {*before, made}


def test_an_unknown_algorithm_is_refused(ring: KeyRing) -> None:
    """Neither init nor rotate makes a key for an algorithm we do not sign with, and nothing is written."""
    for change in (lambda: ring.init(("HS256",)), lambda: ring.rotate("none")):
        with pytest.raises(ChangeRefusedError, match="there are RS256, PS256, ES256, ES384, Ed25519"):
            change()
    assert len(ring.list()) == 1


def test_a_key_cannot_become_active_in_the_past(ring: KeyRing) -> None:
    """A negative wait is refused."""
    with pytest.raises(ChangeRefusedError, match="in the past"):
        ring.rotate("ES256", activate_in=-1)


def test_a_rotation_runs_its_course(ring: KeyRing, clock: FakeClock) -> None:
    """The new key is announced, takes over at its second without a restart, and the old one leaves the set later."""
    old = ring.list()[0].kid
    new = ring.rotate("ES256")
    takes_over, removed = NOON + ACTIVATE_IN, NOON + ACTIVATE_IN + RETIRE_KEEP
    assert (new.state, new.active_from) == ("announced", takes_over)

    course = [
        (now, signer(ring, now), kids(ring, now)) for now in (NOON, takes_over - 1, takes_over, removed - 1, removed)
    ]
    both = {old, new.kid}
    assert course == [
        (NOON, old, both),
        (takes_over - 1, old, both),
        (takes_over, new.kid, both),
        (removed - 1, new.kid, both),
        (removed, new.kid, {new.kid}),
    ]
    clock.now = removed
    assert {key.kid: key.state for key in ring.list()} == {old: "removed", new.kid: "active"}


def test_a_rotation_is_read_back_the_same(ring: KeyRing, open_ring: OpenRing) -> None:
    """What one process says of the ring after a change is what the next one reads from the files."""
    ring.rotate("ES256")
    assert open_ring().list() == ring.list()


def test_the_time_a_retired_key_is_kept_can_be_set(open_ring: OpenRing) -> None:
    """A ring with its own `retire_keep` removes a key that long after it retired."""
    ring = open_ring(RingOptions(retire_keep=7))
    (old,) = ring.init(("ES256",))
    ring.rotate("ES256", activate_in=100)
    times = {key.kid: (key.retired_at, key.removed_at) for key in open_ring().list()}
    assert times[old.kid] == (NOON + 100, NOON + 107)


def test_the_size_of_rsa_keys_can_be_set(open_ring: OpenRing) -> None:
    """RSA keys have 2048 bits unless the ring is told otherwise."""
    for options, size in ((RingOptions(), 256), (RingOptions(rsa_bits=3072), 384)):
        ring = open_ring(options)
        new = ring.rotate("PS256", activate_in=0)
        key = ring.signing_key("PS256", new.active_from)
        assert key is not None
        assert len(key.private.sign(b"")) == size


def test_a_compromised_key_is_gone_at_once(ring: KeyRing, clock: FakeClock) -> None:
    """Rotate with activation at once, then retire: the old key neither signs nor is published any more."""
    old = ring.list()[0].kid
    clock.now += 1
    new = ring.rotate("ES256", activate_in=0)
    retired = ring.retire(old, now=clock())
    assert (retired.state, retired.removed_at) == ("removed", clock())
    assert signer(ring, clock()) == new.kid
    assert kids(ring, clock()) == {new.kid}


def test_the_signing_key_cannot_be_retired(ring: KeyRing, clock: FakeClock) -> None:
    """Retiring the only active key is refused with what to do instead, and changes nothing."""
    before = ring.list()
    with pytest.raises(ChangeRefusedError, match="Rotate ES256 with activation at once"):
        ring.retire(before[0].kid, now=clock())
    assert ring.list() == before


def test_retiring_twice_is_as_once_and_unknown_keys_are_refused(ring: KeyRing, clock: FakeClock) -> None:
    """A removed key stays as it was removed; a kid that is not there is a mistake."""
    announced = ring.rotate("ES256").kid
    first = ring.retire(announced)
    clock.now += 50
    assert ring.retire(announced) == first
    with pytest.raises(ChangeRefusedError, match="no key with this kid"):
        ring.retire("nobody")


def test_a_withdrawn_announcement_leaves_the_old_key_signing(
    ring: KeyRing, open_ring: OpenRing, clock: FakeClock
) -> None:
    """After the announced key is retired, the old one signs on, in the files as in memory."""
    old = ring.list()[0]
    ring.retire(ring.rotate("ES256").kid)
    for later in (NOON, NOON + ACTIVATE_IN, NOON + 100 * ACTIVATE_IN):
        clock.now = later
        assert signer(open_ring(), later) == signer(ring, later) == old.kid
    assert old in open_ring().list()


def test_a_running_server_notices_within_a_second(ring: KeyRing, open_ring: OpenRing, clock: FakeClock) -> None:
    """A ring opened before another process rotated signs with the new key in the second after."""
    server = open_ring()
    clock.now += 1
    new = ring.rotate("ES256", activate_in=0)
    clock.now += 1
    assert signer(server, clock()) == new.kid
    assert new.kid in kids(server, clock())


def test_reload_tells_whether_something_changed(ring: KeyRing, open_ring: OpenRing) -> None:
    """Asking again after a reload finds nothing new, a change of one file is enough to find something."""
    server = open_ring()
    assert not server.reload_if_changed()
    ring.rotate("ES256")
    assert server.reload_if_changed()
    assert not server.reload_if_changed()
    assert server.list() == ring.list()


def test_a_file_broken_under_a_running_server_does_not_stop_it(
    ring: KeyRing, directory: Path, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The keys read before stay in use, the fault is logged once and can be asked for, until it is mended."""
    before = signer(ring, clock())
    intruder = directory / "broken.json"
    intruder.write_text("{")
    for _ in range(3):
        clock.now += 1
        assert signer(ring, clock()) == before
    assert ring.fault is not None
    assert "broken.json" in ring.fault
    assert len(caplog.records) == 1
    with pytest.raises(BrokenKeyError):
        ring.reload_if_changed()

    intruder.unlink()
    clock.now += 1
    assert signer(ring, clock()) == before
    assert ring.fault is None


def test_a_mode_opened_under_a_running_server_is_noticed(ring: KeyRing, directory: Path, clock: FakeClock) -> None:
    """Opening a key file to others changes no byte of it, and is seen all the same."""
    (file,) = directory.glob("*.json")
    file.chmod(0o644)
    clock.now += 1
    ring.signing_key("ES256", clock())
    assert ring.fault is not None
    assert "chmod 600" in ring.fault


def test_the_key_set_holds_public_members_only(open_ring: OpenRing) -> None:
    """Every key of every algorithm is served with a unique kid, use and alg, and without a private member (R-040)."""
    ring = open_ring()
    ring.init(("RS256", "PS256", "ES256", "ES384", "Ed25519"))
    keys = json.loads(ring.jwks(NOON).body)["keys"]
    assert len({key["kid"] for key in keys}) == 5
    for key in keys:
        assert key["use"] == "sig"
        assert not key.keys() & PRIVATE_MEMBERS
    assert {key["alg"]: set(key) - {"kid", "use", "alg"} for key in keys} == {
        "RS256": {"kty", "n", "e"},
        "PS256": {"kty", "n", "e"},
        "ES256": {"kty", "crv", "x", "y"},
        "ES384": {"kty", "crv", "x", "y"},
        "Ed25519": {"kty", "crv", "x"},
    }


def test_the_rsa_only_set_leaves_the_rest_out(open_ring: OpenRing) -> None:
    """Readers that fail on a key they do not know can be given RS256 keys alone; the full set is not disturbed."""
    ring = open_ring()
    ring.init()
    assert [key["alg"] for key in json.loads(ring.jwks(NOON, algorithms=RSA_ONLY).body)["keys"]] == ["RS256"]
    assert len(json.loads(ring.jwks(NOON).body)["keys"]) == 2


def test_the_etag_is_of_the_bytes_and_changes_with_the_keys(ring: KeyRing, open_ring: OpenRing) -> None:
    """Two nodes serve equal bytes under one strong ETag, which changes when a key comes or goes and not before."""
    first = ring.jwks(NOON)
    assert first.etag == f'"{hashlib.sha256(first.body).hexdigest()}"'
    assert open_ring().jwks(NOON + 1000) == first
    ring.rotate("ES256")
    second = ring.jwks(NOON)
    gone = ring.jwks(NOON + ACTIVATE_IN + RETIRE_KEEP)
    assert ring.jwks(NOON + ACTIVATE_IN) == second
    assert len({first.etag, second.etag, gone.etag}) == 3


def test_the_key_set_is_made_once_for_its_keys(ring: KeyRing) -> None:
    """As long as the published keys are the same, the same object is served."""
    assert ring.jwks(NOON) is ring.jwks(NOON + 5)


def test_a_key_exchanged_under_a_running_server_is_noticed(
    ring: KeyRing, directory: Path, clock: FakeClock, tmp_path: Path
) -> None:
    """A file known from before is checked again when its key is another, although its name is the same."""
    other = KeyRing.open(tmp_path / "other", clock)
    other.init(("ES256",))
    (file,), (foreign,) = directory.glob("*.json"), (tmp_path / "other").glob("*.json")
    document = json.loads(foreign.read_bytes())
    document["jwk"]["kid"] = file.stem
    file.write_text(json.dumps(document))
    with pytest.raises(BrokenKeyError, match="private part that is not the one its kid names"):
        ring.reload_if_changed()
