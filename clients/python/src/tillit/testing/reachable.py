"""The ways to reach a light authority, with no network or over loopback."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx2

from tillit.clock import Clock
from tillit.testing import transports
from tillit.testing.forms import Request
from tillit.testing.refusals import Answer
from tillit.testing.scenarios import Outcome

if TYPE_CHECKING:
    from requests.adapters import BaseAdapter


class Reachable(ABC):
    """Transports, an ASGI application and a loopback port for whatever has an issuer, a clock and outcomes."""

    issuer: str
    clock: Clock

    @abstractmethod
    def outcome(self, request: Request) -> Outcome:
        """What comes of a request."""

    def transport(self, library: Any = httpx2) -> Any:
        """A transport for `httpx2.Client` and `AsyncClient`; pass the module `httpx` for clients of that one."""
        return transports.make_transport(self, library)

    def http(self) -> httpx2.Client:
        """An HTTP client that reaches this authority and nothing else."""
        return httpx2.Client(transport=self.transport())

    def async_http(self) -> httpx2.AsyncClient:
        """The same for asyncio and Trio."""
        return httpx2.AsyncClient(transport=self.transport())

    def requests_adapter(self) -> BaseAdapter:
        """For `session.mount(authority.issuer, authority.requests_adapter())` of requests."""
        return transports.make_requests_adapter(self)

    async def asgi(self, scope: Any, receive: Any, send: Any) -> None:
        """The authority as an ASGI application, to mount or to give to a test client."""
        await transports.serve_asgi(self, scope, receive, send)

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Listen on loopback, for clients that cannot be handed a transport, such as aiohttp's or other programs.

        The issuer, which is yielded, is its address there until the block ends, and so is the `iss` of tokens.
        """
        before = self.issuer
        with transports.listening(self) as port:
            self.issuer = f"http://127.0.0.1:{port}/"
            try:
                yield self.issuer
            finally:
                self.issuer = before

    def respond(self, request: Request) -> Answer:
        """The answer to a request, for an HTTP library that none of the transports fits. Raises Dropped."""
        return transports.respond(self, request)
