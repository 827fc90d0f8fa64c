-- SPDX-License-Identifier: Apache-2.0
-- The time a few traces cover. Parameters: ids Array(String).
SELECT
    toUnixTimestamp64Nano(min(start_time)) AS first_ns,
    toUnixTimestamp64Nano(max(end_time)) AS last_ns,
    count() AS known
FROM spans_trace_id_ts
WHERE trace_id IN ({ids:Array(String)})
