-- What only the rest of its trace says of a use: that it tells usage which another span tells too
-- (then it does not count in sums), and whose it is where its own span does not say. One row a trace
-- with those of its uses there is something to say of; each may change with every span that comes, so
-- the newest row replaces the older.
CREATE TABLE IF NOT EXISTS cost_places
(
    project_id LowCardinality(String),
    trace_id String,
    time DateTime64(9, 'UTC'),
    span_ids Array(String),
    repeated Array(Bool),
    agents Array(String),
    conversations Array(String),
    users Array(String),
    version UInt64,
    INDEX time_range time TYPE minmax GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, trace_id)
SETTINGS non_replicated_deduplication_window = 10000
