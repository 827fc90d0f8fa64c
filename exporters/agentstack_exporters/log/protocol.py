# SPDX-License-Identifier: Apache-2.0
"""The `Log` port: an ordered, durable list of OTLP requests that consumer groups read.

Vocabulary is Kafka's: a *record* has a *position* (offset), a *group* commits the position it will
read next together with a few bytes of *metadata*.
"""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from typing import Literal, Protocol

Signal = Literal["traces", "logs"]


@dataclass(frozen=True, slots=True)
class Record:
    """One OTLP export request as it travels from the gateway to the workers.

    Attributes:
        payload: Serialised `ExportTraceServiceRequest` (or `ExportLogsServiceRequest`), already
            validated, scrubbed and stamped with its project.
        spans: Number of spans (log records) in the payload.
        received_at: Nanoseconds since the epoch at which the gateway took it.
        project: Tenant the request was authenticated for.
        signal: Which of the two request messages the payload is.
    """

    payload: bytes
    spans: int
    received_at: int
    project: str = "default"
    signal: Signal = "traces"


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record with the position the log gave it."""

    position: int
    record: Record


@dataclass(frozen=True, slots=True)
class Commit:
    """Where a group stands: the next position it will read, and its own note (≤ 4096 bytes)."""

    position: int
    metadata: str = ""


class DeadLetterSink(Protocol):
    """Where a worker puts what it gives up."""

    def put(self, group: str, stored: StoredRecord, reason: str) -> int:
        """Durable when it returns; putting the same record again changes nothing."""
        ...


class Log(Protocol):
    """Durable, ordered, readable by several groups. Every method may be called from any thread."""

    @property
    def id(self) -> str:
        """Names the log's content for ever; part of every token."""
        ...

    @property
    def dead_letters(self) -> DeadLetterSink:
        """For records that cannot be processed."""
        ...

    def append(self, record: Record) -> Future[int]:
        """Queue one record; the future yields its position once it is on disk.

        Appends that arrive together share one transaction (group commit).

        Raises (through the future):
            Retry: The log is full or the disk refuses; nothing of the record was stored.
        """
        ...

    def read(
        self, position: int, *, max_records: int = 1000, max_bytes: int = 16 << 20
    ) -> list[StoredRecord]:
        """Records from `position` on, in order, at least one if there is any, else empty."""
        ...

    def wait(self, position: int, timeout: float) -> bool:
        """Block until a record at or after `position` exists; False after `timeout` or `wake`."""
        ...

    def wake(self) -> None:
        """Let every `wait` return now, so that its caller can look whether it should stop."""
        ...

    def end(self) -> int:
        """The position the next record will get."""
        ...

    def committed(self, group: str) -> Commit:
        """Where `group` stands; position of the first record kept when it has never committed."""
        ...

    def commit(self, group: str, commit: Commit) -> None:
        """Durably store where `group` stands."""
        ...

    def forget(self, group: str) -> None:
        """Remove a group that does not come back: nothing is kept for it any more.

        Raises:
            Retry: The disk refuses.
        """
        ...

    def trim(self) -> int:
        """Delete what every registered group has committed past; returns records deleted."""
        ...

    def close(self, timeout: float = 5.0) -> None:
        """Finish queued appends, sync, release the files. Idempotent."""
        ...


__all__ = ["Commit", "DeadLetterSink", "Log", "Record", "Signal", "StoredRecord"]
