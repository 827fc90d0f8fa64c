-- SPDX-License-Identifier: Apache-2.0
-- The last spans of a few traces that arrived before a moment, in the order of their arrival.
-- Parameters: ids Array(String); before Int64 (ms since the epoch, excluded); each, limit UInt32.
SELECT * FROM (
    SELECT
        project_id, trace_id, span_id, parent_span_id, name, service_name, status, status_message,
        attributes, resource_attributes, events, operation, provider, model, agent, tool,
        conversation, input_tokens, output_tokens, cached_tokens, reasoning_tokens,
        toUnixTimestamp64Nano(start_time) AS start_ns,
        toUnixTimestamp64Nano(end_time) AS end_ns,
        toUnixTimestamp64Milli(ingested_at) * 1000000 AS ingested_ns,
        arrayMap(event -> toUnixTimestamp64Nano(event.1), events) AS event_ns
    FROM spans FINAL
    WHERE trace_id IN ({ids:Array(String)})
        AND ingested_at < fromUnixTimestamp64Milli({before:Int64}, 'UTC')
        AND toStartOfTenMinutes(start_time) >= (
            SELECT toStartOfTenMinutes(min(start_time)) FROM spans_trace_id_ts
            WHERE trace_id IN ({ids:Array(String)})
        )
    ORDER BY ingested_ns DESC, end_ns DESC, span_id
    LIMIT {each:UInt32} BY project_id, trace_id
    LIMIT {limit:UInt32}
)
ORDER BY ingested_ns, end_ns, span_id
