-- SPDX-License-Identifier: Apache-2.0
-- What counts: each use once, at the prices in force, without those that tell usage again. Other
-- cost queries read FROM this.
-- Parameters: project String; first, last Int64 (ns; last is left out); trace String ('' for all).
SELECT *
FROM cost_metrics FINAL
WHERE ({project:String} = '' OR project_id = {project:String})
    AND ({trace:String} = '' OR trace_id = {trace:String})
    AND time >= fromUnixTimestamp64Nano({first:Int64}, 'UTC')
    AND time < fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    AND (
        generation = 0
        OR generation IN (SELECT generation FROM cost_generations FINAL WHERE published)
    )
    AND (project_id, trace_id, span_id) NOT IN (
        SELECT project_id, trace_id, span_id
        FROM cost_repeats FINAL
        WHERE repeated
            AND ({project:String} = '' OR project_id = {project:String})
            AND ({trace:String} = '' OR trace_id = {trace:String})
            AND time >= fromUnixTimestamp64Nano({first:Int64}, 'UTC')
            AND time < fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    )
ORDER BY generation DESC
LIMIT 1 BY project_id, trace_id, span_id
