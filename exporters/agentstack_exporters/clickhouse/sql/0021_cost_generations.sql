-- Re-pricings. Rows of a generation are seen from the moment on in which it is published, all at
-- once; of two for one span the later generation is seen.
CREATE TABLE IF NOT EXISTS cost_generations
(
    generation UInt64,
    project_id LowCardinality(String),
    since DateTime64(9, 'UTC'),
    until DateTime64(9, 'UTC'),
    price_version String,
    published Bool,
    version UInt64
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (generation)
SETTINGS non_replicated_deduplication_window = 1000
