-- Log records of GenAI telemetry: inference details, evaluation results, exceptions, old per-message
-- events. They have no identity of their own, so the content is the key: a record sent twice is one.
CREATE TABLE IF NOT EXISTS genai_events
(
    project_id LowCardinality(String),
    time DateTime64(9, 'UTC'),
    trace_id String,
    span_id String,
    event_name LowCardinality(String),
    severity LowCardinality(String),
    body String,
    attributes Map(LowCardinality(String), String),
    service_name LowCardinality(String),
    resource_attributes Map(LowCardinality(String), String),
    scope_name LowCardinality(String),
    ingested_at DateTime64(3, 'UTC'),
    content_hash UInt64 MATERIALIZED cityHash64(body, toString(attributes), toString(resource_attributes))
)
ENGINE = ReplacingMergeTree(ingested_at)
PARTITION BY toDate(time)
PRIMARY KEY (project_id, toStartOfTenMinutes(time), trace_id)
ORDER BY (project_id, toStartOfTenMinutes(time), trace_id, span_id, time, event_name, content_hash)
SETTINGS
    non_replicated_deduplication_window = 10000,
    ttl_only_drop_parts = 1,
    min_bytes_for_wide_part = 268435456
