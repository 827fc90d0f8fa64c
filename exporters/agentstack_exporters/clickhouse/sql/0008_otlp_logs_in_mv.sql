-- OTLP log records that belong to GenAI telemetry: their event name (or, from emitters older than
-- LogRecord.event_name, the attribute) starts with gen_ai. Other log records are not stored.
CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_logs_in_mv TO genai_events AS
WITH
    (v -> multiIf(
        isNotNull(v.string_value), toJSONString(assumeNotNull(v.string_value)),
        isNotNull(v.int_value), assumeNotNull(v.int_value),
        isNotNull(v.double_value) AND position(assumeNotNull(v.double_value), 'n') > 0,
        concat('"', assumeNotNull(v.double_value), '"'),
        isNotNull(v.double_value), assumeNotNull(v.double_value),
        isNotNull(v.bool_value), assumeNotNull(v.bool_value),
        isNotNull(v.bytes_value), concat('"', base64Encode(assumeNotNull(v.bytes_value)), '"'),
        throwIf(isNotNull(v.array_value) OR isNotNull(v.kvlist_value), 'AnyValue nests too deep') = 0,
        'null', '')) AS scalar_json,
    (v -> coalesce(
        v.string_value, v.int_value, v.double_value, v.bool_value,
        if(notEmpty(v.array_value), concat(
            '[', arrayStringConcat(arrayMap(x -> scalar_json(x), arrayFlatten(v.array_value.values)), ','), ']'), NULL),
        base64Encode(v.bytes_value),
        if(throwIf(isNotNull(v.kvlist_value), 'AnyValue nests too deep') = 0, '', ''))) AS text,
    (kvs -> mapFromArrays(kvs.key, arrayMap(v -> text(v), kvs.value))) AS to_map,
    (ns -> fromUnixTimestamp64Nano(toInt64(least(ns, 9223372036854775807)), 'UTC')) AS to_time,
    (ns -> fromUnixTimestamp64Milli(toInt64(intDiv(ns, 1000000)), 'UTC')) AS to_millis
SELECT
    project_id, time, trace_id, span_id, event_name, severity, body, attributes, service_name,
    resource_attributes, scope_name, ingested_at
FROM
(
    SELECT
        project AS project_id,
        to_time(if(l.time_unix_nano = 0, l.observed_time_unix_nano, l.time_unix_nano)) AS time,
        if(l.trace_id = repeat('\0', length(l.trace_id)), '', lower(hex(l.trace_id))) AS trace_id,
        if(l.span_id = repeat('\0', length(l.span_id)), '', lower(hex(l.span_id))) AS span_id,
        to_map(l.attributes) AS attributes,
        if(l.event_name != '', l.event_name, attributes['event.name']) AS event_name,
        if(l.severity_text != '', l.severity_text,
            if(l.severity_number BETWEEN 1 AND 24,
                ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'][intDiv(l.severity_number - 1, 4) + 1], '')) AS severity,
        text(l.body) AS body,
        resource_attributes['service.name'] AS service_name,
        resource_attributes,
        scope_name,
        to_millis(received_at) AS ingested_at
    FROM
    (
        SELECT
            project,
            received_at,
            resource_attributes,
            sl.scope.name AS scope_name,
            arrayJoin(sl.log_records) AS l
        FROM
        (
            SELECT
                project,
                received_at,
                to_map(rl.resource.attributes) AS resource_attributes,
                arrayJoin(rl.scope_logs) AS sl
            FROM (SELECT project, received_at, arrayJoin(resource_logs) AS rl FROM otlp_logs_in)
        )
    )
)
WHERE startsWith(event_name, 'gen_ai.')
