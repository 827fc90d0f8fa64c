-- When each trace began and ended, so that looking one up by id reads a range of the primary key
-- of `spans`. Only idempotent aggregates: a span stored twice changes nothing.
CREATE TABLE IF NOT EXISTS spans_trace_id_ts
(
    project_id LowCardinality(String),
    trace_id String,
    start_time SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
    end_time SimpleAggregateFunction(max, DateTime64(9, 'UTC'))
)
ENGINE = AggregatingMergeTree
PARTITION BY toYYYYMM(start_time)
ORDER BY (trace_id, project_id)
SETTINGS
    non_replicated_deduplication_window = 10000,
    ttl_only_drop_parts = 1
