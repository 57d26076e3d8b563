"""Clients that never finish their requests, each on a thread of its own until the server ends the connection."""

from __future__ import annotations

import socket
import time
from concurrent.futures import Future
from threading import Thread

from tests.support.http import FORM, Answer, read_answers

_PATIENCE = 60
_DRIP_SECONDS = 0.5
_HEAD = b"POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: "
_LENGTH = b"\r\nContent-Length: 1000\r\n\r\n"
_REFUSED = _HEAD + FORM.encode() + b"\r\nContent-Length: 0\r\n\r\n"

SLOW: dict[str, tuple[bytes, bytes]] = {
    "silent": (b"", b""),
    "silent head": (_HEAD, b""),
    "dripping head": (_HEAD, b"x" * 1000),
    "dripping headers": (_HEAD + b"x\r\n", b"X: y\r\n" * 1000),
    "silent body": (_HEAD + FORM.encode() + _LENGTH, b""),
    "dripping body": (_HEAD + FORM.encode() + _LENGTH, b"a" * 1000),
    "silent after the answer": (_HEAD + b"text/plain" + _LENGTH, b""),
    "dripping after the answer": (_HEAD + b"text/plain" + _LENGTH, b"a" * 1000),
    "silent in the second head": (_REFUSED + _HEAD, b""),
}
"""What each sends at once, and what byte by byte after it."""


class SlowClient:
    """One slow client; `answers` waits for the end of its connection and returns what it was answered."""

    def __init__(self, port: int, at_once: bytes, drips: bytes) -> None:
        self._ended: Future[list[Answer]] = Future()
        self._connection = socket.create_connection(("127.0.0.1", port), _PATIENCE)
        self._connection.sendall(at_once)
        Thread(target=self._drip, args=(drips,), daemon=True).start()
        Thread(target=self._read, daemon=True).start()

    def answers(self) -> list[Answer]:
        """Everything answered until the server closed. Raises TimeoutError if it did not."""
        return self._ended.result(_PATIENCE)

    def _drip(self, drips: bytes) -> None:
        for drip in drips:
            time.sleep(_DRIP_SECONDS)
            try:
                self._connection.send(bytes([drip]))
            except OSError:
                return

    def _read(self) -> None:
        try:
            with self._connection:
                self._ended.set_result(read_answers(self._connection, 3))
        except Exception as fault:  # noqa: BLE001 - told to the test
            self._ended.set_exception(fault)
