-- SPDX-License-Identifier: Apache-2.0
-- What is known of the uses of a few traces from the rest of these traces.
-- Parameters: ids Array(String).
SELECT project_id, trace_id, span_ids, repeated, agents, conversations, users
FROM cost_places FINAL
WHERE has({ids:Array(String)}, trace_id)
