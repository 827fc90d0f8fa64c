# SPDX-License-Identifier: Apache-2.0
"""What a worker needs of its log and of its handler."""

from __future__ import annotations

from typing import Protocol

from agentstack_exporters.log.protocol import Log, StoredRecord

from agentstack_otel.workers.batch import Batch


class DeadLetterSink(Protocol):
    """Where a worker puts what it gives up."""

    def put(self, group: str, stored: StoredRecord, reason: str) -> int:
        """Durable when it returns; putting the same record again changes nothing."""
        ...


class WorkerLog(Log, Protocol):
    """What a worker asks of a log beyond the `Log` port."""

    @property
    def id(self) -> str:
        """Names the log's content for ever; part of every token."""
        ...

    @property
    def dead_letters(self) -> DeadLetterSink:
        """For records that cannot be processed."""
        ...

    def wake(self) -> None:
        """Let every `wait` return now."""
        ...


class Handler(Protocol):
    """What a worker does with its records. A pure function of (batch, version) into a store."""

    @property
    def version(self) -> str:
        """Generation of code and schema; part of the token."""
        ...

    def handle(self, batch: Batch) -> None:
        """Process all of it or nothing.

        Raises:
            Retry: Not now; the same batch comes again.
            Reject: Something in it will never do.
        """
        ...


__all__ = ["DeadLetterSink", "Handler", "WorkerLog"]
