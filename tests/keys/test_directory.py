from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from authserver.keys.faults import BrokenKeyError
from authserver.keys.ring import KeyRing, RingOptions
from tests.keys.conftest import NOON, OpenRing


def only_file(directory: Path) -> Path:
    (file,) = directory.glob("*.json")
    return file


def edit(file: Path, **members: Any) -> None:
    document = json.loads(file.read_bytes()) | members
    file.write_text(json.dumps({name: value for name, value in document.items() if value is not ...}))


def edit_jwk(file: Path, **members: Any) -> None:
    edit(file, jwk=json.loads(file.read_bytes())["jwk"] | members)


def test_files_are_the_owners_alone(ring: KeyRing, directory: Path) -> None:
    """The directory is made 0700 and a key file 0600, named by its kid, whatever the umask."""
    assert directory.stat().st_mode & 0o777 == 0o700
    assert only_file(directory).stat().st_mode & 0o777 == 0o600
    assert only_file(directory).stem == ring.list()[0].kid


def test_an_open_umask_opens_no_file(open_ring: OpenRing, directory: Path) -> None:
    """With umask 000 a key file is still 0600."""
    before = os.umask(0)
    try:
        open_ring().init(("ES256",))
    finally:
        os.umask(before)
    assert only_file(directory).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601])
def test_a_file_open_to_others_is_refused(ring: KeyRing, directory: Path, open_ring: OpenRing, mode: int) -> None:
    """A key that others may touch is refused by name, with the command that helps."""
    only_file(directory).chmod(mode)
    with pytest.raises(BrokenKeyError, match=rf"{only_file(directory).name} can be read by others.*chmod 600"):
        open_ring()


def test_a_directory_others_write_in_is_refused(ring: KeyRing, directory: Path, open_ring: OpenRing) -> None:
    """Whoever may write in the directory could replace a key, so it is refused."""
    directory.chmod(0o770)
    with pytest.raises(BrokenKeyError, match="chmod 700"):
        open_ring()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"{}", "is not a JSON object with a member jwk"),
        (b'{"jwk": {}}', "does not name its algorithm"),
        (b'{"jwk": {}, "alg": "HS256"}', "algorithm that this authority does not sign with"),
        (b'{"jwk": {}, "alg": "ES256"}', "does not hold a private key for ES256"),
        (b'{"jwk": {"kty": "EC", "crv": "P-256", "d": 7, "x": "", "y": ""}, "alg": "ES256"}', "is damaged"),
    ],
)
def test_a_broken_file_stops_the_start(
    ring: KeyRing, directory: Path, open_ring: OpenRing, content: bytes, fault: str
) -> None:
    """A file that is no key is named and refused, although a good key lies beside it."""
    broken = directory / "broken.json"
    broken.write_bytes(content)
    broken.chmod(0o600)
    with pytest.raises(BrokenKeyError, match=rf"The key file broken.json .*{fault}"):
        open_ring()


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"created_at": ...}, "no created_at"),
        ({"active_from": "1"}, "no active_from"),
        ({"active_from": True}, "no active_from"),
        ({"active_from": 1.5}, "no active_from"),
        ({"created_at": -1}, "no created_at"),
        ({"retired_at": 5}, "only one of"),
        ({"removed_at": 5}, "only one of"),
        ({"retired_at": 5, "removed_at": 4}, "removed_at before retired_at"),
        ({"alg": "ES384"}, "does not hold a private key for ES384"),
        ({"alg": "RS256"}, "does not hold a private key for RS256"),
    ],
)
def test_bad_members_are_refused(
    ring: KeyRing, directory: Path, open_ring: OpenRing, members: dict[str, Any], fault: str
) -> None:
    """A life that makes no sense, or an algorithm that is not the key's, is refused."""
    edit(only_file(directory), **members)
    with pytest.raises(BrokenKeyError, match=fault):
        open_ring()


