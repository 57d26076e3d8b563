"""WSGI: a middleware that guards an application by rules for its paths. It needs no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from tillit.access_errors import AccessError
from tillit.core.access_token import AccessToken
from tillit.core.htu import escaped_path
from tillit.core.requirements import Requirement
from tillit.core.rules import TOKEN, Access, AmbiguousPath, Rule, Rules
from tillit.guard import Asked, Guard
from tillit.validator import TokenValidator

Environ: TypeAlias = dict[str, Any]
StartResponse: TypeAlias = Callable[..., Any]
App: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]
CertificateOf: TypeAlias = Callable[[Environ], "bytes | None"]

_KEY: Final = "tillit.access_token"


class TokenMiddleware:
    """Lets through requests with a token that is good for their path, and answers the others.

    `otherwise` is what paths without a rule demand: a good token. Paths are those of PATH_INFO, below SCRIPT_NAME.
    With `preflight`, requests of CORS that ask what they may (OPTIONS with Origin and Access-Control-Request-Method)
    need no token. `certificate` finds the client's certificate (DER) in an environ; take it from what the server
    says of the connection, never from a header. The application reads the token with `access_token(environ)`.
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

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        environ.pop(_KEY, None)
        if self._preflight and _is_preflight(environ):
            return self._app(environ, start_response)
        method = str(environ["REQUEST_METHOD"])
        try:
            access = self._rules.access(path_info(environ), method, _raw_path(environ))
            environ[_KEY] = self._guard.admit(asked_of(environ, self._certificate), access)
        except AccessError as error:
            answer = self._guard.answer(error)
            start_response(f"{answer.status} {HTTPStatus(answer.status).phrase}", list(answer.headers))
            return [answer.body_for(method)]
        return self._app(environ, start_response)


def access_token(environ: Environ) -> AccessToken | None:
    """The token of a request that the middleware let through; None where it was optional and none came."""
    token = environ.get(_KEY)
    return token if isinstance(token, AccessToken) else None


def path_info(environ: Environ) -> str:
    """The path below where the application is mounted. Raises AmbiguousPath if it is not UTF-8."""
    try:
        return str(environ.get("PATH_INFO", "")).encode("latin-1").decode("utf-8")
    except UnicodeError:
        raise AmbiguousPath("the path is not UTF-8") from None


def asked_of(environ: Environ, certificate: CertificateOf | None = None) -> Asked:
    """What a request's token is judged by. Servers join headers that came twice, and no token has a comma."""
    path = str(environ.get("SCRIPT_NAME", "")) + str(environ.get("PATH_INFO", ""))
    url = escaped_path(path.encode("latin-1"))
    lines = {name: (environ[key],) if key in environ else () for name, key in _HEADERS}
    der = certificate(environ) if certificate else None
    return Asked(lines["authorization"], str(environ["REQUEST_METHOD"]), url, lines["dpop"], der)


_HEADERS: Final = (("authorization", "HTTP_AUTHORIZATION"), ("dpop", "HTTP_DPOP"))


def _raw_path(environ: Environ) -> bytes | None:
    # Not in PEP 3333; most servers tell under one of these names.
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    return urlsplit(raw).path.encode("utf-8", "replace") if isinstance(raw, str) and raw.startswith("/") else None


def _is_preflight(environ: Environ) -> bool:
    return (
        environ["REQUEST_METHOD"] == "OPTIONS"
        and {
            "HTTP_ORIGIN",
            "HTTP_ACCESS_CONTROL_REQUEST_METHOD",
        }
        <= environ.keys()
    )
