# SPDX-License-Identifier: Apache-2.0
"""A worker in numbers, for /metrics, /health and tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["starting", "running", "waiting", "stopped", "failed"]


@dataclass(slots=True)
class Stats:
    """Written by the worker's thread only; each field may be read at any time.

    Attributes:
        state: "waiting": something answers `Retry`, see `error`. "failed": it stopped by itself.
        error: Why it waits or failed; None when all is well.
        batches: Batches committed since the start.
        records: Records in them, dead letters included.
        spans: Spans in them.
        retries: Times something answered `Retry`.
        dead_letters: Records given up.
        oldest_received_at: Of the batch being worked on, ns since the epoch; None between batches.
        trimmable: Something was committed since the last trim.
    """

    state: State = "starting"
    error: str | None = None
    batches: int = 0
    records: int = 0
    spans: int = 0
    retries: int = 0
    dead_letters: int = 0
    oldest_received_at: int | None = None
    trimmable: bool = True

    def done(self, records: int, spans: int) -> None:
        """A batch is committed."""
        self.batches += 1
        self.records += records
        self.spans += spans
        self.oldest_received_at = None
        self.trimmable = True

    def waiting(self, reason: str) -> None:
        """Something answered `Retry`."""
        self.retries += 1
        self.state = "waiting"
        self.error = reason

    def going_on(self) -> None:
        """It works again."""
        self.state = "running"
        self.error = None


__all__ = ["State", "Stats"]
