# SPDX-License-Identifier: Apache-2.0
"""Time as the workers see it, so that tests can hold it."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Two clocks and a sleep that a stop can cut short."""

    def monotonic(self) -> float:
        """Seconds that never run backwards; for intervals."""
        ...

    def time_ns(self) -> int:
        """Wall clock, ns since the epoch; may jump either way."""
        ...

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Sleep until `event` is set (True) or `seconds` have passed (False)."""
        ...


class SystemClock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """As `time.monotonic`."""
        return time.monotonic()

    def time_ns(self) -> int:
        """As `time.time_ns`."""
        return time.time_ns()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """As `event.wait`."""
        return event.wait(seconds)


__all__ = ["Clock", "SystemClock"]
