"""Several processes behind one listening socket, watched and started again when they die."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from authserver.settings import Settings

_LOOK_SECONDS = 0.2
_PAUSE_SECONDS = 1.0


class Workers:
    """The worker processes of one node. Each inherits the socket and serves management on a port of its own.

    Worker number i (from 0) has the management port of the settings plus i; 0 means any free port.
    """

    def __init__(self, settings: Settings, public: socket.socket) -> None:
        self._settings = settings
        self._public = public
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stopping = False

    def run(self) -> int:
        """Serve until SIGTERM or SIGINT; return the exit status: 0, or a worker's that could not even start."""
        for caught in (signal.SIGTERM, signal.SIGINT):
            signal.signal(caught, self._stop)
        self._processes = [self._start(number) for number in range(self._settings.workers)]
        started = time.monotonic()
        while not self._stopping:
            time.sleep(_LOOK_SECONDS)
            for number, process in enumerate(self._processes):
                if process.poll() is None or self._stopping:
                    continue
                if time.monotonic() - started < _PAUSE_SECONDS:
                    self._stop(signal.SIGTERM, None)
                    return process.returncode or 1
                time.sleep(_PAUSE_SECONDS)
                self._processes[number] = self._start(number)
        return max((abs(process.wait()) for process in self._processes), default=0)

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        descriptor = self._public.fileno()
        management = self._settings.management_port + number if self._settings.management_port else 0
        command = [sys.executable, "-m", "authserver", "serve", "--worker", str(descriptor), str(management)]
        return subprocess.Popen(command, pass_fds=[descriptor])  # noqa: S603 - our own program

    def _stop(self, number: int, _: FrameType | None) -> None:
        self._stopping = True
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(number)
