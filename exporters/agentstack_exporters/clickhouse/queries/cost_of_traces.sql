-- SPDX-License-Identifier: Apache-2.0
-- What each of a few traces cost. Parameters: those of cost_rows; ids Array(String).
SELECT
    trace_id,
    count() AS calls,
    countIf(total_cost IS NULL) AS unpriced,
    countIf(estimated AND total_cost IS NOT NULL) AS estimates,
    arraySort(groupUniqArrayIf(toString(cost_status), total_cost IS NULL)) AS reasons,
    sum(total_cost) AS cost
FROM cost_rows
WHERE has({ids:Array(String)}, trace_id)
GROUP BY trace_id
