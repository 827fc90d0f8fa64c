-- SPDX-License-Identifier: Apache-2.0
-- Format 1 of the log file (PRAGMA user_version). Also the SDK's spool: one format for both.

-- One row. `id` names this file for ever, so that deduplication tokens of a deleted log cannot
-- meet those of its successor. `floor` is the lowest position the next record may get; it is
-- raised whenever records are deleted, so positions are never used twice.
CREATE TABLE log (id TEXT NOT NULL, floor INTEGER NOT NULL);

-- `payload` last: SQLite then reads the small columns without walking the overflow pages.
CREATE TABLE records (
    position INTEGER PRIMARY KEY,
    signal TEXT NOT NULL,
    project TEXT NOT NULL,
    spans INTEGER NOT NULL,
    received_at INTEGER NOT NULL, -- ns since the epoch
    crc32 INTEGER NOT NULL,       -- over position, the columns above and the payload
    payload BLOB NOT NULL
);

CREATE TABLE groups (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    metadata TEXT NOT NULL
) WITHOUT ROWID;

-- UNIQUE: a batch that is replayed after a crash finds its dead letters already here.
CREATE TABLE dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    group_name TEXT NOT NULL,
    position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    failed_at INTEGER NOT NULL,   -- ns since the epoch
    retried_as INTEGER,           -- position it was appended again under
    signal TEXT NOT NULL,
    project TEXT NOT NULL,
    spans INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    payload BLOB NOT NULL,
    UNIQUE (group_name, position)
);
