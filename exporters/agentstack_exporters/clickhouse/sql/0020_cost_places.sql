-- What only the rest of its trace says of a use: that it tells usage which another span tells too
-- (then it does not count in sums), and whose it is where its own span does not say. Each may change
-- with every span that comes, so the newest verdict replaces the older.
CREATE TABLE IF NOT EXISTS cost_places
(
    project_id LowCardinality(String),
    time DateTime64(9, 'UTC'),
    trace_id String,
    span_id String,
    repeated Bool,
    agent LowCardinality(String),
    conversation String,
    user_id String,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (project_id, toStartOfHour(time), trace_id, span_id)
SETTINGS
    non_replicated_deduplication_window = 10000,
    ttl_only_drop_parts = 1
