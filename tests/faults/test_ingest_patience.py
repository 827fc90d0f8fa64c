# SPDX-License-Identifier: Apache-2.0
"""Taking in a spool file while the server's log has no room."""

from __future__ import annotations

import threading
from pathlib import Path

from agentstack_exporters.log.sqlite import Config, SqliteLog
from agentstack_processors.verdicts import Retry

from agentstack_otel.collector import pipeline
from agentstack_otel.ingest import ingest
from tests.fakes.log_requests import record, traces
from tests.fakes.memory_log import MemoryLog


def test_a_full_log_is_waited_for_and_every_record_arrives_once(tmp_path: Path) -> None:
    spool = SqliteLog(Config(path=tmp_path / "run.db"))
    for number in range(3):
        spool.append(record(traces(number))).result(10)
    spool.close()
    log = MemoryLog()
    log.fault = Retry("log is full")

    def make_room() -> None:
        for _ in range(4):  # asked again
            log.asked.acquire()
        log.fault = None

    room = threading.Thread(target=make_room)
    room.start()
    spans = ingest(tmp_path / "run.db", log, pipeline.Pipeline(pipeline.Config(90)))
    room.join()
    assert spans == 3
    assert len(log.records) == 3
