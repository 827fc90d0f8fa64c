# SPDX-License-Identifier: Apache-2.0
"""Objects that live in a child process and misbehave on request."""

from __future__ import annotations

import os
import signal
import sys
import time

from agentstack_processors.verdicts import Reject


class Odd:
    """Counts calls, and does what it is told."""

    def __init__(self, start: int = 0) -> None:
        self.count = start

    def add(self, number: int) -> int:
        self.count += number
        return self.count

    def echo(self, value: object) -> object:
        return value

    def where(self) -> tuple[int, int]:
        return os.getpid(), os.nice(0)

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self, code: int) -> None:
        os._exit(code)

    def spin(self) -> None:
        while True:
            pass

    def sleep(self) -> None:
        time.sleep(3600)

    def chatter(self) -> str:
        sys.stdout.write("garbage \x00\xff of a thousand lines\n" * 1000)
        sys.stdout.buffer.write(b"\xff\xfe\x00 not text" * 10_000)
        sys.stdout.flush()
        print("on stderr", file=sys.stderr)
        return "well"

    def reject(self) -> None:
        raise Reject("these bytes will never do", too_large=True)

    def fail(self) -> None:
        raise KeyError("a bug")

    def unsendable(self) -> object:
        return lambda: None


def refuses() -> Odd:
    raise ValueError("no such rules")


def never_up() -> Odd:
    time.sleep(3600)
    return Odd()


def ends() -> Odd:
    os._exit(7)