@pytest.mark.parametrize("alg", ["ES256", "RS256", "Ed25519"])
def test_the_private_part_must_be_the_one_its_kid_names(open_ring: OpenRing, directory: Path, alg: str) -> None:
    """A key file whose secret was exchanged is refused, whether or not its public part was exchanged with it."""
    open_ring().init((alg,))
    other: dict[str, Callable[[], Key]] = {
        "ES256": ECKey.generate_key,
        "RS256": lambda: RSAKey.generate_key(2048),
        "Ed25519": OKPKey.generate_key,
    }
    kid = only_file(directory).stem
    foreign = other[alg]().as_dict(private=True) | {"kid": kid}
    original = only_file(directory).read_bytes()
    edit(only_file(directory), jwk=foreign)
    with pytest.raises(BrokenKeyError, match="private part that is not the one its kid names"):
        open_ring()
    only_file(directory).write_bytes(original)
    edit_jwk(only_file(directory), d=foreign["d"])
    with pytest.raises(BrokenKeyError, match=r"damaged|private part"):
        open_ring()


def test_a_public_key_is_no_signing_key(ring: KeyRing, directory: Path, open_ring: OpenRing) -> None:
    """A file without the secret is refused at the start, not at the first token."""
    jwk = json.loads(only_file(directory).read_bytes())["jwk"]
    del jwk["d"]
    edit(only_file(directory), jwk=jwk)
    with pytest.raises(BrokenKeyError, match="does not hold a private key"):
        open_ring()


@pytest.mark.filterwarnings("ignore:Key size should be")
def test_a_short_rsa_key_is_refused(directory: Path, open_ring: OpenRing) -> None:
    """An RSA key under 2048 bits is refused, however it came to be there."""
    key = RSAKey.import_key(rsa.generate_private_key(65537, 1024))  # noqa: S505 - the short key is the point
    directory.mkdir(mode=0o700)
    file = directory / f"{key.thumbprint()}.json"
    file.touch(mode=0o600)
    jwk = key.as_dict(private=True) | {"kid": key.thumbprint()}
    file.write_text(json.dumps({"alg": "RS256", "created_at": NOON, "active_from": NOON, "jwk": jwk}))
    with pytest.raises(BrokenKeyError, match="1024 bits"):
        open_ring()


def test_one_key_in_two_files_is_refused(ring: KeyRing, directory: Path, open_ring: OpenRing) -> None:
    """A copy of a key file could tell another life of the same kid, so it is refused."""
    copy = directory / "copy.json"
    copy.touch(mode=0o600)
    copy.write_bytes(only_file_besides(directory, copy).read_bytes())
    with pytest.raises(BrokenKeyError, match=f"copy.json is a second home for the key {ring.list()[0].kid}"):
        open_ring()


def only_file_besides(directory: Path, other: Path) -> Path:
    (file,) = (file for file in directory.glob("*.json") if file != other)
    return file


def test_unknown_members_are_tolerated_and_kept(ring: KeyRing, directory: Path, open_ring: OpenRing) -> None:
    """What a later version wrote into a file survives a change made by this one."""
    file = only_file(directory)
    edit(file, note="from the ceremony")
    edit_jwk(file, x5t="abc")
    open_ring().rotate("ES256")
    document = json.loads(file.read_bytes())
    assert document["note"] == "from the ceremony"
    assert document["jwk"]["x5t"] == "abc"
    assert document["retired_at"] == NOON + 86_400


def test_other_files_are_no_keys(ring: KeyRing, directory: Path, open_ring: OpenRing) -> None:
    """A README or a hidden file in the directory is nothing to the ring."""
    (directory / "README.md").write_text("keys")
    (directory / ".hidden.json").write_text("?")
    assert open_ring().list() == ring.list()


def test_example_keys_are_refused_when_told(ring: KeyRing, open_ring: OpenRing) -> None:
    """A key whose thumbprint is on the refused list stops the start."""
    kid = ring.list()[0].kid
    with pytest.raises(BrokenKeyError, match="example key"):
        open_ring(RingOptions(refused_thumbprints={kid}))


def test_nothing_shows_a_secret(ring: KeyRing, directory: Path, clock: Any) -> None:
    """No repr and no sentence of a fault holds a private member."""
    secret = json.loads(only_file(directory).read_bytes())["jwk"]["d"]
    key = ring.signing_key("ES256", clock())
    assert secret not in repr(key) + repr(vars(ring)) + repr(ring.list())
    edit_jwk(only_file(directory), y="AAAA")
    with pytest.raises(BrokenKeyError) as caught:
        KeyRing.open(directory, clock)
    assert secret not in str(caught.value) + repr(caught.value.__cause__)
