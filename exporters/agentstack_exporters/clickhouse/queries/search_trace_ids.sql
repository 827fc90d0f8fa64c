-- SPDX-License-Identifier: Apache-2.0
-- Ids of the newest traces with a span that contains a text (any case) in its name, its status
-- message or any attribute value, its own or an event's.
-- Parameters: project, text String; since Int64 (ns); limit UInt32.
SELECT trace_id
FROM spans
WHERE ({project:String} = '' OR project_id = {project:String})
    AND start_time >= fromUnixTimestamp64Nano({since:Int64}, 'UTC')
    AND (
        positionCaseInsensitiveUTF8(name, {text:String}) > 0
        OR positionCaseInsensitiveUTF8(status_message, {text:String}) > 0
        OR arrayExists(
            value -> positionCaseInsensitiveUTF8(value, {text:String}) > 0, mapValues(attributes)
        )
        OR arrayExists(
            event -> arrayExists(
                value -> positionCaseInsensitiveUTF8(value, {text:String}) > 0, mapValues(event.3)
            ),
            events
        )
    )
GROUP BY trace_id
ORDER BY max(start_time) DESC, trace_id
LIMIT {limit:UInt32}
