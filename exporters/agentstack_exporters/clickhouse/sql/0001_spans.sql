-- Every span, one row per (project, trace, span): a span that arrives twice is replaced, and reads
-- of single traces say FINAL. Ten-minute buckets before the trace id keep both "recent traces" and
-- "this trace" short ranges of the primary key.
CREATE TABLE IF NOT EXISTS spans
(
    project_id LowCardinality(String),
    trace_id String,
    span_id String,
    parent_span_id String,
    trace_state String,
    flags UInt32,
    name LowCardinality(String),
    kind LowCardinality(String),
    service_name LowCardinality(String),
    status LowCardinality(String),
    status_message String,
    start_time DateTime64(9, 'UTC'),
    end_time DateTime64(9, 'UTC'),
    duration_ms Float64,
    attributes Map(LowCardinality(String), String),
    resource_attributes Map(LowCardinality(String), String),
    scope_name LowCardinality(String),
    scope_version LowCardinality(String),
    scope_attributes Map(LowCardinality(String), String),
    events Array(Tuple(time DateTime64(9, 'UTC'), name String, attributes Map(String, String))),
    links Array(Tuple(trace_id String, span_id String, trace_state String, attributes Map(String, String))),
    dropped_attributes UInt32,
    dropped_events UInt32,
    dropped_links UInt32,
    operation LowCardinality(String),
    provider LowCardinality(String),
    model LowCardinality(String),
    agent LowCardinality(String),
    tool LowCardinality(String),
    conversation String,
    input_tokens UInt64,
    output_tokens UInt64,
    cached_tokens UInt64,
    reasoning_tokens UInt64,
    ingested_at DateTime64(3, 'UTC'),
    input String ALIAS if(attributes['gen_ai.input.messages'] != '', attributes['gen_ai.input.messages'], if(attributes['gen_ai.tool.call.arguments'] != '', attributes['gen_ai.tool.call.arguments'], if(attributes['gen_ai.retrieval.query.text'] != '', attributes['gen_ai.retrieval.query.text'], if(attributes['gen_ai.prompt'] != '', attributes['gen_ai.prompt'], if(attributes['input.value'] != '', attributes['input.value'], if(attributes['traceloop.entity.input'] != '', attributes['traceloop.entity.input'], if(attributes['gen_ai.task.input'] != '', attributes['gen_ai.task.input'], if(attributes['ai.prompt.messages'] != '', attributes['ai.prompt.messages'], if(attributes['ai.prompt'] != '', attributes['ai.prompt'], if(attributes['ai.toolCall.args'] != '', attributes['ai.toolCall.args'], if(attributes['tool_arguments'] != '', attributes['tool_arguments'], if(attributes['gcp.vertex.agent.llm_request'] != '', attributes['gcp.vertex.agent.llm_request'], attributes['gcp.vertex.agent.tool_call_args'])))))))))))),
    output String ALIAS if(attributes['gen_ai.output.messages'] != '', attributes['gen_ai.output.messages'], if(attributes['gen_ai.tool.call.result'] != '', attributes['gen_ai.tool.call.result'], if(attributes['gen_ai.retrieval.documents'] != '', attributes['gen_ai.retrieval.documents'], if(attributes['gen_ai.completion'] != '', attributes['gen_ai.completion'], if(attributes['output.value'] != '', attributes['output.value'], if(attributes['traceloop.entity.output'] != '', attributes['traceloop.entity.output'], if(attributes['gen_ai.task.output'] != '', attributes['gen_ai.task.output'], if(attributes['ai.response.text'] != '', attributes['ai.response.text'], if(attributes['ai.response.object'] != '', attributes['ai.response.object'], if(attributes['ai.response.toolCalls'] != '', attributes['ai.response.toolCalls'], if(attributes['ai.toolCall.result'] != '', attributes['ai.toolCall.result'], if(attributes['tool_response'] != '', attributes['tool_response'], if(attributes['gcp.vertex.agent.llm_response'] != '', attributes['gcp.vertex.agent.llm_response'], attributes['gcp.vertex.agent.tool_response']))))))))))))),
    INDEX trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX conversation_bloom conversation TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = ReplacingMergeTree(ingested_at)
PARTITION BY toDate(start_time)
PRIMARY KEY (project_id, toStartOfTenMinutes(start_time), trace_id)
ORDER BY (project_id, toStartOfTenMinutes(start_time), trace_id, span_id)
SETTINGS
    index_granularity = 2048, -- one trace is read at a time, and rows are a kilobyte
    non_replicated_deduplication_window = 10000,
    ttl_only_drop_parts = 1,
    min_bytes_for_wide_part = 268435456
