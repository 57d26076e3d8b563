"""Stores that processes share: what all of them do, and what each does by itself."""

from __future__ import annotations

import base64
import json
import os
import pickle
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.support import servers
from tillit import ClientConfig, ConfigError, Encrypted, FileStore, RedisStore, TokenStore
from tillit.core.stored_token import decode
from tillit.stores import open_store

KEY = "5f" * 32
OTHER = "a0" * 32
SECRET = bytes(range(32))

Make = Callable[[], TokenStore]


@pytest.fixture(params=["file", "redis", "encrypted file", "encrypted redis"])
def make(request: pytest.FixtureRequest, tmp_path: Path, valkey: servers.ValkeyServer) -> Make:
    """Opens the same empty store, each time as another process would."""
    valkey.cli("FLUSHALL")

    def opened() -> TokenStore:
        store: TokenStore = FileStore(tmp_path / "cache") if "file" in request.param else RedisStore(valkey.url)
        return Encrypted(store, SECRET) if "encrypted" in request.param else store

    return opened


def blob(store: TokenStore, key: str = KEY) -> bytes | None:
    """What is kept."""
    found = store.get(key)
    return None if found is None else found.blob


def test_what_one_puts_the_other_gets(make: Make) -> None:
    """A second process finds the last thing put under a key, and nothing under another."""
    store = make()
    assert blob(store) is None
    store.put(KEY, b"first", 60)
    store.put(KEY, b"second", 60)

    assert blob(make()) == b"second"
    assert blob(make(), OTHER) is None


def test_what_is_too_old_is_gone(make: Make) -> None:
    """A token is not found after its time."""
    make().put(KEY, b"short", 0.05)
    make().put(OTHER, b"long", 60)
    time.sleep(0.06)

    assert blob(make()) is None
    assert blob(make(), OTHER) == b"long"


def test_drop_compares(make: Make) -> None:
    """Only what is expected to be there is removed, and removing nothing is no error."""
    make().drop(KEY, b"old")
    make().put(KEY, b"new", 60)
    make().drop(KEY, b"old")
    assert blob(make()) == b"new"
    make().drop(KEY, b"new")
    assert blob(make()) is None


def test_one_holds_the_lock(make: Make) -> None:
    """A lock is had by one at a time, by key; after its release the next one gets it."""
    held = make().lock(KEY, 60)
    assert held is not None
    assert make().lock(KEY, 60) is None
    other = make().lock(OTHER, 60)
    assert other is not None
    held.release()
    again = make().lock(KEY, 60)
    assert again is not None
    again.release()
    other.release()


def test_redis_tells_how_long_it_keeps(valkey: servers.ValkeyServer) -> None:
    """The server's own count comes with the token, so that the clocks of machines need not agree."""
    store = RedisStore(valkey.url)
    store.put(KEY, b"x", 60)
    found = store.get(KEY)
    assert found is not None
    assert found.ttl is not None
    assert 50 < found.ttl <= 60


def test_redis_lock_that_ran_out_is_not_taken_from_its_next_holder(valkey: servers.ValkeyServer) -> None:
    """Who held a lock beyond its time gives up nothing by releasing it late."""
    valkey.cli("FLUSHALL")
    late = RedisStore(valkey.url).lock(KEY, 0.03)
    time.sleep(0.04)
    current = RedisStore(valkey.url).lock(KEY, 60)
    assert late is not None
    assert current is not None
    late.release()
    assert RedisStore(valkey.url).lock(KEY, 60) is None


def test_redis_is_asked_for_no_more_than_a_token(valkey: servers.ValkeyServer) -> None:
    """What is far too large is a miss, and is not sent over whole."""
    store = RedisStore(valkey.url)
    store.put(KEY, b"x" * 300_000, 60)
    assert store.get(KEY) is None


@pytest.mark.parametrize(
    "change", [{"token": "a\r\nX: y"}, {"token": ""}, {"lifetime": 2**53}, {"lifetime": True}, {"type": "Basic"}]
)
def test_what_no_client_puts_is_no_token(change: dict[str, object]) -> None:
    """Whoever can write to the store can lend tokens, and neither headers nor a life without end."""
    good = {"v": 1, "token": "abc", "scopes": ["a:b"], "lifetime": 600, "obtained": 0.0}
    assert decode(json.dumps(good).encode()) is not None
    assert decode(json.dumps({**good, **change}).encode()) is None


def test_redis_takes_a_client_and_a_prefix(valkey: servers.ValkeyServer) -> None:
    """An application's own connection is used, and applications with other prefixes do not meet."""
    with redis.Redis.from_url(valkey.url) as server:
        RedisStore(server, prefix="app1:").put(KEY, b"x", 60)
        assert blob(RedisStore(server, prefix="app2:")) is None
        assert blob(RedisStore(server, prefix="app1:")) == b"x"
        assert server.exists("app1:" + KEY)


