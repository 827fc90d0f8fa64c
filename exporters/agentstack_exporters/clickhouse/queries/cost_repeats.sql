-- SPDX-License-Identifier: Apache-2.0
-- Spans of a few traces that do not count in sums.
-- Parameters: ids Array(String); first Int64 (ns; none of their uses started before).
SELECT project_id, trace_id, span_id
FROM cost_repeats FINAL
WHERE has({ids:Array(String)}, trace_id)
    AND toStartOfHour(time) >= toStartOfHour(fromUnixTimestamp64Nano({first:Int64}, 'UTC'))
    AND repeated
