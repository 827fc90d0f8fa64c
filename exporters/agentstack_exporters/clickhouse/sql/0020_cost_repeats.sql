-- Spans that tell usage which another span tells too: they do not count in sums. Whether one does
-- may change with every span that comes, so the newest verdict replaces the older.
CREATE TABLE IF NOT EXISTS cost_repeats
(
    project_id LowCardinality(String),
    time DateTime64(9, 'UTC'),
    trace_id String,
    span_id String,
    repeated Bool,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (project_id, toStartOfHour(time), trace_id, span_id)
SETTINGS
    non_replicated_deduplication_window = 10000,
    ttl_only_drop_parts = 1
