# SPDX-License-Identifier: Apache-2.0
"""A record as a row, and the checksum that tells a damaged row from a good one."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast
from zlib import crc32

from agentstack_exporters.log.protocol import Record, Signal, StoredRecord

COLUMNS = "position, signal, project, spans, received_at, crc32, payload"
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Damaged:
    """A row that is not what was written; what is left of it, and why we say so."""

    stored: StoredRecord
    reason: str


def checksum(record: Record) -> int:
    """CRC-32 of everything but the position (not known until the record is on its way to disk).

    Raises:
        UnicodeEncodeError: The project is not text that can be stored.
    """
    header = f"{record.signal}\0{record.project}\0{record.spans}\0{record.received_at}"
    return crc32(header.encode(), crc32(record.payload))


def seal(position: int, unsealed: int) -> int:
    """The stored checksum: `unsealed` (from `checksum`) bound to one position."""
    return crc32(position.to_bytes(8, "big", signed=True), unsealed)


def insert(
    connection: sqlite3.Connection, first: int, records: Iterable[tuple[Record, int]]
) -> None:
    """Write records with their unsealed checksums at `first`, `first` + 1, …"""
    connection.executemany(
        f"INSERT INTO records ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - constant
        (
            (
                position,
                record.signal,
                record.project,
                record.spans,
                record.received_at,
                seal(position, unsealed),
                record.payload,
            )
            for position, (record, unsealed) in enumerate(records, first)
        ),
    )


def next_position(connection: sqlite3.Connection) -> int:
    """The position the next record gets.

    Raises:
        sqlite3.DatabaseError: Bytes on disk changed where positions are counted.
    """
    row = connection.execute(
        "SELECT max(floor, coalesce((SELECT max(position) + 1 FROM records), 0)) FROM log"
    ).fetchone()
    if row is None or not isinstance(row[0], int):
        raise sqlite3.DatabaseError("malformed: the table that counts positions is damaged")
    return row[0]


def keep_floor(connection: sqlite3.Connection) -> None:
    """Call before deleting records, in the same transaction: positions are never used twice."""
    connection.execute("UPDATE log SET floor = ?", (next_position(connection),))


def from_row(row: Row) -> StoredRecord | Damaged:
    """The record in a row of `COLUMNS`, or what is left of it."""
    position, signal, project, spans, received_at, stored_crc, payload = row
    if not isinstance(payload, bytes):
        payload = str(payload).encode()  # a flipped type byte; the checksum below will say so
    record = Record(
        payload=payload,
        spans=spans,
        received_at=received_at,
        project=project,
        signal=cast("Signal", signal),
    )
    stored = StoredRecord(position, record)
    actual = seal(position, checksum(record))
    if actual == stored_crc:
        return stored
    return Damaged(stored, f"checksum mismatch: bytes changed on disk at position {position}")


__all__ = [
    "COLUMNS",
    "Damaged",
    "checksum",
    "from_row",
    "insert",
    "keep_floor",
    "next_position",
    "seal",
]
