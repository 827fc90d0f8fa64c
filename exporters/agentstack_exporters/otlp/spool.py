# SPDX-License-Identifier: Apache-2.0
"""Requests on disk: all of them in solo mode, else those the collector could not take.

The file is a `SqliteLog`, so `agentstack replay --spool` reads it and `agentstack up` ingests it.
Several processes may write to one file; one at a time drains it, by a lock on `<file>.lock`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agentstack_processors.verdicts import ConfigError, Retry

from agentstack_exporters.log.protocol import Commit, Record, StoredRecord
from agentstack_exporters.otlp.encode import Request

if TYPE_CHECKING:
    from agentstack_exporters.log.sqlite import SqliteLog

_logger = logging.getLogger("agentstack")

GROUP = "sdk"
"""Consumer group of the drainer: what it has committed past may be deleted."""

_APPEND_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Config:
    """Where requests wait."""

    path: str
    """The file; its folder is made if missing."""
    max_bytes: int = 256 << 20
    """Bound of the file; the oldest requests are dropped to stay below."""
    project: str = "default"
    """Noted with each request, for the server that ingests the file later."""
    own: bool = False
    """True for the default file: a damaged one is set aside instead of refused."""

    def validate(self) -> None:
        """Raise ConfigError for a bound the file format cannot keep."""
        if self.max_bytes < 1 << 20:
            raise ConfigError("AGENTSTACK_SPOOL_MAX_BYTES must be at least 1 MiB")


def default_path(env: Mapping[str, str], url: str, project: str) -> str:
    """The spool for one destination, so that nothing is ever drained to another."""
    home = env.get("XDG_STATE_HOME") or os.path.join(os.path.expanduser("~"), ".local", "state")
    name = hashlib.sha256(f"{url}\n{project}".encode()).hexdigest()[:16]
    return os.path.join(home, "agentstack", "spool", f"{name}.db")


class Spool:
    """Append, read in order, mark as done; bounded.

    Opens the file at the first use. Methods raise Retry or ConfigError when the disk or the file
    does not serve.
    """

    def __init__(self, config: Config, clock: Callable[[], int] = time.time_ns) -> None:
        config.validate()
        self.config = config
        self.dropped = 0
        """Spans deleted unsent to make room."""
        self._clock = clock
        self._log: SqliteLog | None = None
        self._warned_full = False

    @property
    def path(self) -> str:
        """The file."""
        return self.config.path

    def exists(self) -> bool:
        """Whether there is a file; looks without opening it."""
        return os.path.exists(self.config.path)

    def open(self) -> None:
        """Open the file and start its writing thread; idempotent."""
        self._opened()

    def append(self, request: Request) -> None:
        """Store one request; on disk when this returns."""
        record = Record(
            payload=request.payload,
            spans=request.spans,
            received_at=self._clock(),
            project=self.config.project,
        )
        log = self._opened()
        try:
            _wait_for(log, record)
        except Retry:
            if not self._make_room(log, len(record.payload)):
                raise
            _wait_for(log, record)

    def read(self, max_records: int = 64, max_bytes: int = 8 << 20) -> list[StoredRecord]:
        """The oldest requests that are not done."""
        log = self._opened()
        position = log.committed(GROUP).position
        return log.read(position, max_records=max_records, max_bytes=max_bytes)

    def done(self, position: int) -> None:
        """Requests before `position` need not be kept."""
        log = self._opened()
        log.commit(GROUP, Commit(position))
        log.trim()

    def pending(self) -> int:
        """How many requests wait."""
        log = self._opened()
        return log.end() - log.committed(GROUP).position

    def close(self) -> None:
        """Close the file. Idempotent."""
        log, self._log = self._log, None
        if log is not None:
            log.close()

    def _opened(self) -> SqliteLog:
        if self._log is None:
            from agentstack_exporters.log import sqlite

            self._check_kind()
            Path(self.path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            log = sqlite.SqliteLog(
                sqlite.Config(
                    path=self.path,
                    max_bytes=self.config.max_bytes,
                    keep_free_bytes=8 << 20,
                    synchronous="NORMAL",
                    set_aside_damaged=self.config.own,
                )
            )
            # registers the group, and starts the writing thread before the interpreter ends
            log.commit(GROUP, log.committed(GROUP))
            self._log = log
        return self._log

    def _check_kind(self) -> None:
        """SQLite would say of a device or a folder that the disk is full, or less."""
        path = Path(self.path)
        if path.exists() and not path.is_file():
            raise ConfigError(f"AGENTSTACK_SPOOL={self.path} is no file; name one, such as run.db")

    def _make_room(self, log: SqliteLog, size: int) -> bool:
        """Give up the oldest requests; False when there was nothing to give up.

        A tenth of the bound at a time, so that a full spool does not trim at every append.
        """
        used = log.stats().used_bytes
        if used + size < self.config.max_bytes * 9 // 10:
            return False  # it is not the bound that refuses
        groups = log.groups()
        first = min(group.position for group in groups.values())
        wanted = max(size, self.config.max_bytes // 10)
        victims = log.read(first, max_records=1 << 20, max_bytes=wanted)
        if not victims:
            return False
        # what some group committed past was delivered, by us or by a server that ingested the file
        delivered = max(group.position for group in groups.values())
        lost = sum(victim.record.spans for victim in victims if victim.position >= delivered)
        self._count(lost)
        end = victims[-1].position + 1
        for name, group in groups.items():
            if group.position < end:
                log.commit(name, Commit(end, group.metadata))
        return log.trim() > 0

    def _count(self, lost: int) -> None:
        self.dropped += lost
        if lost:
            self._warn_full()

    def _warn_full(self) -> None:
        if not self._warned_full:
            self._warned_full = True
            _logger.warning(
                "AgentStack: %s reached its bound of %d bytes; the oldest spans in it are dropped",
                self.path,
                self.config.max_bytes,
            )


def _wait_for(log: SqliteLog, record: Record) -> None:
    try:
        log.append(record).result(_APPEND_SECONDS)
    except FutureTimeout as error:
        raise Retry(f"{log.path} did not take a record within {_APPEND_SECONDS:g} s") from error


class DrainLock:
    """At most one process drains a file; the system releases the lock when a process dies."""

    def __init__(self, path: str) -> None:
        self._path = path + ".lock"
        self._handle: int | None = None

    def acquire(self) -> bool:
        """Take the lock if it is free; never waits."""
        try:
            import fcntl
        except ImportError:  # Windows: drained twice is stored once, the server drops doubles
            return True
        handle = os.open(self._path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        self._handle = handle
        return True

    def release(self) -> None:
        """Let another process drain. Idempotent."""
        handle, self._handle = self._handle, None
        if handle is not None:
            import fcntl

            # explicitly: a forked child may hold the same open file
            fcntl.flock(handle, fcntl.LOCK_UN)
            os.close(handle)

    def forget(self) -> None:
        """In a forked child: the lock is the parent's."""
        handle, self._handle = self._handle, None
        if handle is not None:
            os.close(handle)


__all__ = ["GROUP", "Config", "DrainLock", "Spool", "default_path"]
