# SPDX-License-Identifier: Apache-2.0
"""The log's file as a file: making it, looking at it before SQLite does, moving it aside."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from pathlib import Path

from agentstack_processors.verdicts import ConfigError

APPLICATION_ID = 0x41474C47  # "AGLG", in the file header, so that `file` and we know it


def create_private(path: Path) -> None:
    """Make the file, and its folder, if missing; readable for this user only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        # Prompts and tool results are in it: nobody else reads it. WAL files copy the mode.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        _sync_folder(path.parent)


def check_header(path: Path) -> None:
    """Refuse what SQLite would spoil: a foreign file it would change, a torn page it would read
    as zeros.

    With a WAL beside it a torn page is what a crash in a checkpoint leaves, and the WAL mends it.
    Offsets: https://sqlite.org/fileformat2.html#the_database_header

    Raises:
        ConfigError: A database of somebody else.
        sqlite3.DatabaseError: No database, or a torn one.
    """
    if size_of(Path(f"{path}-wal")):  # first: it goes only when the file is whole
        return
    size = size_of(path)
    if not size:
        return
    with path.open("rb") as file:
        header = file.read(100)
    if header[:16] != b"SQLite format 3\0":
        raise sqlite3.DatabaseError("not a database")
    page_bytes = int.from_bytes(header[16:18], "big")
    has_tables = header[40:44] != b"\0\0\0\0"  # another process may just be creating them
    if has_tables and int.from_bytes(header[68:72], "big") != APPLICATION_ID:
        raise ConfigError(f"{path} is an SQLite database but not an AgentStack log")
    if size % (page_bytes if page_bytes > 1 else 65536):  # the field has 16 bits
        raise sqlite3.DatabaseError("malformed: the last page is torn")


def size_of(path: Path) -> int:
    """Bytes of a file, 0 when there is none."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def set_aside(path: Path) -> Path:
    """Rename a damaged log with all its side files, so that a new one can start; returns where."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    target = path.with_name(f"{path.name}.damaged-{stamp}")
    for suffix in ("-wal", "-shm", ""):
        with contextlib.suppress(FileNotFoundError):
            os.rename(f"{path}{suffix}", f"{target}{suffix}")
    return target


def _sync_folder(folder: Path) -> None:
    """Make the new file's name survive power loss; SQLite does this only for its journals."""
    with contextlib.suppress(OSError):  # not every system can sync a folder
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


__all__ = ["APPLICATION_ID", "check_header", "create_private", "set_aside", "size_of"]
