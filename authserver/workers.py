"""Several processes behind one address, watched and started again when they die."""

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
_START_SECONDS = 30.0
# Linux deals connections out between sockets that share a port. Elsewhere one socket is shared, and whoever is awake
# takes what has come: on Linux that was seen to be everything.
_DEALT = sys.platform == "linux"


class Workers:
    """The worker processes of one node. Each inherits a socket and serves management on a port of its own.

    Worker number i (from 0) has the management port of the settings plus i; 0 means any free port. A worker listens
    once it is ready, and what it had not accepted when it died is reset, as what it had accepted.
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
        if _DEALT:
            self._stop_listening()
        try:
            return self._watch()
        finally:
            self._end()
            self._public.close()

    def _watch(self) -> int:
        """Start the workers, and again when they die, until told to stop."""
        self._processes = [self._start(number) for number in range(self._settings.workers)]
        started = time.monotonic()
        while not self._stopping:
            time.sleep(_LOOK_SECONDS)
            for number, process in enumerate(self._processes):
                if process.poll() is None or self._stopping:
                    continue
                # A status of its own, and not a signal, this soon: starting it again would end the same way.
                if process.returncode > 0 and time.monotonic() - started < _START_SECONDS:
                    return process.returncode
                time.sleep(_PAUSE_SECONDS)
                if not self._stopping:
                    self._processes[number] = self._start(number)
        return 0

    def _start(self, number: int) -> subprocess.Popen[bytes]:
        with self._door() as door:
            return self._launch(number, door.fileno())

    def _launch(self, number: int, descriptor: int) -> subprocess.Popen[bytes]:
        management = self._settings.management_port + number if self._settings.management_port else 0
        command = [sys.executable, "-m", "authserver", "serve", "--worker", str(descriptor), str(management)]
        # Nothing is written to the pipe: its end tells the worker that this process has gone, however it went.
        return subprocess.Popen(command, pass_fds=[descriptor], stdin=subprocess.PIPE)  # noqa: S603 - our own program

    def _stop_listening(self) -> None:
        """Keep the address without accepting there: workers could not listen beside a socket that does."""
        address, family = self._public.getsockname(), self._public.family
        self._public.close()
        self._public = _sharing(family)
        self._public.bind(address)

    def _door(self) -> socket.socket:
        """Where a worker is to accept; for this process to close once the worker has it."""
        if not _DEALT:
            return self._public.dup()
        door = _sharing(self._public.family)
        door.bind(self._public.getsockname())
        return door

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _end(self) -> None:
        """Tell every worker to finish what it has begun, and wait until all have."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.communicate()


def _sharing(family: int) -> socket.socket:
    """A socket that may be bound to an address beside others of its kind and of this user."""
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    return made
