# SPDX-License-Identifier: Apache-2.0
"""What SQLite raises, as one sentence that says what is wrong and what to do."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from agentstack_processors.verdicts import AgentStackError, ConfigError, Retry

_DAMAGED = (
    "; nothing was changed: restore it from a backup, recover it with `sqlite3 {path} .recover`, or"
    " move it away together with its -wal file and start again"
)
_SENTENCES = (
    ("is full", "log is full: no space left on the disk of {path}"),
    ("disk I/O error", "log is not writable: the disk of {path} refuses (I/O error or no space)"),
    ("locked", "log file {path} is held by another process"),
    ("readonly", "log file {path} or its folder is read-only"),
    ("unable to open", "log file {path} or its folder cannot be opened for writing"),
    ("not a database", "{path} is not an AgentStack log (not an SQLite file)" + _DAMAGED),
    ("malformed", "log file {path} is damaged (torn or overwritten pages)" + _DAMAGED),
)


@contextlib.contextmanager
def retrying(path: Path) -> Iterator[None]:
    """Turn what SQLite raises while running into `Retry`: nothing was stored, nothing is lost."""
    try:
        yield
    except sqlite3.Error as error:
        raise Retry(sentence(error, path)) from error


def at_open(error: sqlite3.Error, path: Path) -> AgentStackError:
    """What opening a file raises for `error`."""
    text = str(error)
    if "locked" in text:
        return Retry(f"log file {path} is held by another process")
    return ConfigError(sentence(error, path))


def sentence(error: sqlite3.Error, path: Path) -> str:
    """One sentence: what is wrong and what to do. Matched on text: 3.10 has no error codes."""
    text = str(error)
    for needle, sentence in _SENTENCES:
        if needle in text:
            return sentence.format(path=path)
    return f"log file {path} cannot be used: {text}"


def is_damage(error: ConfigError) -> bool:
    """Whether the file's bytes are the fault, not its place or its owner."""
    cause = error.__cause__
    return isinstance(cause, sqlite3.DatabaseError) and any(
        needle in str(cause) for needle in ("malformed", "not a database", "no such table")
    )


__all__ = ["at_open", "is_damage", "retrying", "sentence"]
