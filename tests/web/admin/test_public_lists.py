"""The lists that anyone may read: always up to date, and cheap for whoever asks again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from secrets import token_hex
from types import SimpleNamespace
from typing import Any, cast

import pytest

from authserver.oauth.models import Prefix, Scope
from authserver.registry.published import Wanted
from authserver.web.admin.ports import Parts
from authserver.web.admin.public_lists import PublicLists
from tests.support.http import Answer
from tests.web.admin.conftest import Tool

LISTS = ("/api/v1/scopes/all", "/scopes/all", "/api/v1/prefix/all", "/prefix/all", "/scopes/all?inactive=true")


@pytest.fixture
def prefix(tool: Tool) -> Iterator[str]:
    """A prefix that one test alone changes."""
    made = f"p{token_hex(4)}"
    tool.authority.registry.prefix(made)
    yield made
    tool.authority.registry.set_prefix(made, active=False)


def read(tool: Tool, path: str, seen: str = "") -> Answer:
    """Ask as a stranger does."""
    return tool.authority.get(path, {"if-none-match": seen} if seen else {})


def names(tool: Tool, query: str) -> set[str]:
    """The names of the scopes that such a list has."""
    answer = read(tool, f"/api/v1/scopes/all?{query}")
    assert answer.status == 200, answer.body
    return {scope["name"] for scope in json.loads(answer.body)}


@pytest.mark.parametrize("path", LISTS)
def test_whoever_has_the_list_is_told_so(tool: Tool, prefix: str, path: str) -> None:
    """Asked with its tag the answer is 304 without a body, until something that is listed changes."""
    registry = tool.authority.registry
    registry.scope(f"{prefix}:a")
    first = read(tool, path)
    assert (first.status, first.headers["content-type"]) == (200, "application/json")
    assert first.headers["cache-control"] == "public, no-cache"
    tag = first.headers["etag"]
    for seen in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = read(tool, path, seen)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag)
    assert read(tool, path, '"00"').status == 200
    registry.scope(f"{token_hex(4)}x:made" if "prefix" in path else f"{prefix}:b")
    changed = read(tool, path, tag)
    assert changed.status == 200
    assert changed.headers["etag"] != tag


def test_a_change_that_nobody_can_see_leaves_the_tag(tool: Tool, prefix: str) -> None:
    """A new policy epoch alone is no other list: the tag is that of the bytes."""
    tool.authority.registry.scope(f"{prefix}:a")
    tag = read(tool, "/scopes/all").headers["etag"]
    tool.authority.registry.organisation()
    tool.authority.registry.scope(f"{prefix}:hidden", visibility="PRIVATE")
    assert read(tool, "/scopes/all", tag).status == 304


def test_every_change_is_in_the_next_answer(tool: Tool, prefix: str) -> None:
    """A scope that is made, deactivated, revived, hidden or stopped with its prefix is listed so at once."""
    registry, query = tool.authority.registry, f"prefix={prefix}"
    assert names(tool, query) == set()
    scope = registry.scope(f"{prefix}:a")
    assert names(tool, query) == {scope}
    registry.set_scope(scope, active=False)
    assert names(tool, query) == set()
    assert names(tool, f"{query}&inactive=true") == {scope}
    registry.set_scope(scope, active=True)
    assert names(tool, query) == {scope}
    registry.set_prefix(prefix, active=False)
    assert names(tool, query) == set()
    assert names(tool, f"{query}&inactive=true") == {scope}
    found = {row["prefix"] for row in json.loads(read(tool, "/prefix/all").body)}
    assert prefix not in found
    found = {row["prefix"] for row in json.loads(read(tool, "/prefix/all?inactive=true").body)}
    assert prefix in found


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", {"open", "typed", "sourced"}),
        ("accessible_for_all=true", {"open"}),
        ("accessible_for_all=false", {"typed", "sourced"}),
        ("integration_type=krr", {"open", "sourced", "typed"}),
        ("integration_type=maskinporten", {"open", "sourced"}),
        ("delegated_sources={issuer}", {"sourced"}),
        ("delegated_sources=nobody", set()),
        ("prefix=nobody", set()),
    ],
)
def test_a_list_is_narrowed(tool: Tool, prefix: str, query: str, expected: set[str]) -> None:
    """By whether everybody may, by the kind of client, by the source of delegations and by prefix."""
    registry: Any = tool.authority.registry
    registry.scope(f"{prefix}:open", accessible_for_all=True)
    registry.scope(f"{prefix}:typed", allowed_integration_types=("krr",))
    registry.scope(f"{prefix}:sourced", delegable=True)
    asked = query.format(issuer=tool.authority.issuer)
    narrowed = asked if "prefix" in asked else f"prefix={prefix}&{asked}"
    assert names(tool, narrowed) == {f"{prefix}:{one}" for one in expected}


def test_more_questions_than_answers_are_kept_are_answered(tool: Tool, prefix: str) -> None:
    """However many different lists are asked for, each is right, also when it is asked for again."""
    registry = tool.authority.registry
    registry.scope(f"{prefix}:a")
    for number in range(100):
        assert names(tool, f"prefix=nobody{number}") == set()
    assert names(tool, f"prefix={prefix}") == {f"{prefix}:a"}


@pytest.mark.parametrize("query", ["integration_type=nothing", "accessible_for_all=perhaps"])
def test_a_question_that_is_none_is_refused(tool: Tool, query: str) -> None:
    """A kind of client that there is not, and a truth that is none, are 400."""
    assert read(tool, f"/scopes/all?{query}").status == 400


class Registry:
    """A registry of one scope that counts how often all of it is read."""

    def __init__(self) -> None:
        self.epoch = 1
        self.reads = 0

    async def latest(self) -> int:
        """The epoch."""
        return self.epoch

    async def prefixes(self) -> list[Prefix]:
        """Every prefix."""
        self.reads += 1
        await asyncio.sleep(0)
        return [Prefix("p", "123456785")]

    async def scopes(self) -> list[Scope]:
        """Every scope."""
        return [Scope("p:a", "p", "123456785")]

    async def of(self, refs: Any) -> dict[Any, Any]:
        """No times."""
        return {}

    async def facts(self, refs: Any) -> dict[Any, Any]:
        """No names."""
        return {}


def test_the_registry_is_read_once_for_an_epoch_whoever_asks() -> None:
    """Many at once, and every list after them, cost one reading; a new epoch costs one more."""

    async def run() -> None:
        registry = Registry()
        lists = PublicLists(
            cast("Parts", SimpleNamespace(registry=registry, times=registry, open_store=lambda: registry))
        )
        found = await asyncio.gather(*(lists.scopes(Wanted(prefix=name)) for name in ("p", "q") * 50))
        assert {json.loads(listed.body)[0]["name"] for listed in found[::2]} == {"p:a"}
        await lists.prefixes(inactive=True)
        assert registry.reads == 1
        registry.epoch = 2
        assert (await lists.scopes(Wanted(prefix="p"))).etag == found[0].etag
        assert registry.reads == 2

    asyncio.run(run())
