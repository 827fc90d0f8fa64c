-- SPDX-License-Identifier: Apache-2.0
-- What each use in one trace cost, at the prices in force; `repeated` ones do not count in sums.
-- Parameters: project, trace String; first, last Int64 (ns; last is left out).
SELECT
    span_id, total_cost AS cost, currency, cost_status, priced_as, estimated, price_version,
    (project_id, span_id) IN (
        SELECT project_id, span_id
        FROM cost_places FINAL
        ARRAY JOIN span_ids AS span_id, repeated AS is_so
        WHERE trace_id = {trace:String} AND is_so
    ) AS is_repeated
FROM cost_metrics FINAL
WHERE ({project:String} = '' OR project_id = {project:String})
    AND trace_id = {trace:String}
    AND time >= fromUnixTimestamp64Nano({first:Int64}, 'UTC')
    AND time < fromUnixTimestamp64Nano({last:Int64}, 'UTC')
    AND (
        generation = 0
        OR generation IN (SELECT generation FROM cost_generations FINAL WHERE published)
    )
ORDER BY generation DESC
LIMIT 1 BY project_id, span_id
