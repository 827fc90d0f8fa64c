# SPDX-License-Identifier: Apache-2.0
"""A real worker in a process of its own that dies at one boundary of one batch.

Usage: crashing_worker.py LOG STORE fake|chdb POINT BATCH. POINT "never" works off the log and ends.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from agentstack_exporters.log.protocol import Commit
from agentstack_exporters.log.sqlite import Config as LogConfig
from agentstack_exporters.log.sqlite import SqliteLog

from agentstack_otel.workers.batch import Batch
from agentstack_otel.workers.loop import Config, Worker
from agentstack_otel.workers.writer import Writer

POINTS = [
    "before intent",
    "after intent",
    "between traces and logs",
    "before commit",
    "after commit",
]


class Fuse:
    """Ends the process, as `kill -9` would, when `point` is reached for the n-th time."""

    def __init__(self, point: str, batch: int) -> None:
        self.point = point
        self.left = batch

    def reached(self, point: str) -> None:
        if point == self.point:
            self.left -= 1
            if self.left == 0:
                os._exit(137)


class CrashingLog(SqliteLog):
    fuse: Fuse

    def commit(self, group: str, commit: Commit) -> None:
        if threading.current_thread() is threading.main_thread():  # registers, is no batch
            return super().commit(group, commit)
        when = "intent" if commit.metadata else "commit"
        self.fuse.reached(f"before {when}")
        super().commit(group, commit)
        self.fuse.reached(f"after {when}")
        return None


class CrashingWriter(Writer):
    fuse: Fuse

    def handle(self, batch: Batch) -> None:
        super().handle(batch)
        # Signals of a stretch come in alphabetical order: logs, then traces.
        if batch.signal == "logs":
            self.fuse.reached("between traces and logs")


def open_store(kind: str, path: Path) -> Any:
    if kind == "fake":
        from tests.fakes.token_store import TokenStore

        return TokenStore(path)
    from agentstack_exporters.clickhouse.chdb import ChdbStore
    from agentstack_exporters.clickhouse.chdb import Config as StoreConfig

    store = ChdbStore(StoreConfig(path=path))
    store.migrate()
    return store


def main(log_path: str, store_path: str, kind: str, point: str, batch: str) -> None:
    store = open_store(kind, Path(store_path))
    log = CrashingLog(LogConfig(path=log_path))
    writer = CrashingWriter(store)
    log.fuse = writer.fuse = Fuse(point, int(batch))
    config = Config(max_spans=7, linger_seconds=0, linger_cap_seconds=0, trim_seconds=0)
    worker = Worker(log, "writer", writer, config)
    worker.start()
    while worker.lag:
        if worker.stats.state == "failed":
            sys.exit(f"worker failed: {worker.stats.error}")
        time.sleep(0.005)
    assert worker.stop(20)
    if kind == "chdb":
        for signal, table in (("traces", "spans"), ("logs", "genai_events")):
            (row,) = store.query(
                f"SELECT count() AS rows, uniqExact(span_id) AS ids FROM {table}"  # without FINAL
            )
            print(signal, row["rows"], row["ids"])
    log.close()
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
