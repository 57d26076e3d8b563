"""The time that one exchange may take, whatever the other side does with it."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.loopback import Answered, serving
from tillit.core.response import Reply
from tillit.transport import AsyncTransport, Transport, Unreachable

HEAD = b"HTTP/1.1 200 OK\r\nX-Slow: " + b"a" * 60 + b"\r\nContent-Length: 0\r\n\r\n"
Get = Callable[[str, float, int], Reply]


def get(url: str, within: float, most: int = 1024) -> Reply:
    """Get it in this thread."""
    return Transport().send("GET", url, within=within, max_bytes=most)


def aget(url: str, within: float, most: int = 1024) -> Reply:
    """Get it on a loop."""
    return asyncio.run(AsyncTransport().send("GET", url, within=within, max_bytes=most))


@pytest.fixture
def dribbling() -> Iterator[str]:
    """The address of a server that sends a good answer, a byte at a time."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(4096)
            try:
                for byte in HEAD:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.02)
            except OSError:
                return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        thread.join()


@pytest.mark.parametrize("way", [get, aget])
def test_who_dribbles_is_given_no_more_time(dribbling: str, way: Get) -> None:
    """An answer of which some comes all the time, and which takes longer than it may, is none."""
    with pytest.raises(Unreachable):
        way(dribbling, 0.3, 1024)


@pytest.mark.parametrize("way", [get, aget])
def test_an_answer_that_grows_when_it_is_unpacked_is_given_no_more_room(way: Get) -> None:
    """Compressed, though nobody asked for that, it counts with what comes out."""
    bomb = gzip.compress(bytes(2_000_000))
    with (
        serving(lambda _: Answered(200, {"Content-Encoding": "gzip"}, bomb)) as url,
        pytest.raises(Unreachable, match="too large"),
    ):
        way(url, 10, 10_000)
