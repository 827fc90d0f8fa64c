-- SPDX-License-Identifier: Apache-2.0
-- What is known of the uses of a few traces from the rest of these traces.
-- Parameters: ids Array(String); first Int64 (ns; none of their uses started before).
SELECT project_id, trace_id, span_id, repeated, agent, conversation, user_id
FROM cost_places FINAL
WHERE has({ids:Array(String)}, trace_id)
    AND toStartOfHour(time) >= toStartOfHour(fromUnixTimestamp64Nano({first:Int64}, 'UTC'))
