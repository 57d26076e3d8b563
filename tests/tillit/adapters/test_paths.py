"""Rules for paths: whatever spelling a router might take for a guarded path is guarded."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tillit.adapters import django_api, matrix
from tests.tillit.adapters.calls import asgi_caller, wsgi_caller
from tests.tillit.adapters.matrix import NEEDED, Case
from tillit import OPEN, TOKEN, Access, AllOf, ConfigError, Rule, wsgi
from tillit.asgi import TokenMiddleware
from tillit.core.rules import AmbiguousPath, Rules

ADMIN = Access(AllOf("x:admin"))
RULES = Rules(
    [
        Rule("/", OPEN),
        Rule("/admin", ADMIN),
        Rule("/admin/health", OPEN),
        Rule("/things", NEEDED),
        Rule("/things", AllOf("x:write"), methods=("POST", "PUT")),
        Rule("/straße", ADMIN),
    ]
)
TOKENLESS = Case("none", "unauthorized", ())


@pytest.mark.parametrize(
    ("path", "access"),
    [
        ("/", OPEN),
        ("", OPEN),
        ("/x", OPEN),
        ("/admin", ADMIN),
        ("/admin/", ADMIN),
        ("/admin/users/7", ADMIN),
        ("/Admin", ADMIN),
        ("/ADMIN/x", ADMIN),
        ("/admin;x=1", ADMIN),
        ("/admin;x=1/users", ADMIN),
        ("/admin ", ADMIN),
        ("/admin.", ADMIN),
        ("/\uff41dmin", ADMIN),
        ("/adm\u0131n", OPEN),
        ("/STRASSE", ADMIN),
        ("/admin/health", OPEN),
        ("/admin/health/live", OPEN),
        ("/admin/Health", ADMIN),
        ("/Admin/health", ADMIN),
        ("/admin/healthy", ADMIN),
        ("/administrator", OPEN),
        ("/things", Access(NEEDED)),
    ],
)
def test_rules_are_found(path: str, access: Access) -> None:
    """The longest path that covers a request decides; to demand is to cover every spelling, to open only one."""
    assert RULES.access(path, "GET") == access


@pytest.mark.parametrize(
    "path",
    [
        *("//admin", "/x//admin", "/x/../admin", "/x/..", "/./admin", "/x/.", "/..;/admin", "/x\\admin", "/%61dmin"),
        *(
            "/admin\0",
            "/admin\n",
            "/x%2fadmin",
            "/x/%2e%2e/admin",
            "admin",
            "*",
            "http://a/admin",
            "/a\x7f",
            "/a\ufffd",
        ),
    ],
)
def test_ambiguous_paths_are_refused(path: str) -> None:
    """Dot segments, double slashes, backslashes, controls and second escapes are refused, not resolved."""
    with pytest.raises(AmbiguousPath):
        RULES.access(path, "GET")


@pytest.mark.parametrize("raw", [b"/x%2fadmin", b"/x%2Fadmin", b"/x%5cadmin", b"/%2e%2e/admin", b"/%252e/x", b"/x%00"])
def test_disguised_slashes_are_refused(raw: bytes) -> None:
    """What the address hides is refused, although it looks harmless once decoded."""
    with pytest.raises(AmbiguousPath):
        RULES.access("/x/harmless", "GET", raw)
    assert RULES.access("/x", "GET", b"/x?next=%2fadmin") == OPEN


def test_methods_have_rules_of_their_own() -> None:
    """A rule with methods covers these, GET covers HEAD, and case does not get around it."""
    writing = Access(AllOf("x:write"))
    both = Rules([Rule("/", ADMIN), Rule("/t", writing, methods=("POST",)), Rule("/r", OPEN, methods=("GET",))])
    assert [both.access("/t", name) for name in ("POST", "post", "GET", "PURGE")] == [writing, writing, ADMIN, ADMIN]
    assert [both.access("/r", name) for name in ("GET", "HEAD", "POST")] == [OPEN, OPEN, ADMIN]


def test_of_two_rules_the_strict_one_counts() -> None:
    """Where one path is both opened and guarded it is guarded; paths without a rule need a token."""
    assert Rules([Rule("/a", OPEN), Rule("/a", ADMIN)]).access("/a", "GET") == ADMIN
    assert Rules([Rule("/a", OPEN)]).access("/b", "GET") == TOKEN
    assert Rules([Rule("/a", OPEN)], otherwise=NEEDED).access("/b", "GET") == Access(NEEDED)


@pytest.mark.parametrize("path", ["admin", "", "//a", "/a/../b", "/a?b", "/a#b", "/a;b", "/%61", "/a\\b"])
def test_rules_have_plain_paths(path: str) -> None:
    """A rule that could never be met as it was meant is refused when it is made."""
    with pytest.raises(ConfigError):
        Rule(path)


def test_rules_are_refused_that_contradict_themselves() -> None:
    """Optional access demands nothing, and methods are in capitals."""
    with pytest.raises(ConfigError):
        Access(NEEDED, optional=True)
    with pytest.raises(ConfigError):
        Access(where=bool, optional=True)
    with pytest.raises(ConfigError):
        Rule("/a", NEEDED, methods=("get",))


@given(st.text(st.sampled_from("/.%;\\ aAdDmMiInN2fFeE\0"), max_size=14))
def test_no_spelling_opens_what_is_guarded(path: str) -> None:
    """Whatever is taken for /admin by some router that folds case and cuts parameters is not open."""
    try:
        access = RULES.access("/" + path, "GET")
    except AmbiguousPath:
        return
    first = path.split("/", 1)[0].split(";", 1)[0].strip(" .").lower()
    assert (access == ADMIN) == (first == "admin")


async def _asgi_app(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


def _wsgi_app(_environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [b"served"]


GUARDED = [Rule("/", OPEN), Rule("/admin", ADMIN)]


@pytest.mark.parametrize(
    ("path", "root", "status"),
    [
        (b"/public", "", 200),
        (b"/admin", "", 401),
        (b"/%61dmin", "", 401),
        (b"/public%2f..%2fadmin", "", 400),
        (b"/public/../admin", "", 400),
        (b"/%E6dmin%ff", "", 400),
        (b"/v1/admin", "/v1", 401),
        (b"/v1/admin/", "/v1", 401),
        (b"/v1/public", "/v1", 200),
        (b"/admin", "/v1", 401),
        (b"/v1", "/v1", 200),
        (b"/v1admin", "/v1", 200),
    ],
)
def test_asgi_paths(path: bytes, root: str, status: int) -> None:
    """Behind ASGI the path is taken below root_path, as routers do, whether or not the server put that in front."""
    app = TokenMiddleware(_asgi_app, matrix.validator(), rules=GUARDED)
    with asyncio.Runner() as runner:
        assert asgi_caller(app, runner, path, root_path=root)(TOKENLESS).status == status


@pytest.mark.parametrize(
    ("path", "script", "status"),
    [
        (b"/public", "", 200),
        (b"/admin", "", 401),
        (b"/%61dmin", "", 401),
        (b"/public%2fadmin", "", 400),
        (b"/public/../admin", "", 400),
        (b"/%ff", "", 400),
        (b"/ADMIN", "", 401),
        (b"/admin", "/v1", 401),
        (b"", "/admin", 200),
    ],
)
def test_wsgi_paths(path: bytes, script: str, status: int) -> None:
    """Behind WSGI the path is PATH_INFO, below where the application is mounted; bytes that are no text are refused."""
    app = wsgi.TokenMiddleware(_wsgi_app, matrix.validator(), rules=GUARDED)
    assert wsgi_caller(app, path, SCRIPT_NAME=script)(TOKENLESS).status == status


@pytest.mark.parametrize(
    ("path", "status"),
    [(b"/public", 200), (b"/admin/x", 401), (b"/Admin", 401), (b"/x%2fadmin", 400), (b"/x//admin", 400)],
)
@pytest.mark.parametrize("awaited", [False, True])
def test_django_paths(path: bytes, status: int, awaited: bool) -> None:
    """In Django the rules look at path_info, for WSGI and ASGI alike."""
    settings = {"VALIDATOR": matrix.validator(), "RULES": GUARDED}
    with django_api.application(settings, awaited=awaited) as app, asyncio.Runner() as runner:
        call = asgi_caller(app, runner, path) if awaited else wsgi_caller(app, path)
        assert call(TOKENLESS).status == status


def test_rules_of_django_close_what_none_names() -> None:
    """With RULES every other path needs a token; without, the decorators decide."""
    for rules, status in (([Rule("/open", OPEN)], 401), ([], 200)):
        with django_api.application({"VALIDATOR": matrix.validator(), "RULES": rules}) as app:
            assert wsgi_caller(app, b"/other")(TOKENLESS).status == status
