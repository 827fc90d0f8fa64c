-- Limits on spending. `scope` says whose: dimension to value, empty for everything of the project
-- (and every project where that is empty too).
CREATE TABLE IF NOT EXISTS budgets
(
    name String,
    project_id String,
    scope Map(String, String),
    amount Decimal(38, 12),
    period LowCardinality(String),
    thresholds Array(Float64),
    created_at DateTime64(3, 'UTC'),
    removed Bool,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (project_id, name)
SETTINGS non_replicated_deduplication_window = 1000
