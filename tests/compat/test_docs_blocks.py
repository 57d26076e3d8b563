"""The Python of guides that cannot be typed after the tutorial, run as it stands against a real authority."""

from __future__ import annotations

import ast
import inspect
import json
import re
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from google.auth.transport.requests import Request
from google.oauth2.service_account import Credentials

from authserver.registry import telling
from tests.support.authority import Authority
from tests.support.registrar import RegisteredClient
from tillit import StatementVerifier

UNVERIFIED: Any = {"verify_signature": False}
ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs/how-to"
README = ROOT / "clients/python/README.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def python_of(guide: str) -> list[str]:
    """The Python blocks of a guide, in order."""
    return BLOCK.findall((GUIDES / f"{guide}.md").read_text(encoding="utf-8"))


def test_a_receiver_of_webhooks_written_as_the_guide_says_knows_our_signature() -> None:
    """It takes what we signed within five minutes, and neither another body nor an old message."""
    (block,) = python_of("be-told-of-changes")
    names: dict[str, Any] = {}
    exec(block, names)  # noqa: S102 - the page must work as it is written
    signed_by, secret, body = names["signed_by"], "whsec_" + "a" * 43 + "=", b'{"type":"access.changed"}'
    headers = telling.headers(secret, "hook.7", 1_900_000_000, body)
    assert signed_by(secret, headers, body, 1_900_000_300)
    assert not signed_by(secret, headers, body + b" ", 1_900_000_000)
    assert not signed_by(secret, headers, body, 1_900_000_301)


def test_google_auth_works_with_the_claims_that_the_guide_gives(
    maskinporten: Authority, classic: RegisteredClient
) -> None:
    """Credentials made as the guide says get a token."""
    (block,) = python_of("use-existing-maskinporten-clients")
    info = {
        "client_email": classic.id,
        "private_key": classic.key.pem,
        "private_key_id": classic.key.kid,
        "token_uri": f"{maskinporten.issuer}token",
    }
    made = Credentials.from_service_account_info(info, scopes=classic.scopes)  # type: ignore[no-untyped-call]
    text = block.replace("https://your-authority/", maskinporten.issuer).strip()
    credentials = eval(text, {"credentials": made, "time": time})  # noqa: S307 - the page must work as it is written
    credentials.refresh(Request())
    assert credentials.token.count(".") == 2


def test_a_delegation_is_signed_and_proven_as_the_guide_says(
    standard: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The consent says what the authority expects of it, and the verifier names the parties of the statement."""
    sign, verify = python_of("prove-a-delegation")
    registry = standard.registry
    scope = registry.scope(delegable=True)
    giver, supplier = registry.client(scope), registry.organisation()
    delegation = registry.delegate(giver.orgno, supplier, scope)
    statement = registry.statement(delegation)
    (tmp_path / "key.pem").write_text(giver.key.pem, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"evidence": {"statement": statement}}
    exec(sign.replace("the-client-id", giver.id).replace("the-kid", giver.key.kid), names)  # noqa: S102 - the same
    signed, expected = (
        jwt.decode(text, options=UNVERIFIED) for text in (names["consent"], registry.consent(giver, delegation))
    )
    assert {**signed, "iat": 0} == {**expected, "iat": 0}
    names["document"] = json.dumps({"statement": statement, "consent": None, "consent_key": None})
    exec(verify.replace("https://authority.example/", standard.issuer), names)  # noqa: S102 - the same
    assert isinstance(names["verifier"], StatementVerifier)
    assert capsys.readouterr().out.split()[:2] == [giver.orgno, supplier]


def test_the_guide_to_moving_ends_where_it_says(
    standard: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings, code and a request of one's own each give a token."""
    registry = standard.registry
    scope = registry.scope(delegable=True, audience="https://api.example.no/")
    client, consumer = registry.granted_client(scope), registry.organisation()
    registry.grant(scope, consumer)
    registry.delegate(consumer, client.orgno, scope)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "private.pem").write_text(client.key.pem, encoding="utf-8")
    for name, value in (("CLIENT_ID", client.id), ("PRIVATE_KEY_PATH", "private.pem"), ("KID", client.key.kid)):
        monkeypatch.setenv(f"MASKINPORTEN_{name}", value)
    monkeypatch.setenv("MASKINPORTEN_ISSUER", standard.issuer)
    names: dict[str, Any] = {}
    here = {"x:read": scope, "991825827": consumer, "http://localhost:8080/": standard.issuer}
    here |= {"my-client-id": client.id, "my-kid": client.key.kid}
    for block in python_of("migrate-to-tillit"):
        for said, meant in here.items():
            block = block.replace(said, meant)  # noqa: PLW2901 - the page as it is on this machine
        exec(block, names)  # noqa: S102 - the page must work as it is written
    token = names["headers"]["Authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, options=UNVERIFIED)["consumer"]["ID"] == f"0192:{consumer}"


@pytest.mark.anyio
async def test_the_library_does_what_its_readme_shows(
    standard: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every block of the library's README runs, one after the other, for a client with the settings it names."""
    registry = standard.registry
    scope = registry.scope("x:read", delegable=True, audience="https://api.example.no/")
    client = registry.granted_client(scope)
    registry.grant(scope, registry.organisation("991825827"))
    delegation = registry.delegate("991825827", client.orgno, scope)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TILLIT_CLIENT_ID", client.id)
    monkeypatch.setenv("TILLIT_PRIVATE_KEY", client.key.pem)
    monkeypatch.setenv("TILLIT_KID", client.key.kid)
    monkeypatch.setenv("TILLIT_ISSUER", standard.issuer)
    names: dict[str, Any] = {"document": json.dumps({"statement": registry.statement(delegation)})}
    text = README.read_text(encoding="utf-8").replace("http://localhost:8080/", standard.issuer)
    for number, block in enumerate(BLOCK.findall(text)):
        code = compile(block, f"block {number} of the README", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        # Compiled so, a block that awaits is a coroutine when it is evaluated.
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, names)  # noqa: S307 - the page must work as it is written
        else:
            exec(code, names)  # noqa: S102 - the same
    assert names["proven"].supplier.number == client.orgno
