# SPDX-License-Identifier: Apache-2.0
"""How fast the log takes, gives back and forgets records, and what that costs in CPU.

`python benchmarks/log_append.py [--seconds 5] [--folder DIR]` prints one JSON object. Every figure
includes reading back, checking and trimming; records are random bytes and on disk (`FULL`).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import threading
import time
from collections import deque
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from agentstack_exporters.log.protocol import Commit, Record
from agentstack_exporters.log.sqlite import Config, SqliteLog

SIZES = {"530 KB": 530_000, "20 KB": 20_000, "1 KB": 1_000}


def cpu_seconds() -> float:
    """Of the whole process, user and system."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def drain(log: SqliteLog, stop: threading.Event, latest: list[int]) -> None:
    """What a worker does with its log, but for the storing."""
    position, trimmed = 0, time.monotonic()
    while not stop.is_set() or position < log.end():
        if not log.wait(position, 0.1):
            continue
        found = log.read(position, max_records=20_000)
        position = found[-1].position + 1
        log.commit("bench", Commit(position))
        if time.monotonic() - trimmed > 0.25:
            log.trim()
            trimmed = time.monotonic()
        latest[0] = position
        stop.wait(0.02)


def measure(folder: Path, size: int, seconds: float, in_flight: int) -> dict[str, Any]:
    """Append for `seconds` with `in_flight` unacknowledged records while a reader drains."""
    log = SqliteLog(Config(path=folder / f"{size}-{in_flight}.db"))
    log.commit("bench", Commit(0))
    record = Record(os.urandom(size), max(1, size // 1000), time.time_ns())
    stop, latest = threading.Event(), [0]
    reader = threading.Thread(target=drain, args=(log, stop, latest))
    waiting: deque[tuple[float, Future[int]]] = deque()
    latencies: list[float] = []
    wall, cpu = time.perf_counter(), cpu_seconds()
    reader.start()
    records = 0
    while time.perf_counter() - wall < seconds:
        while len(waiting) < in_flight:
            waiting.append((time.perf_counter(), log.append(record)))
        started, future = waiting.popleft()
        future.result(30)
        latencies.append(time.perf_counter() - started)
        records += 1
    for _, future in waiting:
        future.result(30)
        records += 1
    took = time.perf_counter() - wall
    stop.set()
    reader.join(60)
    cpu = cpu_seconds() - cpu
    assert latest[0] == records == log.end(), "the reader has seen everything"
    file_bytes = log.stats().file_bytes
    log.close()
    megabytes = records * size / 1e6
    return {
        "in_flight": in_flight,
        "mb_per_second": round(megabytes / took, 1),
        "records_per_second": round(records / took),
        "cpu_ms_per_mb": round(cpu * 1000 / megabytes, 2),
        "cpu_us_per_record": round(cpu * 1e6 / records, 1),
        "ack_ms_p50": round(statistics.median(latencies) * 1000, 2),
        "ack_ms_p99": round(statistics.quantiles(latencies, n=100)[98] * 1000, 2),
        "file_mb_at_end": round(file_bytes / 1e6, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--seconds", type=float, default=5.0, help="per measurement")
    parser.add_argument("--folder", default=None, help="on the disk to be measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="log-append-") as folder:
        results = {
            f"{name}, {in_flight} in flight": measure(
                Path(folder), size, options.seconds, in_flight
            )
            for name, size in SIZES.items()
            for in_flight in (1, 32)
        }
    print(json.dumps({"benchmark": "log_append", "synchronous": "FULL", "results": results}))


if __name__ == "__main__":
    main()
