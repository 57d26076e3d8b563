"""One node: opened services behind a public and a management listener, drained when told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import cast

import uvicorn
from prometheus_client import CollectorRegistry, Counter

from authserver.app import create_app, create_management_app
from authserver.services import open_services
from authserver.settings import Settings
from authserver.web.asgi import App
from authserver.web.direct import Endpoint
from authserver.web.entrance import Entrance
from authserver.web.protocol import BoundedHttp

_DRAIN_SECONDS = 10
_KEEP_ALIVE_SECONDS = 75
_BACKLOG = 2048
# Databases, logs, keys, and connections that are being turned away.
_OTHER_FILES = 256


class _Listener(uvicorn.Server):
    """A server that leaves signals to the node, which has two of them to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def bind(host: str, port: int) -> socket.socket:
    """Open a listening socket, port 0 meaning any free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listening.set_inheritable(True)
    return listening


async def run_node(
    settings: Settings, public: socket.socket, management: socket.socket | None, *, lifeline: int | None = None
) -> None:
    """Serve until SIGTERM or SIGINT, then stop accepting, finish what was begun, flush and close.

    `lifeline` is the descriptor of a pipe whose end, too, means to stop. Raises what opening the services raises.
    """
    async with open_services(settings) as services:
        app = create_app(services)
        _make_room(settings.max_connections)
        listeners = [(listener(app, app.direct, _entrance(settings, services.metrics)), public)]
        if management is not None:
            listeners.append((listener(create_management_app(services), {}), management))
        _stop_when_told([server for server, _ in listeners], lifeline)
        await asyncio.gather(*(server.serve(sockets=[listening]) for server, listening in listeners))


def _make_room(connections: int) -> None:
    """Raise this process's limit of open files, if it must, as far as the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _entrance(settings: Settings, metrics: CollectorRegistry) -> Entrance:
    refused = Counter("authserver_connections_refused", "Connections for which there was no room", registry=metrics)
    return Entrance(BoundedHttp, settings.max_connections, refused.inc)


def listener(
    app: App, direct: Mapping[bytes, Endpoint], make: Callable[..., asyncio.Protocol] = BoundedHttp
) -> uvicorn.Server:
    """Make a server for an application, that asks the endpoints in `direct` without ASGI; it leaves signals alone."""
    config = uvicorn.Config(
        app,
        # The library only calls it, for each connection.
        http=cast("type[BoundedHttp]", partial(make, direct=direct)),
        ws="none",
        lifespan="off",
        log_config=None,
        # Not a line for each stranger who does not speak HTTP.
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_DRAIN_SECONDS,
    )
    return _Listener(config)


def _stop_when_told(listeners: list[uvicorn.Server], lifeline: int | None) -> None:
    def stop() -> None:
        for server in listeners:
            server.should_exit = True

    def hang_up() -> None:
        if lifeline is not None:
            loop.remove_reader(lifeline)
        stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if lifeline is not None:
        loop.add_reader(lifeline, hang_up)
