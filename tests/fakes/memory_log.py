# SPDX-License-Identifier: Apache-2.0
"""A log in memory whose disk the test controls: instant, failing, or hanging until released."""

from __future__ import annotations

import threading
from concurrent.futures import Future

from agentstack_exporters.log.protocol import Commit, Record, StoredRecord


class Letters:
    """Dead letters in memory."""

    def __init__(self) -> None:
        self.put_in: list[tuple[str, StoredRecord, str]] = []

    def put(self, group: str, stored: StoredRecord, reason: str) -> int:
        self.put_in.append((group, stored, reason))
        return len(self.put_in)


class MemoryLog:
    """Implements the `Log` port.

    Attributes:
        records: What has been appended and is "on disk".
        fault: Raised through the future of every append while set.
        held: While True, appends stay unresolved until `release`.
    """

    def __init__(self) -> None:
        self.id = "memory"
        self.dead_letters = Letters()
        self.records: list[Record] = []
        self.fault: BaseException | None = None
        self.held = False
        self.asked = threading.Semaphore(0)
        self._waiting: list[tuple[Future[int], Record]] = []
        self._commits: dict[str, Commit] = {}
        self._changed = threading.Condition()

    def append(self, record: Record) -> Future[int]:
        future: Future[int] = Future()
        with self._changed:
            if self.held:
                self._waiting.append((future, record))
            elif self.fault is not None:
                future.set_exception(self.fault)
            else:
                self._store(future, record)
        self.asked.release()
        return future

    def release(self) -> None:
        """Let everything that hangs reach the disk, and what comes later too."""
        with self._changed:
            self.held = False
            for future, record in self._waiting:
                self._store(future, record)
            self._waiting.clear()

    def _store(self, future: Future[int], record: Record) -> None:
        self.records.append(record)
        future.set_result(len(self.records) - 1)
        self._changed.notify_all()

    def read(
        self, position: int, *, max_records: int = 1000, max_bytes: int = 16 << 20
    ) -> list[StoredRecord]:
        found = enumerate(self.records[position : position + max_records], position)
        return [StoredRecord(at, record) for at, record in found]

    def wait(self, position: int, timeout: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: len(self.records) > position, timeout)

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def end(self) -> int:
        return len(self.records)

    def committed(self, group: str) -> Commit:
        return self._commits.get(group, Commit(0))

    def commit(self, group: str, commit: Commit) -> None:
        self._commits[group] = commit

    def forget(self, group: str) -> None:
        self._commits.pop(group, None)

    def trim(self) -> int:
        return 0

    def close(self, timeout: float = 5.0) -> None:
        self.release()
