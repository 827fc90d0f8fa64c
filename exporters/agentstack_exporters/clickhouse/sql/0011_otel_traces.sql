-- The same spans under the names of the OpenTelemetry Collector's ClickHouse exporter, for Grafana's
-- ClickHouse datasource and everything else that was written against that schema.
CREATE VIEW IF NOT EXISTS otel_traces AS
SELECT
    start_time AS Timestamp,
    trace_id AS TraceId,
    span_id AS SpanId,
    parent_span_id AS ParentSpanId,
    trace_state AS TraceState,
    name AS SpanName,
    transform(kind,
        ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'],
        ['Internal', 'Server', 'Client', 'Producer', 'Consumer'], 'Unspecified') AS SpanKind,
    service_name AS ServiceName,
    resource_attributes AS ResourceAttributes,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    attributes AS SpanAttributes,
    toUInt64(if(end_time > start_time, toUnixTimestamp64Nano(end_time) - toUnixTimestamp64Nano(start_time), 0)) AS Duration,
    transform(status, ['OK', 'ERROR'], ['Ok', 'Error'], 'Unset') AS StatusCode,
    status_message AS StatusMessage,
    events.time AS `Events.Timestamp`,
    events.name AS `Events.Name`,
    events.attributes AS `Events.Attributes`,
    links.trace_id AS `Links.TraceId`,
    links.span_id AS `Links.SpanId`,
    links.trace_state AS `Links.TraceState`,
    links.attributes AS `Links.Attributes`,
    project_id AS ProjectId
FROM spans FINAL
