"""Work in the background, for as long as the services are open."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import structlog


async def run(stack: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Run work in the background for as long as the services are open."""
    task = asyncio.create_task(work)

    async def stop() -> None:
        task.cancel()
        await asyncio.wait([task])

    stack.push_async_callback(stop)


async def every(seconds: float, work: Callable[[], Awaitable[object]]) -> None:
    """Do the work at once and then again and again; a failure is logged when it begins, and tried again."""
    failing = False
    while True:
        try:
            await work()
            failing = False
        except Exception as fault:  # noqa: BLE001 - whatever it is, the work is tried again
            if not failing:
                structlog.get_logger("authserver").warning("background work fails", fault=str(fault))
            failing = True
        await asyncio.sleep(seconds)
