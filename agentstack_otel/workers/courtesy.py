# SPDX-License-Identifier: Apache-2.0
"""Work that can wait gives way to work that cannot, where both share a process.

The gateway and the writer hold up senders and readers; sums of money may be ten seconds old. What
is left of the machine is asked of this process's own CPU time: a queue's length would say
"busy" as soon as anything arrives.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

from agentstack_otel.workers.clock import Clock

_LOOK_SECONDS = 0.25
_BUSY_SHARE = 0.6


class Courtesy:
    """Waits until this process leaves room.

    Args:
        longest: Seconds after which it is this work's turn anyway.
        clock: Time.
        cpu_seconds: CPU this process has used so far.
        cores: How many it may use.
    """

    def __init__(
        self,
        longest: float,
        clock: Clock,
        *,
        cpu_seconds: Callable[[], float] = time.process_time,
        cores: int | None = None,
    ) -> None:
        self._longest = longest
        self._clock = clock
        self._cpu_seconds = cpu_seconds
        self._cores = cores or _available_cores()

    def wait(self, stopping: threading.Event) -> None:
        """Return once less than 60 % of the cores were in use for a quarter of a second."""
        deadline = self._clock.monotonic() + self._longest
        while (begun := self._clock.monotonic()) < deadline:
            used = self._cpu_seconds()
            if self._clock.wait(stopping, _LOOK_SECONDS):
                return
            available = (self._clock.monotonic() - begun) * self._cores
            if self._cpu_seconds() - used < _BUSY_SHARE * available:
                return


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


__all__ = ["Courtesy"]
