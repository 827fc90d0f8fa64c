-- SPDX-License-Identifier: Apache-2.0
-- Traces that were at work before a moment: those a new detection process has to catch up on when
-- more of them arrives.
-- Parameters: since, before Int64 (ms since the epoch, of arrival; before excluded); limit UInt32.
SELECT project_id, trace_id
FROM spans
WHERE ingested_at < fromUnixTimestamp64Milli({before:Int64}, 'UTC')
    AND ingested_at >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
    AND start_time >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') -- reads few partitions
GROUP BY project_id, trace_id
ORDER BY max(ingested_at) DESC, trace_id
LIMIT {limit:UInt32}
