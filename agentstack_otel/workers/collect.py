# SPDX-License-Identifier: Apache-2.0
"""Which records make the next batch, and which made one whose boundaries are frozen."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from agentstack_exporters.log.protocol import Log, StoredRecord

from agentstack_otel.workers.clock import Clock


@dataclass(slots=True)
class _Pile:
    max_spans: int
    max_bytes: int
    records: list[StoredRecord] = field(default_factory=list)
    spans: int = 0
    size: int = 0
    full: bool = False

    def add(self, found: list[StoredRecord]) -> None:
        """Take what fits, at least one; note when something did not."""
        for stored in found:
            spans = self.spans + stored.record.spans
            size = self.size + len(stored.record.payload)
            if self.records and (spans > self.max_spans or size > self.max_bytes):
                self.full = True
                return
            self.records.append(stored)
            self.spans, self.size = spans, size
        self.full = self.spans >= self.max_spans or self.size >= self.max_bytes


def collect(
    log: Log,
    position: int,
    *,
    max_spans: int,
    max_bytes: int,
    deadline: float,
    pause: float,
    clock: Clock,
    stopping: threading.Event,
) -> list[StoredRecord]:
    """Records from `position` on: as soon as a batch is full, else what is there at `deadline`.

    Args:
        log: What to read.
        position: Where to begin.
        max_spans: Full at so many spans; one request larger than that is taken alone.
        max_bytes: Full at so many payload bytes, likewise.
        deadline: On the clock's monotonic scale; in the past means "what is there now".
        pause: Seconds between two looks; only while a batch is filling.
        clock: Time.
        stopping: Ends the wait.
    """
    pile = _Pile(max_spans, max_bytes)
    while True:
        found = log.read(
            pile.records[-1].position + 1 if pile.records else position,
            max_records=max(1, max_spans - len(pile.records)),
            max_bytes=max(1, max_bytes - pile.size),
        )
        pile.add(found)
        left = deadline - clock.monotonic()
        if pile.full or not pile.records or left <= 0:
            return pile.records
        if clock.wait(stopping, min(left, pause)):
            return pile.records


def read_range(log: Log, first: int, last: int) -> list[StoredRecord]:
    """Every record from `first` to `last`, both included."""
    records: list[StoredRecord] = []
    while first <= last:
        found = [s for s in log.read(first, max_records=last - first + 1) if s.position <= last]
        if not found:
            break
        records += found
        first = found[-1].position + 1
    return records


__all__ = ["collect", "read_range"]
