"""ASGI: a middleware that guards an application by rules for its paths. It needs no framework."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final, TypeAlias

from tillit.access_errors import AccessError
from tillit.core.access_token import AccessToken
from tillit.core.htu import escaped_path
from tillit.core.requirements import Requirement
from tillit.core.rules import TOKEN, Access, Rule, Rules
from tillit.guard import Answer, Asked, Guard
from tillit.validator import TokenValidator

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
CertificateOf: TypeAlias = Callable[[Scope], "bytes | None"]

_KEY: Final = "tillit.access_token"
_POLICY_VIOLATION: Final = 1008


class TokenMiddleware:
    """Lets through requests and websockets with a token that is good for their path, and answers the others.

    `otherwise` is what paths without a rule demand: a good token. Paths are those below `root_path`, as routers see
    them. With `preflight`, requests of CORS that ask what they may (OPTIONS with Origin and
    Access-Control-Request-Method) need no token. `certificate` finds the client's certificate (DER) in a scope.
    The application reads the token with `access_token(request.scope)`.
    """

    def __init__(
        self,
        app: App,
        validator: TokenValidator,
        *,
        rules: Iterable[Rule] = (),
        otherwise: Access | Requirement = TOKEN,
        realm: str | None = None,
        preflight: bool = False,
        certificate: CertificateOf | None = None,
    ) -> None:
        self._app = app
        self._guard = Guard(validator, realm)
        self._rules = Rules(rules, otherwise)
        self._preflight = preflight
        self._certificate = certificate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] == "lifespan" or (self._preflight and _is_preflight(scope)):
            await self._app(scope, receive, send)
            return
        if scope["type"] not in {"http", "websocket"}:
            raise ValueError(f"connections of type {scope['type']!r} are not served")
        try:
            access = self._rules.access(route_path(scope), method_of(scope), scope.get("raw_path"))
            token = await self._guard.aadmit(asked_of(scope, self._certificate), access)
        except AccessError as error:
            await refuse(self._guard.answer(error), scope, receive, send)
            return
        await self._app({**scope, _KEY: token}, receive, send)


def access_token(scope: Scope) -> AccessToken | None:
    """The token of a request that the middleware let through; None where it was optional and none came."""
    token = scope.get(_KEY)
    return token if isinstance(token, AccessToken) else None


def method_of(scope: Scope) -> str:
    """The method of a request; a websocket begins as GET."""
    return str(scope.get("method", "GET"))


def route_path(scope: Scope) -> str:
    """The path below where the application is mounted, as Starlette routes by it."""
    path, root = str(scope["path"]), str(scope.get("root_path", ""))
    if not root or not path.startswith(root):
        return path
    rest = path[len(root) :]
    return rest if not rest or rest.startswith("/") else path


def asked_of(scope: Scope, certificate: CertificateOf | None = None) -> Asked:
    """What a connection's token is judged by."""
    raw = scope.get("raw_path")
    url = bytes(raw).split(b"?", 1)[0].decode("latin-1") if raw else escaped_path(str(scope["path"]))
    return Asked.of(scope["headers"], method_of(scope), url, certificate(scope) if certificate else None)


async def refuse(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    """Send `answer`. A websocket is closed before it was opened; where the server can, with the answer itself."""
    prefix = ""
    if scope["type"] == "websocket":
        await receive()
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION, "reason": ""})
            return
        prefix = "websocket."
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": f"{prefix}http.response.start", "status": answer.status, "headers": headers})
    await send({"type": f"{prefix}http.response.body", "body": answer.body_for(method_of(scope))})


def _is_preflight(scope: Scope) -> bool:
    names = {name.lower() for name, _ in scope["headers"]} if scope["type"] == "http" else set()
    return method_of(scope) == "OPTIONS" and {b"origin", b"access-control-request-method"} <= names
