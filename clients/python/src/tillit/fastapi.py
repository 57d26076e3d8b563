"""FastAPI: validated tokens as dependencies. Needs the extra `tillit[fastapi]`.

FastAPI reads the annotations here at run time, so they are not postponed.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from tillit.extras import needs_extra

with needs_extra("fastapi"):
    from fastapi import HTTPException, Security
    from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
    from fastapi.security import SecurityScopes
    from fastapi.security.base import SecurityBase
    from starlette.requests import HTTPConnection

from tillit.access import ConsumerPredicate
from tillit.access_errors import AccessError, MissingToken
from tillit.asgi import CertificateOf, asked_of
from tillit.core.access_token import AccessToken
from tillit.core.requirements import AllOf, Requirement
from tillit.core.rules import Access
from tillit.guard import Guard, access_for
from tillit.validator import TokenValidator


class AuthorityBearer(SecurityBase):
    """A dependency that gives the validated AccessToken of a request.

    `Annotated[AccessToken, Security(auth, scopes=["x:read"])]` demands all the scopes named. A request that is not
    served gets 400, 401, 403 or 503 with the headers of RFC 6750 and a JSON body. With `auto_error=False` a request
    without a token gives None; a bad token is refused all the same. `dependency_overrides[auth]` replaces it in tests.
    `certificate` finds the client's certificate (DER) in an ASGI scope, for tokens that are bound to one.
    """

    def __init__(
        self,
        validator: TokenValidator,
        *,
        auto_error: bool = True,
        realm: str | None = None,
        certificate: CertificateOf | None = None,
        scheme_name: str = "AuthorityBearer",
        description: str | None = None,
    ) -> None:
        self.model = HTTPBearerModel(bearerFormat="JWT", description=description)
        self.scheme_name = scheme_name
        self._guard = Guard(validator, realm)
        self._auto_error = auto_error
        self._certificate = certificate

    async def __call__(self, request: HTTPConnection, security_scopes: SecurityScopes) -> AccessToken | None:
        """The access token of `request`."""
        require = AllOf(*security_scopes.scopes) if security_scopes.scopes else None
        try:
            return await self._guard.aadmit(asked_of(request.scope, self._certificate), Access(require))
        except MissingToken as error:
            if not self._auto_error:
                return None
            raise self._refusal(error) from None
        except AccessError as error:
            raise self._refusal(error) from error

    def require(
        self, scopes: Requirement | Access | None = None, *, consumer: ConsumerPredicate | None = None
    ) -> Callable[..., Awaitable[AccessToken | None]]:
        """A dependency that also demands `scopes` and a consumer for which `consumer` is true, or an Access as a whole.

        Use it as `Annotated[AccessToken, Depends(auth.require(AnyOf("x:read", "x:write")))]`. Raises ConfigError.
        """
        access = access_for(() if scopes is None else (scopes,), consumer)

        async def dependency(token: Any = Security(self)) -> AccessToken | None:  # noqa: B008 - how FastAPI is told
            if token is None:
                return None
            access_token: AccessToken = token
            try:
                access.check(access_token)
            except AccessError as error:
                raise self._refusal(error) from error
            return access_token

        return dependency

    @asynccontextmanager
    async def lifespan(self, _app: object) -> AsyncIterator[None]:
        """A lifespan for the application that fetches the authority's keys before the first request."""
        await self._guard.validator.awarm()
        yield

    def _refusal(self, error: AccessError) -> HTTPException:
        challenge = self._guard.validator.challenge(error, self._guard.realm)
        return HTTPException(challenge.status, detail=dict(challenge.body), headers=dict(challenge.headers))
