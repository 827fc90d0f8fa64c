CREATE MATERIALIZED VIEW IF NOT EXISTS spans_trace_id_ts_mv TO spans_trace_id_ts AS
SELECT project_id, trace_id, min(s.start_time) AS start_time, max(greatest(s.start_time, s.end_time)) AS end_time
FROM spans AS s
GROUP BY project_id, trace_id
