# SPDX-License-Identifier: Apache-2.0
"""Single keys from a terminal, which is left as it was found on every way out."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

_SEQUENCES = {
    b"\x1b[A": "up",
    b"\x1b[B": "down",
    b"\x1b[C": "right",
    b"\x1b[D": "left",
    b"\x1bOA": "up",
    b"\x1bOB": "down",
    b"\x1bOC": "right",
    b"\x1bOD": "left",
    b"\x1b[1;2C": "shift-right",
    b"\x1b[1;2D": "shift-left",
    b"\x1b[H": "home",
    b"\x1b[F": "end",
    b"\x1bOH": "home",
    b"\x1bOF": "end",
    b"\x1b[1~": "home",
    b"\x1b[4~": "end",
    b"\x1b[7~": "home",
    b"\x1b[8~": "end",
    b"\x1b[5~": "pageup",
    b"\x1b[6~": "pagedown",
    b"\x1b": "escape",
    b" ": "space",
    b"\r": "enter",
    b"\n": "enter",
    b"\x7f": "backspace",
    b"\x08": "backspace",
}
_LONGEST = max(map(len, _SEQUENCES))


def decode(data: bytes) -> list[str]:
    """Key names in what a terminal sent; unknown sequences are skipped."""
    keys: list[str] = []
    while data:
        size = next((n for n in range(_LONGEST, 0, -1) if data[:n] in _SEQUENCES), 1)
        if size == 1 and data[:1] != b"\x1b" and data[:1] not in _SEQUENCES:
            keys += [chr(data[0])] if 0x20 < data[0] < 0x7F else []
        elif data[:size] == b"\x1b" and len(data) > 1:
            size = _unknown(data)
        else:
            keys.append(_SEQUENCES[data[:size]])
        data = data[size:]
    return keys


def _unknown(data: bytes) -> int:
    """Length of an escape sequence nobody knows: up to its final letter."""
    if data[1:2] not in (b"[", b"O"):
        return 2
    for at in range(2, len(data)):
        if 0x40 <= data[at] <= 0x7E:
            return at + 1
    return len(data)


class Keys:
    """Keys from a file descriptor in single-key mode."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def read(self, timeout: float) -> list[str]:
        """Keys pressed within `timeout` seconds; `q` when the terminal is gone."""
        ready, _, _ = select.select([self._handle], [], [], timeout)
        if not ready:
            return []
        data = os.read(self._handle, 1024)
        return decode(data) if data else ["q"]


@contextmanager
def single_keys(handle: int) -> Iterator[Keys]:
    """Deliver each key at once, without echo; Ctrl-C still interrupts, Ctrl-Z does not suspend."""
    before = termios.tcgetattr(handle)
    changed = termios.tcgetattr(handle)
    changed[3] &= ~(termios.ICANON | termios.ECHO)
    changed[6][termios.VMIN], changed[6][termios.VTIME] = 1, 0
    changed[6][termios.VSUSP] = b"\x00"
    with leaving_in_order():
        try:
            termios.tcsetattr(handle, termios.TCSADRAIN, changed)
            yield Keys(handle)
        finally:
            termios.tcsetattr(handle, termios.TCSADRAIN, before)


@contextmanager
def leaving_in_order() -> Iterator[None]:
    """SIGTERM and SIGHUP leave by way of an exception, so that the terminal is restored."""
    handlers = {number: signal.signal(number, _leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _leave(number: int, _: object) -> None:
    sys.exit(128 + number)


__all__ = ["Keys", "decode", "leaving_in_order", "single_keys"]
