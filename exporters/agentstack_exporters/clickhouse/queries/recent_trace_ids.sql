-- SPDX-License-Identifier: Apache-2.0
-- Ids of the newest traces with a span since a time, and the time range they were seen in.
-- An empty filter is no filter. The status of a trace is its root's; a failed step that the run
-- recovered from does not make it an error.
-- Parameters: project, service, status, conversation String; since Int64 (ns); ids Array(String)
-- (only these, empty for all); limit UInt32.
SELECT
    trace_id,
    toUnixTimestamp64Nano(min(start_time)) AS first_ns,
    toUnixTimestamp64Nano(max(start_time)) AS last_ns
FROM spans
WHERE ({project:String} = '' OR project_id = {project:String})
    AND start_time >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
    AND (empty({ids:Array(String)}) OR has({ids:Array(String)}, trace_id))
GROUP BY trace_id
HAVING ({service:String} = '' OR countIf(service_name = {service:String}) > 0)
    AND ({conversation:String} = '' OR countIf(conversation = {conversation:String}) > 0)
    AND (
        {status:String} = ''
        OR if(
            countIf(parent_span_id = '') > 0,
            argMinIf(status, start_time, parent_span_id = ''),
            argMin(status, start_time)
        ) = {status:String}
    )
ORDER BY first_ns DESC, trace_id
LIMIT {limit:UInt32}
