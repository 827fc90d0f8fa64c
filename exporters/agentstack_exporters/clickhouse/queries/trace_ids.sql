-- SPDX-License-Identifier: Apache-2.0
-- Trace ids that start with a prefix; one more than the caller will show, so that it can say so.
-- Parameters: project String, prefix String, limit UInt32.
SELECT DISTINCT trace_id
FROM spans_trace_id_ts
WHERE ({project:String} = '' OR project_id = {project:String})
    AND trace_id >= {prefix:String} AND trace_id < concat({prefix:String}, 'g')
ORDER BY trace_id
LIMIT {limit:UInt32}
