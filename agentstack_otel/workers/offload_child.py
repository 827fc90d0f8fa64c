# SPDX-License-Identifier: Apache-2.0
"""The child's side of `offload`: low priority, one object, calls in a row, ends with its parent."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import logging
import os
import pickle  # nosec B403 - both ends are this very program, over an inherited socket
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentstack_processors.verdicts import AgentStackError

_HEAD = struct.Struct(">Q")
_PR_SET_PDEATHSIG = 1
_LOOK_SECONDS = 1.0


def main(descriptor: int) -> None:
    """Serve calls on the inherited socket until it closes."""
    parent = os.getppid()
    # Ctrl-C and a closed terminal reach every process of it, and so does what systemd sends to stop
    # a service; when to end is the parent's decision.
    for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    _die_with(parent)
    connection = socket.socket(fileno=descriptor)
    logging.basicConfig(stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    with contextlib.suppress(EOFError, OSError):
        made = _boot(connection)
        # What was made lives as long as the process, what it looks at dies young: collecting every
        # 700 objects cost detection a quarter of its time.
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        while made is not None:
            method, args = _receive(connection)
            _reply(connection, _call, (made, method, args))
    os._exit(0)


def _call(made: Any, method: str, args: tuple[Any, ...]) -> Any:
    return getattr(made, method)(*args)


def _boot(connection: socket.socket) -> Any:
    factory, args, nice, _ = _receive(connection)
    _be_modest(nice)
    module, _, name = factory.partition(":")
    box: list[Any] = []

    def make() -> None:
        box.append(getattr(importlib.import_module(module), name)(*args))

    _reply(connection, make, (), quiet=True)  # it is tried again and again; the reason suffices
    return box[0] if box else None


def _be_modest(nice: int) -> None:
    with contextlib.suppress(OSError):
        os.nice(nice)
    with contextlib.suppress(OSError):  # where memory runs out, not the gateway goes first
        Path("/proc/self/oom_score_adj").write_text("500")


def _reply(
    connection: socket.socket,
    call: Callable[..., Any],
    args: tuple[Any, ...],
    *,
    quiet: bool = False,
) -> None:
    try:
        message = ("ok", call(*args))
        body = pickle.dumps(message, protocol=5)
    except AgentStackError as verdict:
        body = pickle.dumps(("error", (verdict, str(verdict))), protocol=5)
    except Exception as error:
        if not quiet:
            traceback.print_exc()
        body = pickle.dumps(("error", (None, f"{type(error).__name__}: {error}")), protocol=5)
    connection.sendall(_HEAD.pack(len(body)))
    connection.sendall(body)


def _receive(connection: socket.socket) -> Any:
    (size,) = _HEAD.unpack(_read(connection, _HEAD.size))
    return pickle.loads(_read(connection, size))  # noqa: S301  # nosec B301 - see the import


def _read(connection: socket.socket, size: int) -> bytearray:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        got = connection.recv_into(view)
        if not got:
            raise EOFError
        view = view[got:]
    return data


def _die_with(parent: int) -> None:
    """Three ways, because each has a hole: a signal, a look now and then, and the socket's end."""
    if sys.platform == "linux":
        # Holds even while a C function keeps the interpreter lock.
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        os._exit(0)
    threading.Thread(target=_watch, args=(parent,), name="parent-watch", daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_LOOK_SECONDS)
    os._exit(0)


__all__ = ["main"]
