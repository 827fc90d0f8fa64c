-- SPDX-License-Identifier: Apache-2.0
-- Spans as pricing reads them: where they hang, their columns, and the attributes named in `wanted`.
-- Either whole traces (`ids`; times are then their bounds), or a stretch of time with uses only.
-- Parameters: project String; ids, wanted Array(String); first, last Int64 (ns; last is left out);
-- uses Bool (only spans with tokens, or of the operations in `calls`); calls Array(String);
-- most UInt32 (of one trace, the first ones).
SELECT
    project_id, trace_id, span_id, parent_span_id, service_name, scope_name, status,
    operation, provider, model, agent, conversation,
    input_tokens, output_tokens, cached_tokens, reasoning_tokens,
    toUnixTimestamp64Nano(start_time) AS start_ns,
    toUnixTimestamp64Nano(end_time) AS end_ns,
    toUnixTimestamp64Milli(ingested_at) AS ingested_ms,
    mapFilter((k, v) -> has({wanted:Array(String)}, k), attributes) AS texts
FROM spans FINAL
WHERE ({project:String} = '' OR project_id = {project:String})
    AND (empty({ids:Array(String)}) OR has({ids:Array(String)}, trace_id))
    AND toStartOfTenMinutes(start_time)
        >= toStartOfTenMinutes(fromUnixTimestamp64Nano({first:Int64}, 'UTC'))
    AND start_time >= fromUnixTimestamp64Nano({first:Int64}, 'UTC')
    AND start_time < fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    AND (
        NOT {uses:Bool}
        OR input_tokens + output_tokens + cached_tokens > 0
        OR has({calls:Array(String)}, operation)
        OR hasAny(mapKeys(attributes), {details:Array(String)})
    )
ORDER BY trace_id, start_time, span_id
LIMIT {most:UInt32} BY project_id, trace_id
