# SPDX-License-Identifier: Apache-2.0
"""Numbered SQL files, applied once each, in order, and never changed afterwards.

`sql/NNNN_name.sql` holds one statement that makes one object. Its sha256 is recorded in
`schema_migrations`; a file that differs from what was applied, or a store with a migration this
version does not know, is refused before anything is touched. Statements say IF NOT EXISTS: a crash
between a statement and its record is healed by running it again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from agentstack_processors.verdicts import ConfigError

_NAME = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")

#: Without a version column: the first row for a name stays the truth.
BOOTSTRAP = (
    "CREATE TABLE IF NOT EXISTS schema_migrations"
    " (version UInt32, name String, checksum String, applied_at DateTime('UTC') DEFAULT now())"
    " ENGINE = MergeTree ORDER BY (version, applied_at)"
    " SETTINGS non_replicated_deduplication_window = 100"
)
_BOOTSTRAPPED = "EXISTS TABLE schema_migrations"
_APPLIED = "SELECT version, name, checksum FROM schema_migrations ORDER BY version, applied_at"
_RECORD = (
    "INSERT INTO schema_migrations (version, name, checksum)"
    " SELECT {version:UInt32}, {name:String}, {checksum:String}"
)

Query = Callable[[str, Mapping[str, Any]], Sequence[Mapping[str, Any]]]
Execute = Callable[[str, Mapping[str, Any]], object]


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name without suffix and its text."""

    version: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Hex sha256 of the text as committed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def load() -> list[Migration]:
    """The migrations that came with this package, in order."""
    folder = resources.files("agentstack_exporters.clickhouse") / "sql"
    found = [
        Migration(int(entry.name[:4]), entry.name.removesuffix(".sql"), entry.read_text("utf-8"))
        for entry in folder.iterdir()
        if _NAME.match(entry.name)
    ]
    return sorted(found, key=lambda migration: migration.version)


def apply(migrations: Sequence[Migration], *, query: Query, execute: Execute) -> list[str]:
    """Run what is outstanding; returns the names that were run.

    Args:
        migrations: In order, as `load` returns them.
        query: Runs a SELECT with parameters and gives its rows.
        execute: Runs any other statement with parameters; not called when nothing is to be done.

    Raises:
        ConfigError: The store and the files disagree; nothing was changed.
    """
    if not query(_BOOTSTRAPPED, {})[0]["result"]:
        execute(BOOTSTRAP, {})
    outstanding = check(migrations, query(_APPLIED, {}))
    for migration in outstanding:
        execute(migration.sql, {})
        execute(_RECORD, _record(migration))
    return [migration.name for migration in outstanding]


def check(migrations: Sequence[Migration], applied: Sequence[Mapping[str, Any]]) -> list[Migration]:
    """The migrations still to be run.

    Raises:
        ConfigError: A migration was changed after it was applied, or the store is newer.
    """
    known = {migration.version: migration for migration in migrations}
    for row in applied:
        _compare(known.get(row["version"]), row)
    done = {row["version"] for row in applied}
    return [migration for migration in migrations if migration.version not in done]


def _compare(migration: Migration | None, row: Mapping[str, Any]) -> None:
    if migration is None:
        raise ConfigError(
            f"the store was written by a newer version of agentstack (migration {row['name']} is"
            " unknown here): upgrade agentstack, or point --data at another folder"
        )
    if migration.checksum != row["checksum"]:
        raise ConfigError(
            f"migration {migration.name} was changed after it was applied to this store"
            f" (recorded {row['checksum'][:12]}, file {migration.checksum[:12]}):"
            " restore the file and put the change into a new migration"
        )


def _record(migration: Migration) -> dict[str, Any]:
    return {
        "version": migration.version,
        "name": migration.name,
        "checksum": migration.checksum,
    }
