# SPDX-License-Identifier: Apache-2.0
"""From what parts raise to one sentence and an exit code."""

from __future__ import annotations

import errno
import sqlite3

from agentstack_processors.verdicts import AgentStackError, ConfigError

from agentstack_otel.cli.exits import FAILED, NOTHING, USAGE, Fault
from agentstack_otel.query.find import NotFound

_DISK = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
}


def explained(error: Exception) -> Fault | None:
    """A fault for an error that a person can do something about; None for a bug."""
    if isinstance(error, NotFound):
        return Fault(str(error), NOTHING)
    if isinstance(error, ConfigError):
        return Fault(str(error), USAGE)
    if isinstance(error, AgentStackError):
        return Fault(str(error), FAILED)
    if isinstance(error, sqlite3.DatabaseError):
        return Fault(f"the log file cannot be used: {error}", FAILED)
    if isinstance(error, OSError):
        return Fault(disk_sentence(error), FAILED)
    return None


def disk_sentence(error: OSError) -> str:
    """What an operating system error means, with the file it is about."""
    why = _DISK.get(error.errno or 0, error.strerror or str(error))
    return f"{error.filename}: {why}" if error.filename else why


__all__ = ["disk_sentence", "explained"]
