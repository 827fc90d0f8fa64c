# SPDX-License-Identifier: Apache-2.0
"""A clock that moves only when somebody sleeps on it, or when told."""

from __future__ import annotations

import threading


class HeldClock:
    """Sleeping takes no time here and exactly as long as asked for there."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.wall = 1_700_000_000_000_000_000
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def time_ns(self) -> int:
        return self.wall

    def wait(self, event: threading.Event, seconds: float) -> bool:
        if event.is_set():
            return True
        self.slept.append(seconds)
        self.now += seconds
        self.wall += int(seconds * 1e9)
        return False
