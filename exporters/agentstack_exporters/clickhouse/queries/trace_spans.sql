-- SPDX-License-Identifier: Apache-2.0
-- All spans of one trace. The helper table says when the trace was, which turns the sort key into
-- a range; FINAL then merges the few rows that are left. A trace that is being stored this moment
-- may not be in the helper yet: then there is no range, and the bloom filter on trace_id has to do.
-- Parameters: project String, trace_id String (32 lower-case hex digits).
SELECT
    project_id, trace_id, span_id, parent_span_id, name, kind, service_name,
    status, status_message, start_time, end_time, duration_ms,
    operation, provider, model, agent, tool, conversation,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens,
    attributes, resource_attributes, scope_name, scope_version,
    events, links,
    toUnixTimestamp64Nano(start_time) AS start_ns,
    toUnixTimestamp64Nano(end_time) AS end_ns,
    arrayMap(event -> toUnixTimestamp64Nano(event.1), events) AS event_ns
FROM spans FINAL
WHERE ({project:String} = '' OR project_id = {project:String})
    AND trace_id = {trace_id:String}
    AND toStartOfTenMinutes(start_time) >= (
        SELECT toStartOfTenMinutes(min(start_time)) FROM spans_trace_id_ts
        WHERE trace_id = {trace_id:String}
    )
    AND toStartOfTenMinutes(start_time) <= (
        SELECT if(count() = 0, toDateTime('2106-01-01', 'UTC'), toStartOfTenMinutes(max(end_time)))
        FROM spans_trace_id_ts
        WHERE trace_id = {trace_id:String}
    )
ORDER BY start_time, span_id