def test_files_are_private_and_leave_nothing_behind(tmp_path: Path) -> None:
    """The directory is 0700, the files 0600 under any umask, and no temporary file stays."""
    before = os.umask(0)
    try:
        store = FileStore(tmp_path / "a" / "b")
        store.put(KEY, b"x", 60)
        held = store.lock(KEY, 60)
    finally:
        os.umask(before)
    assert held is not None
    held.release()
    files = list((tmp_path / "a" / "b").iterdir())
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert {path.suffix for path in files} == {".token", ".lock"}


def test_directory_that_others_may_enter_is_refused(tmp_path: Path) -> None:
    """A directory with another mode, a link to one and a plain file are ConfigErrors."""
    (tmp_path / "open").mkdir(mode=0o750)
    (tmp_path / "good").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "good")
    for name, words in (("open", "0700"), ("link", "link")):
        with pytest.raises(ConfigError, match=words):
            FileStore(tmp_path / name)
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be made"):
        FileStore(tmp_path / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to somebody else")
def test_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    """A directory that somebody else owns is a ConfigError."""
    (tmp_path / "theirs").mkdir(mode=0o700)
    os.chown(tmp_path / "theirs", 65534, 65534)
    with pytest.raises(ConfigError, match="another user"):
        FileStore(tmp_path / "theirs")


def test_key_is_never_a_path(tmp_path: Path) -> None:
    """A key that is not a hash cannot leave the directory."""
    store = FileStore(tmp_path / "cache")
    store.put("../escaped", b"x", 60)
    assert blob(store, "../escaped") == b"x"
    assert [path.name for path in tmp_path.iterdir()] == ["cache"]


def test_dropping_does_not_take_what_was_put_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look at a file and its removal another process may put a new one, which stays."""
    store, other = FileStore(tmp_path / "cache"), FileStore(tmp_path / "cache")
    store.put(KEY, b"old", 60)
    read = Path.read_bytes

    def slow(path: Path) -> bytes:
        found = read(path)
        other.put(KEY, b"new", 60)
        return found

    monkeypatch.setattr(Path, "read_bytes", slow)
    store.drop(KEY, b"old")
    assert blob(store) == b"new"
    store.drop(KEY, b"of long ago")
    assert blob(store) == b"new"


def test_old_files_are_swept(tmp_path: Path) -> None:
    """The first put of a process removes what has expired or was left by a killed one, and nothing else."""
    directory = tmp_path / "cache"
    FileStore(directory).put(KEY, b"short", 0.001)
    dead, live = "d" * 32 + ".tmp", "1" * 32 + ".tmp"
    others = ["github.token", "notes.tmp"]
    for name in (dead, *others):
        (directory / name).touch()
        os.utime(directory / name, (0, 0))
    (directory / live).touch()
    time.sleep(0.01)
    FileStore(directory).put(OTHER, b"x", 60)
    assert sorted(path.name for path in directory.iterdir()) == sorted([OTHER + ".token", live, *others])


@pytest.mark.skipif(sys.platform == "win32", reason="there are no modes and no pipes")
@pytest.mark.parametrize("what", ["a link", "a pipe", "open to others"])
def test_what_the_store_did_not_write_is_not_read(tmp_path: Path, what: str) -> None:
    """A link, a pipe that would never end, and a file that others may change are as good as no token."""
    store = FileStore(tmp_path / "cache")
    store.put(KEY, b"x", 60)
    path = tmp_path / "cache" / f"{KEY}.token"
    if what == "open to others":
        path.chmod(0o606)
    else:
        path.rename(tmp_path / "elsewhere")
        path.symlink_to(tmp_path / "elsewhere") if what == "a link" else os.mkfifo(path)
    assert store.get(KEY) is None


def test_huge_file_is_a_miss(tmp_path: Path) -> None:
    """What is far too large for a token is not read into memory."""
    store = FileStore(tmp_path / "cache")
    store.put(KEY, b"x" * 300_000, 60)
    assert store.get(KEY) is None


def test_file_store_travels_to_another_process(tmp_path: Path) -> None:
    """A FileStore is pickled as its directory."""
    store = FileStore(tmp_path / "cache")
    store.put(KEY, b"x", 60)
    assert blob(pickle.loads(pickle.dumps(store))) == b"x"  # noqa: S301 - our own bytes


def test_nothing_is_readable_without_the_key(tmp_path: Path) -> None:
    """The file holds no part of the token, and two files of one token have nothing in common but the key's id."""
    plain, inner = b"eyJ0b2tlbiI6InNlY3JldCJ9" * 4, FileStore(tmp_path / "cache")
    store = Encrypted(inner, SECRET)
    sealed = []
    for _ in range(2):
        store.put(KEY, plain, 60)
        sealed.append(blob(inner))
    first, second = sealed
    assert first is not None
    assert second is not None
    assert plain[:8] not in first
    assert first[:5] == second[:5]
    assert first[5:] != second[5:]
    assert first[17:33] != second[17:33]


def test_keys_rotate(tmp_path: Path) -> None:
    """The first key encrypts, all decrypt, and what is under a key taken away is a miss."""
    inner, new = FileStore(tmp_path / "cache"), bytes(reversed(range(32)))
    Encrypted(inner, SECRET).put(KEY, b"old", 60)
    both = Encrypted(inner, [new, SECRET])
    assert blob(both) == b"old"
    both.put(KEY, b"new", 60)
    assert blob(Encrypted(inner, new)) == b"new"
    assert blob(Encrypted(inner, SECRET)) is None


def test_what_was_tampered_with_is_a_miss(tmp_path: Path) -> None:
    """A changed or cut byte anywhere, or a blob moved to another key, is as good as none."""
    inner = FileStore(tmp_path / "cache")
    store = Encrypted(inner, SECRET)
    store.put(KEY, b"token", 60)
    good = blob(inner)
    assert good is not None
    for position in range(len(good)):
        inner.put(KEY, good[:position] + bytes([good[position] ^ 1]) + good[position + 1 :], 60)
        assert store.get(KEY) is None
        inner.put(KEY, good[:position], 60)
        assert store.get(KEY) is None
    inner.put(OTHER, good, 60)
    assert store.get(OTHER) is None


def test_keys_of_another_size_are_refused(tmp_path: Path) -> None:
    """A passphrase is not a key."""
    inner = FileStore(tmp_path / "cache")
    for bad in (b"", b"password", [], [SECRET, b"x"]):
        with pytest.raises(ConfigError, match="bytes"):
            Encrypted(inner, bad)


def test_address_opens_the_store_it_names(tmp_path: Path, valkey: servers.ValkeyServer) -> None:
    """Memory is no store; file: and redis: are, and with a key they are encrypted."""
    text = base64.urlsafe_b64encode(SECRET).decode()
    assert open_store("memory", text) is None
    assert open_store(None) is None
    assert isinstance(open_store(f"file:{tmp_path}/a"), FileStore)
    assert isinstance(open_store(f"file://{tmp_path}/b"), FileStore)
    assert isinstance(open_store(valkey.url), RedisStore)
    opened = open_store(f"file:{tmp_path}/a", f"{text}, {text.rstrip('=')}")
    assert isinstance(opened, Encrypted)
    opened.put(KEY, b"x", 60)
    assert blob(Encrypted(FileStore(tmp_path / "a"), SECRET)) == b"x"


@pytest.mark.parametrize("address", ["file:", "memory:", "postgres://h/d", "/tmp/x", "", "redis:6379"])
def test_addresses_that_are_refused(address: str) -> None:
    """What is no address of a store is a ConfigError that names the forms."""
    with pytest.raises(ConfigError, match="redis://"):
        open_store(address)


def test_bad_key_is_refused_and_not_shown() -> None:
    """A key that is not one is a ConfigError without the key."""
    for key in ("hunter2", "AAAA", "!!!", ""):
        with pytest.raises(ConfigError, match="base64url") as caught:
            open_store("memory", key)
        assert "hunter2" not in str(caught.value)


def test_settings_name_the_cache_that_is_none(tmp_path: Path) -> None:
    """A cache or key that is not one is a fault of the settings, named by their prefix and shown without the key."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    good = {"X_CLIENT_ID": "c", "X_PRIVATE_KEY": pem.decode(), "X_ISSUER": "https://as.example.no/"}
    for wrong in ({"X_TOKEN_CACHE": "disk"}, {"X_TOKEN_CACHE": f"file:{tmp_path}", "X_TOKEN_CACHE_KEY": "hunter2"}):
        with pytest.raises(ConfigError, match=r"X_.*token cache") as caught:
            ClientConfig.from_env("X_", good | wrong)
        assert "hunter2" not in str(caught.value)
    assert ClientConfig.from_env("X_", good | {"X_TOKEN_CACHE": "memory"}).token_cache == "memory"


@pytest.mark.parametrize(
    ("package", "make_store"), [("filelock", lambda: FileStore("x")), ("redis", lambda: RedisStore("redis://h/0"))]
)
def test_missing_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, package: str, make_store: Callable[[], TokenStore]
) -> None:
    """Without the package that a store needs, the error says which extra brings it, and nothing is written."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigError, match=r"install tillit\["):
        make_store()
    assert list(tmp_path.iterdir()) == []
