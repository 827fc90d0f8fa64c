-- What each use of a model used and cost. Money is NULL where it is not known, and `cost_status`
-- says why. It is Decimal with 24 places, so that no digit of any price is lost, and is summed with
-- FINAL from here, never in a view, because a view would count a span that arrives twice twice.
-- `generation` 0 is what the worker wrote; re-pricing writes the same spans under another one, which
-- nobody sees before it is published in cost_generations.
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
    cache_write_tokens UInt64,
    reasoning_tokens UInt64,
    audio_tokens UInt64,
    prompt_cost Nullable(Decimal(38, 24)),
    completion_cost Nullable(Decimal(38, 24)),
    cached_cost Nullable(Decimal(38, 24)),
    cache_write_cost Nullable(Decimal(38, 24)),
    total_cost Nullable(Decimal(38, 24)),
    currency LowCardinality(String) DEFAULT 'USD',
    cost_status LowCardinality(String),
    priced_as LowCardinality(String),
    call_context LowCardinality(String),
    estimated Bool,
    price_version LowCardinality(String),
    generation UInt64,
    version UInt64,
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.01) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(version)
PARTITION BY toYYYYMM(time)
ORDER BY (project_id, toStartOfHour(time), trace_id, span_id, generation)
SETTINGS
    non_replicated_deduplication_window = 10000,
    ttl_only_drop_parts = 1
