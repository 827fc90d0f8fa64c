-- What each model call used and cost. Money is Decimal and summed with FINAL from here, never in a
-- view, because a view would count a span that arrives twice twice. Re-pricing writes a new version.
CREATE TABLE IF NOT EXISTS cost_metrics
(
    project_id LowCardinality(String),
    time DateTime64(9, 'UTC'),
    trace_id String,
    span_id String,
    conversation String,
    user_id String,
    service_name LowCardinality(String),
    agent LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    operation LowCardinality(String),
    prompt_tokens UInt64,
    completion_tokens UInt64,
    cached_tokens UInt64,
    reasoning_tokens UInt64,
    prompt_cost Decimal(18, 12),
    completion_cost Decimal(18, 12),
    cached_cost Decimal(18, 12),
    reasoning_cost Decimal(18, 12),
    total_cost Decimal(18, 12),
    currency LowCardinality(String) DEFAULT 'USD',
    price_version LowCardinality(String),
    estimated Bool,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (project_id, toStartOfHour(time), model, trace_id, span_id)
SETTINGS
    non_replicated_deduplication_window = 10000,
    ttl_only_drop_parts = 1
