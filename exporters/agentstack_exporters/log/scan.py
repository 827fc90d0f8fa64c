# SPDX-License-Identifier: Apache-2.0
"""Reading records in order, around whatever the disk has damaged."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field

from agentstack_exporters.log import records
from agentstack_exporters.log.protocol import Record, StoredRecord
from agentstack_exporters.log.records import COLUMNS, Damaged

_RANGE = f"SELECT {COLUMNS} FROM records WHERE position >= ? ORDER BY position LIMIT ?"  # noqa: S608 - constant


@dataclass(slots=True)
class Found:
    """What one read met. `next_position` is behind everything in it."""

    next_position: int
    good: list[StoredRecord] = field(default_factory=list)
    damaged: list[Damaged] = field(default_factory=list)
    size: int = 0

    def take(self, row: records.Row) -> None:
        """Sort one row into good or damaged."""
        item = records.from_row(row)
        self.next_position = row[0] + 1
        if isinstance(item, Damaged):
            self.damaged.append(item)
        else:
            self.good.append(item)
            self.size += len(item.record.payload)


def scan(connection: sqlite3.Connection, position: int, max_records: int, max_bytes: int) -> Found:
    """Up to `max_records` and about `max_bytes` from `position` on; at least one if there is any.

    Raises:
        sqlite3.Error: The file cannot be read at all.
    """
    found = Found(next_position=position)
    while True:
        try:
            _scan_range(connection, found, max_records, max_bytes)
            return found
        except sqlite3.DatabaseError as error:  # noqa: PERF203 - once per damaged stretch
            if "malformed" not in str(error):
                raise
            _step_over(connection, found, str(error))


def _scan_range(
    connection: sqlite3.Connection, found: Found, max_records: int, max_bytes: int
) -> None:
    limit = max_records - len(found.good)
    if limit <= 0:
        return
    cursor = connection.execute(_RANGE, (found.next_position, limit))
    try:
        for row in cursor:
            if found.good and found.size + len(row[-1]) > max_bytes:
                return
            found.take(row)
    finally:
        cursor.close()  # ends the snapshot: a forgotten one would keep the WAL from shrinking


def _step_over(connection: sqlite3.Connection, found: Found, fault: str) -> None:
    """Put the shortest unreadable stretch at `next_position` among the damaged.

    Tries ever longer jumps until a read succeeds behind the damage, then narrows down.
    """
    start = found.next_position
    end = start + _last_readable_distance(connection, start)
    step = 1
    while start + step < end and not _readable(connection, start + step):
        step *= 2
    low, high = start + step // 2, min(start + step, end)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _readable(connection, middle) else (middle, high)
    reason = f"positions {start} to {high - 1} cannot be read: {fault}"
    lost = StoredRecord(start, Record(payload=b"", spans=0, received_at=0))
    found.damaged.append(Damaged(lost, reason))
    found.next_position = high


def _last_readable_distance(connection: sqlite3.Connection, start: int) -> int:
    """How far behind `start` the log goes; raises when not even its end can be read."""
    return max(1, records.next_position(connection) - start)


def _readable(connection: sqlite3.Connection, position: int) -> bool:
    try:
        connection.execute(_RANGE, (position, 1)).fetchall()
    except sqlite3.DatabaseError:
        return False
    return True


__all__ = ["Found", "scan"]
