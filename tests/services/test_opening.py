"""Whether other authorities' registers can be asked is settled when a node opens, and costs nobody else anything."""

from __future__ import annotations

import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from authserver.services.outside import Registers, open_registers
from authserver.services.stores import NotReadyError
from authserver.settings import Settings, SettingsError, from_environment
from tests.support.keys import make_key

PREFIX = "AUTHSERVER_SOURCE_"


@pytest.fixture
def configured(tmp_path: Path) -> dict[str, Any]:
    """Settings that name a client and its key."""
    pair = make_key("ES256")
    (tmp_path / "key.pem").write_text(pair.pem)
    return {"source_client_id": "authority-a", "source_key": tmp_path / "key.pem", "source_kid": pair.kid}


async def test_without_a_client_nobody_is_asked() -> None:
    """An authority that is client of no register opens nothing."""
    async with AsyncExitStack() as stack:
        assert open_registers(Settings(), stack) is None


async def test_a_client_and_its_key_are_enough(configured: dict[str, Any]) -> None:
    """Client and key open what asks registers; it closes with the rest."""
    async with AsyncExitStack() as stack:
        assert isinstance(open_registers(Settings(**configured), stack), Registers)


@pytest.mark.parametrize("content", ["no key", "", "{}"])
async def test_a_key_that_cannot_sign_is_told_by_its_setting(configured: dict[str, Any], content: str) -> None:
    """The node does not start with a key that would fail at the first question, and shows nothing of the file."""
    configured["source_key"].write_text(content)
    async with AsyncExitStack() as stack:
        with pytest.raises(SettingsError, match="AUTHSERVER_SOURCE_KEY cannot be used") as raised:
            open_registers(Settings(**configured), stack)
    assert content == "" or content not in str(raised.value)


async def test_without_the_client_library_the_operator_is_told_what_to_install(
    configured: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client is configured and `tillit` is missing: one sentence names the extra that brings it."""
    monkeypatch.delitem(sys.modules, "authserver.services.outside.calls", raising=False)
    monkeypatch.setitem(sys.modules, "tillit", None)
    async with AsyncExitStack() as stack:
        with pytest.raises(NotReadyError, match=r"install tillit-authserver\[sources\]"):
            open_registers(Settings(**configured), stack)


def test_a_server_without_sources_never_imports_the_client_library() -> None:
    """What every node imports brings neither `tillit` nor its HTTP library."""
    program = "import authserver.app, authserver.node, sys; print({'tillit', 'httpx2'} & set(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def faults(**given: str) -> list[str]:
    """What is wrong with an environment of these settings."""
    with pytest.raises(SettingsError) as raised:
        from_environment({f"AUTHSERVER_{name.upper()}": value for name, value in given.items()})
    return raised.value.faults


def test_every_fault_of_the_settings_is_told_at_once(tmp_path: Path) -> None:
    """A key without client, a missing file, times out of range and a plain issuer are all named together."""
    assert faults(
        environment="test",
        lookup_prefix="Æ",
        source_key=str(tmp_path / "none"),
        source_kid="k",
        source_token_issuer="http://b.example/",
        source_seconds="0",
        source_cache_seconds="11",
    ) == [
        "AUTHSERVER_SOURCE_SECONDS must be a whole number from 1 to 10",
        "AUTHSERVER_SOURCE_CACHE_SECONDS must be a whole number from 0 to 10",
        "AUTHSERVER_SOURCE_CLIENT_ID and AUTHSERVER_SOURCE_KEY go together; one of them is missing",
        "AUTHSERVER_SOURCE_KID and AUTHSERVER_SOURCE_TOKEN_ISSUER need AUTHSERVER_SOURCE_CLIENT_ID",
        "AUTHSERVER_SOURCE_KEY names no file",
        "AUTHSERVER_SOURCE_TOKEN_ISSUER must be https when AUTHSERVER_ENVIRONMENT is not dev",
        (
            "AUTHSERVER_LOOKUP_PREFIX is malformed: "
            "a prefix is at most 40 lower-case letters and digits, with - or _ between them"
        ),
    ]
    assert faults(source_token_issuer="b.example") == [
        "AUTHSERVER_SOURCE_KID and AUTHSERVER_SOURCE_TOKEN_ISSUER need AUTHSERVER_SOURCE_CLIENT_ID",
        "AUTHSERVER_SOURCE_TOKEN_ISSUER must be an http(s) URL without user, query and fragment",
    ]


def test_look_ups_stand_under_the_admin_prefix_unless_told_otherwise() -> None:
    """The prefix of the look-up's scopes follows that of the admin API, whose owner is the same operator."""
    assert from_environment({"AUTHSERVER_ADMIN_PREFIX": "ours"}).lookup_prefix == "ours"
    told = {"AUTHSERVER_ADMIN_PREFIX": "ours", "AUTHSERVER_LOOKUP_PREFIX": "altinn"}
    assert from_environment(told).lookup_prefix == "altinn"
