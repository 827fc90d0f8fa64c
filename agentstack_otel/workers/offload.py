# SPDX-License-Identifier: Apache-2.0
"""Work that is all CPU, in one child process of low priority.

The gateway shares its interpreter lock with every thread of this process; detection would take most
of it. So the thread that reads the log only moves bytes: log → socket → child → answer → store.

::

    call ─▶ no child yet, or it died ─▶ spawn, boot(factory, args) ─▶ send (method, args) ─▶ answer
                                              │                             │
                                     fails: Retry                 dies or takes too long: ChildDied

Time is measured in the CPU the child used: at its priority a busy machine may let a healthy child
wait for minutes. The child ends with its parent, however that ends: see `offload_child`.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pickle  # nosec B403 - both ends are this very program, over an inherited socket
import select
import socket
import struct
import subprocess  # nosec B404 - starts this very program
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

from agentstack_processors.verdicts import AgentStackError, ConfigError, Retry

logger = logging.getLogger(__name__)

_BOOT = (
    "import sys; sys.path[:] = sys.argv[2:]; "
    "from agentstack_otel.workers.offload_child import main; main(int(sys.argv[1]))"
)
_HEAD = struct.Struct(">Q")
_LOOK_SECONDS = 0.25
_SEND_SECONDS = 300.0
_LINE = 2000


@dataclass(frozen=True)
class Config:
    """Settings of an `Offload`.

    Attributes:
        nice: Added to the parent's niceness, 0 to 19.
        cpu_seconds: CPU one call may take before the child is killed.
        wall_seconds: Time one call may take, for what hangs without computing.
        start_seconds: Time the child may take to come up.
    """

    nice: int = 15
    cpu_seconds: float = 30.0
    wall_seconds: float = 600.0
    start_seconds: float = 180.0

    def validate(self) -> None:
        """Raises ConfigError naming the setting."""
        if not 0 <= self.nice <= 19:
            raise ConfigError("offload nice: must be 0 to 19")
        for name in ("cpu_seconds", "wall_seconds", "start_seconds"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"offload {name}: must be above 0")


class ChildDied(Exception):
    """The child ended, or was ended, in the middle of a call. Its state is gone.

    Args:
        reason: What it did, such as "was killed by signal 9".
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChildError(Exception):
    """The called method raised something; the child is well and keeps its state."""


class Offload:
    """An object that lives in a child process.

    Args:
        factory: `module:callable`, imported in the child.
        args: What it is called with; plain data.
        config: Settings.
        name: For messages.
    """

    def __init__(
        self,
        factory: str,
        args: tuple[Any, ...] = (),
        config: Config | None = None,
        *,
        name: str = "offload",
    ) -> None:
        self._config = config or Config()
        self._config.validate()
        self._boot = (factory, args, self._config.nice, name)
        self._name = name
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._closed = False
        self.starts = 0
        """Children started so far: when it has changed, the state of the object is a new one."""

    @property
    def pid(self) -> int | None:
        """Of the running child; None when there is none."""
        child = self._child
        return child.process.pid if child and child.process.poll() is None else None

    def call(self, method: str, *args: Any, start: int | None = None) -> Any:
        """`object.method(*args)` in the child; one call at a time.

        Args:
            method: Of the object.
            args: Plain data.
            start: Only in the child that was the `start`-th: a later one has not its state.

        Raises:
            ChildDied: It ended or took too long. The next call starts another one.
            ChildError: The method raised what is no verdict.
            AgentStackError: The method's own verdict.
            Retry: The child does not come up, or this is closed.
        """
        with self._lock:
            child = self._running()
            if start not in (None, self.starts):
                raise ChildDied("was replaced by another one")
            try:
                child.send((method, args))
                kind, value = child.receive(self._config.cpu_seconds, self._config.wall_seconds)
            except ChildDied:
                self._end()
                raise
        return _answer(kind, value)

    def start(self) -> None:
        """Bring the child up now, where `call` would. Raises Retry."""
        with self._lock:
            self._running()

    def close(self) -> None:
        """End the child, in the middle of a call if there is one. Idempotent."""
        self._closed = True
        child = self._child
        if child is not None:
            child.process.kill()
        with self._lock:
            self._end()

    # --- with the lock held

    def _running(self) -> _Child:
        if self._closed:
            raise Retry(f"{self._name}: closed")
        if self._child is not None and self._child.process.poll() is not None:
            logger.warning("%s: the process %s", self._name, self._child.ending())
            self._end()
        return self._child or self._spawn()

    def _spawn(self) -> _Child:
        child = self._child = _Child(self._name)
        if self._closed:  # meanwhile: `close` found no child to kill, and waits for the lock
            self._end()
            raise Retry(f"{self._name}: closed")
        seconds = self._config.start_seconds
        try:
            child.send(self._boot)
            kind, value = child.receive(seconds, seconds)
            if kind != "ok":
                raise ChildDied(f"said {value[1]}")
        except ChildDied as fault:
            self._end()
            raise Retry(f"the {self._name} process does not come up: it {fault.reason}") from None
        self.starts += 1
        logger.info("%s: process %d is up", self._name, child.process.pid)
        return child

    def _end(self) -> None:
        if self._child is not None:
            self._child.end()
            self._child = None


