"""Django REST framework: authentication and permissions by access tokens. Needs the extra `tillit[drf]`.

It reads `settings.TILLIT` as `tillit.django` does, and needs no middleware.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, Final

from tillit.extras import needs_extra

with needs_extra("drf"):
    from rest_framework.authentication import BaseAuthentication
    from rest_framework.exceptions import APIException
    from rest_framework.permissions import OperationHolderMixin

from tillit.access_errors import AccessError, MissingToken
from tillit.core.access_token import AccessToken, Organisation
from tillit.core.requirements import Requirement
from tillit.core.rules import OPEN, Access
from tillit.django.configured import Configured, guard_of, settings_of
from tillit.django.middleware import asked_of
from tillit.guard import access_for

# DRF's own exception handler sets the first two from the exception, its renderer the others.
_HANDLED: Final = frozenset({"WWW-Authenticate", "Retry-After", "Content-Type", "Content-Length"})


class TokenUser:
    """The consumer of a token as DRF's `request.user`."""

    is_authenticated = True
    is_anonymous = False
    is_active = True
    is_staff = is_superuser = False

    def __init__(self, token: AccessToken) -> None:
        self.access_token = token
        self.pk = self.id = token.consumer.id

    def __str__(self) -> str:
        return self.access_token.consumer.id


class Refused(APIException):  # type: ignore[misc,unused-ignore]  # DRF has no types
    """What DRF answers in place of a view."""

    def __init__(self, configured: Configured, error: AccessError) -> None:
        answer = configured.guard.answer(error)
        headers = dict(answer.headers)
        super().__init__({"error": error.code or "unauthorized", "error_description": error.description}, error.code)
        self.status_code = answer.status
        self.auth_header = headers.get("WWW-Authenticate")
        if "Retry-After" in headers:
            self.wait = int(headers["Retry-After"])
        self.more_headers = {name: value for name, value in headers.items() if name not in _HANDLED}


class AccessTokenAuthentication(BaseAuthentication):  # type: ignore[misc,unused-ignore]  # as above
    """`request.auth` is the validated AccessToken, `request.user` its consumer.

    A request without a token is left to other authentication; one with a bad token is refused.
    """

    def authenticate(self, request: Any) -> tuple[TokenUser, AccessToken] | None:
        """See DRF."""
        configured = _configured()
        try:
            token = configured.guard.admit(asked_of(request, configured), OPEN)
        except AccessError as error:
            refused = Refused(configured, error)
            _add_headers(request, refused.more_headers)
            raise refused from error
        return None if token is None else (TokenUser(token), token)

    def authenticate_header(self, request: Any) -> str:  # noqa: ARG002 - the form of DRF
        """The challenge to a request without a token."""
        configured = _configured()
        return configured.guard.validator.challenge(MissingToken(), configured.guard.realm).headers["WWW-Authenticate"]


class HasScopes(OperationHolderMixin):  # type: ignore[misc,unused-ignore]  # as above
    """A permission: `permission_classes = [HasScopes("x:read")]`, with `&` and `|` as DRF has them.

    Takes names of scopes, all of which are wanted, or one AllOf, AnyOf or Access. Raises ConfigError.
    """

    def __init__(self, *scopes: str | Requirement | Access) -> None:
        self._access = access_for(scopes)

    def __call__(self, *_: Any, **__: Any) -> HasScopes:
        """DRF makes its permissions by calling them."""
        return self

    def has_permission(self, request: Any, view: Any) -> bool:  # noqa: ARG002 - the form of DRF
        """Whether the token will do; refusals carry the challenge that says what would."""
        return _permits(request, self._access)

    def has_object_permission(self, request: Any, view: Any, obj: Any) -> bool:  # noqa: ARG002 - the form of DRF
        """The same for one object."""
        return _permits(request, self._access)


class HasConsumer(HasScopes):
    """A permission for consumers for which `predicate` is true."""

    def __init__(self, predicate: Callable[[Organisation], bool]) -> None:
        super().__init__(Access(consumer=predicate))


def _permits(request: Any, access: Access) -> bool:
    token = request.auth
    try:
        if isinstance(token, AccessToken):
            access.check(token)
        elif not access.optional:
            raise MissingToken("no token came")
    except AccessError as error:
        raise Refused(_configured(), error) from error
    return True


def _add_headers(request: Any, headers: Mapping[str, str]) -> None:
    # What the view holds goes on its answer whichever exception handler makes that, and handlers know two headers.
    context = getattr(request, "parser_context", {})
    found = getattr(context.get("view"), "headers", None)
    if isinstance(found, dict):
        found.update(headers)


class _Settings:
    """Settings as they are found, equal to themselves alone; tests replace them whole."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self.found = found

    def __hash__(self) -> int:
        return id(self.found)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Settings) and other.found is self.found


def _configured() -> Configured:
    return _made(_Settings(settings_of()))


@functools.lru_cache(maxsize=4)
def _made(settings: _Settings) -> Configured:
    return guard_of(settings.found)
