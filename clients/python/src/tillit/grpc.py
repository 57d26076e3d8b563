"""gRPC: interceptors for servers, plain and asyncio. Needs the extra `tillit[grpc]`."""

from __future__ import annotations

import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any, Final

from tillit.extras import needs_extra

with needs_extra("grpc"):
    import grpc
    import grpc.aio

from tillit.access_errors import AccessError
from tillit.core.access_token import AccessToken
from tillit.core.requirements import Requirement
from tillit.core.rules import TOKEN, Access
from tillit.errors import ConfigError
from tillit.guard import Asked, Guard
from tillit.validator import TokenValidator

_CURRENT: Final[contextvars.ContextVar[AccessToken | None]] = contextvars.ContextVar("tillit.access_token")
_CODES: Final = {403: grpc.StatusCode.PERMISSION_DENIED, 503: grpc.StatusCode.UNAVAILABLE}
_KINDS: Final = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}
_Certificate = Callable[[Any], "bytes | None"]


def current_access_token() -> AccessToken | None:
    """The token of the call that is being served; None where it was optional and none came."""
    return _CURRENT.get(None)


class _Calls:
    """Which call demands what, and how it is refused."""

    def __init__(
        self,
        validator: TokenValidator,
        *,
        rules: Mapping[str, Access | Requirement] | None = None,
        otherwise: Access | Requirement = TOKEN,
        realm: str | None = None,
        certificate: _Certificate | None = None,
    ) -> None:
        for name in rules or {}:
            if not name.startswith("/") or name.count("/") not in {1, 2}:
                raise ConfigError(f"{name!r} is neither /package.Service nor /package.Service/Method")
        self._guard = Guard(validator, realm)
        self._rules = {name: _access(value) for name, value in (rules or {}).items()}
        self._otherwise = _access(otherwise)
        self._certificate = certificate

    def _access(self, method: str) -> Access:
        return self._rules.get(method) or self._rules.get(method.rpartition("/")[0]) or self._otherwise

    def _asked(self, method: str, context: Any) -> Asked:
        lines = [(str(name), value) for name, value in context.invocation_metadata() or ()]
        texts = [(name, value if isinstance(value, str) else value.decode("latin-1")) for name, value in lines]
        found = {name: tuple(value for key, value in texts if key == name) for name in ("authorization", "dpop")}
        der = self._certificate(context) if self._certificate else None
        return Asked(found["authorization"], "POST", method, found["dpop"], der)

    def _refusal(self, error: AccessError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]:
        answer = self._guard.answer(error)
        wanted = {"www-authenticate", "retry-after", "dpop-nonce"}
        trailers = tuple((name.lower(), value) for name, value in answer.headers if name.lower() in wanted)
        code = _CODES.get(answer.status, grpc.StatusCode.UNAUTHENTICATED)
        return code, f"{error.code or 'unauthorized'}: {error.description}", trailers


class TokenInterceptor(_Calls, grpc.ServerInterceptor):  # type: ignore[misc,unused-ignore]  # grpc has no types
    """An interceptor for `grpc.server`.

    `rules` are by `/package.Service/Method`, or `/package.Service` for all its methods; calls without a rule demand
    `otherwise`, a good token. A call is refused with UNAUTHENTICATED, PERMISSION_DENIED or UNAVAILABLE; the challenge
    of RFC 6750 and Retry-After stand in the trailing metadata. `certificate` finds the client's certificate (DER) in
    a call's context. Raises ConfigError.
    """

    def intercept_service(self, continuation: Callable[[Any], Any], handler_call_details: Any) -> Any:
        """See grpc.ServerInterceptor. Tokens are judged where the call is served, not where it is looked up."""
        handler = continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return None
        serve = handler.stream_stream or handler.stream_unary or handler.unary_stream or handler.unary_unary

        def unary(request: Any, context: Any) -> Any:
            return self._admitted(method, context).run(serve, request, context)

        def stream(request: Any, context: Any) -> Iterator[Any]:
            within = self._admitted(method, context)
            # Each step may come from another thread, and all of them see the token.
            answers = iter(within.run(serve, request, context))
            nothing = object()
            while (answer := within.run(next, answers, nothing)) is not nothing:
                yield answer

        return _like(handler, stream if handler.response_streaming else unary)

    def _admitted(self, method: str, context: Any) -> contextvars.Context:
        try:
            token = self._guard.admit(self._asked(method, context), self._access(method))
        except AccessError as error:
            code, details, trailers = self._refusal(error)
            context.set_trailing_metadata(trailers)
            context.abort(code, details)
            raise AssertionError("abort raises") from error
        within = contextvars.copy_context()
        within.run(_CURRENT.set, token)
        return within


class AsyncTokenInterceptor(_Calls, grpc.aio.ServerInterceptor):  # type: ignore[misc,unused-ignore]  # as above
    """The same for `grpc.aio.server`."""

    async def intercept_service(self, continuation: Callable[[Any], Awaitable[Any]], handler_call_details: Any) -> Any:
        """See grpc.aio.ServerInterceptor."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return None
        serve = handler.stream_stream or handler.stream_unary or handler.unary_stream or handler.unary_unary

        async def unary(request: Any, context: Any) -> Any:
            await self._admit(method, context)
            answer = serve(request, context)
            return await answer if isinstance(answer, Awaitable) else answer

        async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
            await self._admit(method, context)
            answers = serve(request, context)
            if isinstance(answers, AsyncIterator):
                async for answer in answers:
                    yield answer
            else:  # it writes to the context itself
                await answers

        return _like(handler, stream if handler.response_streaming else unary)

    async def _admit(self, method: str, context: Any) -> None:
        try:
            token = await self._guard.aadmit(self._asked(method, context), self._access(method))
        except AccessError as error:
            code, details, trailers = self._refusal(error)
            await context.abort(code, details, trailers)
            raise AssertionError("abort raises") from error
        _CURRENT.set(token)


def _access(demand: Access | Requirement) -> Access:
    return demand if isinstance(demand, Access) else Access(demand)


def _like(handler: Any, behaviour: Callable[..., Any]) -> Any:
    kind = _KINDS[handler.request_streaming, handler.response_streaming]
    return kind(behaviour, handler.request_deserializer, handler.response_serializer)
