-- SPDX-License-Identifier: Apache-2.0
-- Format 1 of the outbox (PRAGMA user_version). Times are seconds since the epoch.

-- What a channel was given, so that a repeated alert is not told twice.
CREATE TABLE seen (
    channel TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (channel, alert_id)
) WITHOUT ROWID;
CREATE INDEX seen_at ON seen (at);

-- What waits to be sent. `taken`: on its way; it takes no further alerts.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    channel TEXT NOT NULL,
    group_key TEXT NOT NULL,
    due REAL NOT NULL,
    created REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    taken INTEGER NOT NULL DEFAULT 0,
    count INTEGER NOT NULL,
    score INTEGER NOT NULL,
    ids TEXT NOT NULL,
    alert TEXT NOT NULL
);
CREATE INDEX messages_due ON messages (channel, taken, due);
CREATE INDEX messages_group ON messages (channel, group_key);

-- When a group was last told.
CREATE TABLE told (
    channel TEXT NOT NULL,
    group_key TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (channel, group_key)
) WITHOUT ROWID
