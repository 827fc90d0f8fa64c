-- SPDX-License-Identifier: Apache-2.0
-- What counts: each use once, at the prices in force, without those that tell usage again, with the
-- agent, conversation and user that its own span or one above it names. Other cost queries read FROM
-- this.
-- Parameters: project String; first, last Int64 (ns; last is left out); trace String ('' for all).
SELECT
    use.* EXCEPT (agent, conversation, user_id),
    if(use.agent != '', toString(use.agent), toString(place.agent)) AS agent,
    if(use.conversation != '', use.conversation, place.conversation) AS conversation,
    if(use.user_id != '', use.user_id, place.user_id) AS user_id
FROM (
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
    ORDER BY generation DESC
    LIMIT 1 BY project_id, trace_id, span_id
) AS use
LEFT ANY JOIN (
    SELECT
        project_id, trace_id, span_id, is_repeated AS repeated,
        said_agent AS agent, said_conversation AS conversation, said_user AS user_id
    FROM cost_places FINAL
    ARRAY JOIN
        span_ids AS span_id, repeated AS is_repeated,
        agents AS said_agent, conversations AS said_conversation, users AS said_user
    WHERE ({project:String} = '' OR project_id = {project:String})
        AND ({trace:String} = '' OR trace_id = {trace:String})
        AND time < fromUnixTimestamp64Nano({last:Int64}, 'UTC')
) AS place USING (project_id, trace_id, span_id)
WHERE NOT place.repeated
