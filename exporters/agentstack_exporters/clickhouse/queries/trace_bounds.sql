-- SPDX-License-Identifier: Apache-2.0
-- When the earliest span of a few traces started, from the small helper table.
-- Parameters: ids Array(String).
SELECT toUnixTimestamp64Nano(min(start_time)) AS first_ns
FROM spans_trace_id_ts
WHERE trace_id IN ({ids:Array(String)})
