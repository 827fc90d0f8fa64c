# SPDX-License-Identifier: Apache-2.0
"""Spool files of the SDK: into the server's log, or into a temporary store to look at.

Both roads run the gateway's own pipeline (check, redact, stamp) on every record.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path

from agentstack_exporters.clickhouse.protocol import Store
from agentstack_exporters.log.protocol import Commit, Log, Record, StoredRecord
from agentstack_exporters.log.sqlite import Config as LogConfig
from agentstack_exporters.log.sqlite import SqliteLog
from agentstack_processors.verdicts import ConfigError, Reject, Retry

from agentstack_otel.collector import pipeline

logger = logging.getLogger(__name__)

GROUP = "ingest"
"""Consumer group under which a spool remembers what a server took."""

_APPEND_SECONDS = 60.0
_PAUSE_SECONDS = 0.1
_KEEP_DAYS = 36_500


def ingest(spool: Path, log: Log, processing: pipeline.Pipeline) -> int:
    """Append what the spool has that no server took yet; returns the spans appended.

    A crash between the append and the commit appends a record again; the tables are keyed by span,
    so it is stored once. A record the pipeline rejects is logged and left behind.

    Raises:
        ConfigError: The file does not exist or is no spool.
        Retry: The log stayed full for a minute.
    """
    if not spool.exists():
        raise ConfigError(f"--spool: there is no file {spool}")
    file = SqliteLog(LogConfig(path=spool, synchronous="NORMAL"))
    try:
        return _ingest(file, log, processing)
    finally:
        file.close()


def _ingest(file: SqliteLog, log: Log, processing: pipeline.Pipeline) -> int:
    spans = 0
    position = file.committed(GROUP).position
    while records := file.read(position):
        accepted = [record for record in (_processed(one, processing) for one in records) if record]
        _append(accepted, log)
        position = records[-1].position + 1
        file.commit(GROUP, Commit(position))
        spans += sum(record.spans for record in accepted)
    return spans


def _append(wanted: list[Record], log: Log) -> None:
    """Append all. A log that is full has workers that make room: waits for them, within reason."""
    deadline = time.monotonic() + _APPEND_SECONDS
    for record, future in [(record, log.append(record)) for record in wanted]:
        appended = future
        while not _stored(appended, deadline):
            time.sleep(_PAUSE_SECONDS)
            appended = log.append(record)


def _stored(appended: Future[int], deadline: float) -> bool:
    try:
        appended.result(_APPEND_SECONDS)
    except Retry:
        if time.monotonic() > deadline:
            raise
        return False
    return True


def _processed(stored: StoredRecord, processing: pipeline.Pipeline) -> Record | None:
    record = stored.record
    try:
        checked = processing.check(record.signal, record.payload)
    except Reject as fault:
        logger.warning("record %d of the spool was left out: %s", stored.position, fault.reason)
        return None
    if checked.rejected:
        logger.warning("record %d of the spool: %s", stored.position, "; ".join(checked.reasons))
    if not checked.spans:
        return None
    scrub = processing.suspicious(checked)
    return processing.record(record.signal, checked, record.project, scrub=scrub)


@contextmanager
def spool_store(path: Path) -> Iterator[Store]:
    """A temporary store filled from a spool file, which is only read.

    Raises:
        ConfigError: The file is no spool, or damaged.
    """
    from agentstack_exporters.clickhouse.chdb import ChdbStore
    from agentstack_exporters.clickhouse.chdb import Config as StoreConfig

    file = SqliteLog(LogConfig(path=path, read_only=True))
    try:
        store = ChdbStore(StoreConfig(retention_days=0, durable=False))
        try:
            store.migrate()
            _fill(file, store)
            yield store
        finally:
            store.close()
    finally:
        file.close()


def _fill(file: SqliteLog, store: Store) -> None:
    # No redaction: the SDK redacted before it wrote, and nothing leaves this process.
    processing = pipeline.Pipeline(pipeline.Config(retention_days=_KEEP_DAYS))
    position = 0
    while records := file.read(position):
        made = [record for record in (_processed(one, processing) for one in records) if record]
        for signal in ("traces", "logs"):
            payloads = [record.payload for record in made if record.signal == signal]
            if payloads:
                token = f"spool:{signal}:{position}"
                store.insert_otlp(payloads, token=token, signal=signal)
        position = records[-1].position + 1


__all__ = ["GROUP", "ingest", "spool_store"]
