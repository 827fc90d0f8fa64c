-- What a detection rule found. `alert_id` is derived from rule, span and place, so that detecting
-- twice gives one row; `evidence` is redacted before it gets here.
CREATE TABLE IF NOT EXISTS security_alerts
(
    project_id LowCardinality(String),
    time DateTime64(9, 'UTC'),
    alert_id String,
    trace_id String,
    span_id String,
    conversation String,
    service_name LowCardinality(String),
    agent LowCardinality(String),
    rule_name LowCardinality(String),
    rule_version LowCardinality(String),
    category LowCardinality(String),
    severity LowCardinality(String),
    score UInt8,
    description String,
    field LowCardinality(String),
    evidence String,
    attributes Map(LowCardinality(String), String),
    status LowCardinality(String) DEFAULT 'OPEN',
    version UInt64,
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (project_id, toStartOfHour(time), rule_name, trace_id, span_id, alert_id)
SETTINGS
    non_replicated_deduplication_window = 10000,
    ttl_only_drop_parts = 1
