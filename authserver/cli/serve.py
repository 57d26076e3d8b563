"""`authserver serve`: a node, or several worker processes behind one address."""

from __future__ import annotations

import asyncio
import gc
import socket
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from authserver.cli.answer import answering
from authserver.cli.desk import settings
from authserver.settings import Settings

if TYPE_CHECKING:
    from structlog.typing import Processor

Inherited = Annotated[
    tuple[int, int] | None, typer.Option("--worker", hidden=True, help="Descriptor to accept on, management port.")
]


def serve(worker: Inherited = None) -> None:
    """Serve tokens until stopped; logs go to stderr, one JSON line each."""
    from authserver.node import bind
    from authserver.workers import Workers

    log_as_json()
    with answering(as_json=False):
        read = settings()
        if worker is not None:
            descriptor, port = worker
            run(read, socket.socket(fileno=descriptor), port, lifeline=sys.stdin.fileno())
            return
        with bind(read.host, read.port) as public:
            announce(read, public)
            if read.workers > 1:
                raise typer.Exit(Workers(read, public).run())
            run(read, public, read.management_port)


def announce(read: Settings, public: socket.socket) -> None:
    """Log where the authority listens."""
    import structlog

    host, port = public.getsockname()[:2]
    structlog.get_logger("authserver").info("listening", issuer=read.issuer, host=host, port=port, workers=read.workers)


def run(read: Settings, public: socket.socket, management_port: int, *, lifeline: int | None = None) -> None:
    """Run one node in this process, on uvloop where it is installed: it is measurably faster."""
    from authserver.node import bind, run_node

    _collect_seldom()
    with bind(read.management_host, management_port) as management, asyncio.Runner(loop_factory=_new_loop()) as runner:
        runner.run(run_node(read, public, management, lifeline=lifeline))


def log_as_json() -> None:
    """Write logs as JSON lines to stderr, those of libraries too, so that stdout stays free for documents."""
    import logging

    import structlog

    entry: list[Processor] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    line: list[Processor] = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[*entry, *line],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=entry, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *line]
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def _collect_seldom() -> None:
    """Look through everything for cycles ten times less often than Python would, and never through what was imported.

    The snapshot holds some hundred thousand objects and no cycles: while it fills, each full collection would stop
    every request for tenths of a second, to free nothing. What is in no cycle is freed at once all the same.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, 100)


def _new_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
