-- SPDX-License-Identifier: Apache-2.0
-- One row for each of a few traces, newest first. Tokens: agents and workflows repeat those of the
-- calls inside them, so they count only where no call reports any (as in query/span.py).
-- Parameters: project String; ids Array(String); first Int64 (ns; no span of theirs starts before).
SELECT
    trace_id,
    if(roots > 0, root.1, earliest.1) AS name,
    if(roots > 0, root.2, earliest.2) AS service,
    if(roots > 0, root.3, earliest.3) AS status,
    started AS start_time,
    toUnixTimestamp64Nano(started) AS start_ns,
    (toUnixTimestamp64Nano(finished) - toUnixTimestamp64Nano(started)) / 1000000 AS duration_ms,
    span_count,
    errors,
    models,
    if(calls_in + calls_out > 0, calls_in, container_tokens.1) AS input_tokens,
    if(calls_in + calls_out > 0, calls_out, container_tokens.2) AS output_tokens,
    agent,
    conversation
FROM (
    SELECT
        trace_id,
        min(start_time) AS started,
        max(greatest(end_time, start_time)) AS finished,
        count() AS span_count,
        countIf(span.status = 'ERROR') AS errors,
        countIf(parent_span_id = '') AS roots,
        argMinIf((span.name, service_name, span.status), start_time, parent_span_id = '') AS root,
        argMin((span.name, service_name, span.status), start_time) AS earliest,
        arraySort(groupUniqArrayIf(model, model != '')) AS models,
        sumIf(span.input_tokens, NOT is_container) AS calls_in,
        sumIf(span.output_tokens, NOT is_container) AS calls_out,
        argMaxIf(
            (span.input_tokens, span.output_tokens),
            span.input_tokens + span.output_tokens,
            is_container
        ) AS container_tokens,
        anyIf(span.agent, span.agent != '') AS agent,
        anyIf(span.conversation, span.conversation != '') AS conversation
    FROM (
        SELECT
            *, operation IN ('invoke_agent', 'create_agent', 'invoke_workflow') AS is_container
        FROM spans FINAL
        WHERE ({project:String} = '' OR project_id = {project:String})
            AND toStartOfTenMinutes(start_time)
                >= toStartOfTenMinutes(fromUnixTimestamp64Nano({first:Int64}, 'UTC'))
            AND has({ids:Array(String)}, trace_id)
    ) AS span
    GROUP BY trace_id
)
ORDER BY start_ns DESC, trace_id
