# SPDX-License-Identifier: Apache-2.0
"""Cold start, and what an idle server costs."""

from __future__ import annotations

import json
import statistics
import time

from benchmarks.server import cpu_seconds, resident_mb, running


def measure(starts: int = 5, idle: float = 20.0) -> dict[str, float]:
    """Median seconds to ready over `starts` fresh folders; the last server is watched idle."""
    ready: list[float] = []
    for _ in range(starts - 1):
        with running() as server:
            ready.append(server.seconds_to_ready)
    with running() as server:
        ready.append(server.seconds_to_ready)
        time.sleep(5.0)
        before = cpu_seconds(server.pid)
        time.sleep(idle)
        used = cpu_seconds(server.pid) - before
        memory = resident_mb(server.pid)
    return {
        "seconds_to_ready_median": round(statistics.median(ready), 2),
        "seconds_to_ready_max": round(max(ready), 2),
        "idle_mb": round(memory),
        "idle_percent_of_a_core": round(100 * used / idle, 2),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
