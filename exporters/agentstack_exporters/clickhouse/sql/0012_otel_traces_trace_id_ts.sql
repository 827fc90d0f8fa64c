-- Companion of `otel_traces`: Grafana narrows a trace's time range here before it reads the spans.
CREATE VIEW IF NOT EXISTS otel_traces_trace_id_ts AS
SELECT
    trace_id AS TraceId,
    min(start_time) AS Start,
    max(end_time) AS End,
    project_id AS ProjectId
FROM spans_trace_id_ts
GROUP BY trace_id, project_id
