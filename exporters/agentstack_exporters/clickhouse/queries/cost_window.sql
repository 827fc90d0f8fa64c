-- SPDX-License-Identifier: Apache-2.0
-- When the use after the next `most` started: where a stretch of that size ends.
-- Parameters: project String; first, last Int64 (ns; last is left out); most UInt32;
-- calls, details Array(String) (as in cost_spans).
SELECT toUnixTimestamp64Nano(start_time) AS at_ns
FROM spans
WHERE ({project:String} = '' OR project_id = {project:String})
    AND toStartOfTenMinutes(start_time)
        >= toStartOfTenMinutes(fromUnixTimestamp64Nano({first:Int64}, 'UTC'))
    AND start_time >= fromUnixTimestamp64Nano({first:Int64}, 'UTC')
    AND start_time < fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    AND (
        input_tokens + output_tokens + cached_tokens > 0
        OR has({calls:Array(String)}, operation)
        OR hasAny(mapKeys(attributes), {details:Array(String)})
    )
ORDER BY start_time
LIMIT 1 OFFSET {most:UInt32}