def _answer(kind: str, value: Any) -> Any:
    if kind == "ok":
        return value
    verdict, text = value
    if isinstance(verdict, AgentStackError):
        raise verdict
    raise ChildError(text)


class _Child:
    """One process and its socket. A thread of its own starts it and passes on what it prints.

    A thread of its own, because the child is killed when the thread ends that started it: the one
    means that the parent died, and the thread of a caller may end before.
    """

    process: subprocess.Popen[bytes]

    def __init__(self, name: str) -> None:
        self._socket, theirs = socket.socketpair()
        self._name = name
        self._fault: OSError | None = None
        started = threading.Event()
        self._thread = threading.Thread(
            target=self._keep, args=(theirs, started), name=f"{name}-process", daemon=True
        )
        self._thread.start()
        started.wait()
        if self._fault is not None:
            self._socket.close()
            raise Retry(f"the {name} process cannot be started: {self._fault}")
        self._socket.setblocking(False)

    def _keep(self, theirs: socket.socket, started: threading.Event) -> None:
        command = [sys.executable, "-c", _BOOT, str(theirs.fileno()), *_paths()]
        # Our interpreter with our arguments; no shell. No session of its own: where the scheduler
        # groups by session, that would give the child half of the machine whatever its niceness.
        try:
            self.process = subprocess.Popen(  # noqa: S603  # nosec B603
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(theirs.fileno(),),
                # One thread for matrices: of so small ones a second spins more than it computes.
                env={"OPENBLAS_NUM_THREADS": "1", **os.environ},
            )
        except OSError as error:
            self._fault = error
            return
        finally:
            theirs.close()
            started.set()
        _pass_on(self.process, self._name)
        while self.process.poll() is None:  # it has closed its output and goes on
            time.sleep(_LOOK_SECONDS)

    def send(self, message: Any) -> None:
        """Raises ChildDied."""
        body = pickle.dumps(message, protocol=5)
        for piece in (_HEAD.pack(len(body)), body):
            view = memoryview(piece)
            while view:
                view = view[self._send_some(view) :]

    def _send_some(self, view: memoryview) -> int:
        if not _ready(self._socket, select.POLLOUT, _SEND_SECONDS):
            raise ChildDied(f"has not read its input for {_SEND_SECONDS:g} s")
        try:
            return self._socket.send(view)
        except BlockingIOError:
            return 0
        except OSError:
            raise ChildDied(self.ending()) from None

    def receive(self, cpu_seconds: float, wall_seconds: float) -> Any:
        """The next answer. Raises ChildDied."""
        limit = _Limit(self.process.pid, cpu_seconds, wall_seconds)
        (size,) = _HEAD.unpack(self._read(_HEAD.size, limit))
        return pickle.loads(self._read(size, limit))  # noqa: S301  # nosec B301 - see the import

    def _read(self, size: int, limit: _Limit) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            if not _ready(self._socket, select.POLLIN, _LOOK_SECONDS):
                limit.check()
                continue
            try:
                got = self._socket.recv_into(view)
            except BlockingIOError:
                continue
            except OSError:
                got = 0
            if not got:
                raise ChildDied(self.ending())
            view = view[got:]
        return data

    def ending(self) -> str:
        """How it ended, as a clause."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(2.0)
            return f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
        return "closed its socket"

    def end(self) -> None:
        """Kill it, and wait until it is gone. It has nothing to tidy up."""
        self._socket.close()
        self.process.kill()
        self.process.wait()
        self._thread.join(2.0)


class _Limit:
    """What one call may take, in CPU and in time."""

    def __init__(self, pid: int, cpu_seconds: float, wall_seconds: float) -> None:
        self._pid = pid
        self._cpu, self._wall = cpu_seconds, wall_seconds
        self._began = time.monotonic()
        self._used = cpu_time(pid)

    def check(self) -> None:
        """Raises ChildDied; the caller ends the child."""
        waited = time.monotonic() - self._began
        used = cpu_time(self._pid)
        if used is not None and self._used is not None and used - self._used > self._cpu:
            raise ChildDied(f"took over {self._cpu:g} s of CPU")
        if waited > self._wall:
            raise ChildDied(f"took over {self._wall:g} s")


def cpu_time(pid: int) -> float | None:
    """CPU seconds a process has used; None where /proc does not say."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _ready(end: socket.socket, event: int, seconds: float) -> bool:
    """Whether something can be done within `seconds`. Not `select`: it ends at descriptor 1,023."""
    poll = select.poll()
    poll.register(end, event)
    return bool(poll.poll(1000 * seconds))


def _paths() -> list[str]:
    return [path or os.getcwd() for path in sys.path]


def _pass_on(process: subprocess.Popen[bytes], name: str) -> None:
    """What the child prints, line by line, into the log; bounded, whatever it prints."""
    assert process.stdout is not None
    with contextlib.suppress(OSError, ValueError), process.stdout as stream:
        while line := stream.readline(_LINE):
            text = line.decode("utf-8", "backslashreplace").rstrip()
            if text:
                logger.warning("%s[%d]: %s", name, process.pid, text)


__all__ = ["ChildDied", "ChildError", "Config", "Offload", "cpu_time"]
