# SPDX-License-Identifier: Apache-2.0
"""A frozen stretch of the log: its boundaries, its token, and how it is written down as intent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from agentstack_exporters.log.protocol import Signal, StoredRecord


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one signal out of the positions `first` to `last`, both included.

    Attributes:
        topic: Which log, for ever: an id of the SQLite file, or the Kafka topic.
        partition: 0 in a log without partitions.
        first: Position the group had committed when the boundaries were frozen.
        last: Position of the last record of the stretch, whatever its signal.
        version: Generation of handler and schema that the boundaries were frozen under.
        signal: What the payloads are.
        records: In order; never empty.
    """

    topic: str
    partition: int
    first: int
    last: int
    version: str
    signal: Signal
    records: tuple[StoredRecord, ...]

    @property
    def payloads(self) -> list[bytes]:
        """The requests."""
        return [stored.record.payload for stored in self.records]

    @property
    def spans(self) -> int:
        """Spans (log records) in it, as the gateway counted them."""
        return sum(stored.record.spans for stored in self.records)

    def token(self, table: str) -> str:
        """Names this content in this table: the same token always means the same rows."""
        return f"{table}:{self.topic}:{self.partition}:{self.first}-{self.last}:{self.version}"

    def halves(self) -> tuple[Batch, Batch]:
        """Both halves of a batch of at least two; the same batch always splits the same way."""
        middle = len(self.records) // 2
        left, right = self.records[:middle], self.records[middle:]
        return (
            self._part(self.first, left[-1].position, left),
            self._part(right[0].position, self.last, right),
        )

    def _part(self, first: int, last: int, records: tuple[StoredRecord, ...]) -> Batch:
        return Batch(self.topic, self.partition, first, last, self.version, self.signal, records)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a group writes into its commit before it stores anything.

    Attributes:
        end: Last position of the batch; its first is the committed position.
        version: The handler's version then. A newer worker that finds the intent keeps using it,
            because what the old one may already have stored carries a token with it.
    """

    end: int
    version: str

    def metadata(self) -> str:
        """As commit metadata, about 40 bytes."""
        return json.dumps({"end": self.end, "version": self.version}, separators=(",", ":"))

    @classmethod
    def parse(cls, metadata: str) -> Intent | None:
        """The intent in commit metadata; None when there is none that can be read."""
        try:
            fields = json.loads(metadata or "{}")
            return cls(int(fields["end"]), str(fields["version"]))
        except (ValueError, KeyError, TypeError):
            return None


def by_signal(
    records: Sequence[StoredRecord], *, topic: str, first: int, intent: Intent
) -> list[Batch]:
    """One batch per signal in `records`, all with the boundaries `first` to `intent.end`."""
    signals: dict[Signal, list[StoredRecord]] = {}
    for stored in records:
        signals.setdefault(stored.record.signal, []).append(stored)
    return [
        Batch(topic, 0, first, intent.end, intent.version, signal, tuple(found))
        for signal, found in sorted(signals.items())
    ]


__all__ = ["Batch", "Intent", "by_signal"]
