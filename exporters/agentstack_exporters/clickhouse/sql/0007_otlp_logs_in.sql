-- An ExportLogsServiceRequest, read as `otlp_in` reads traces.
CREATE TABLE IF NOT EXISTS otlp_logs_in
(
    resource_logs Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Array(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Nullable(String))))))))),
        scope_logs Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Array(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Nullable(String))))))))),
            log_records Array(Tuple(
                time_unix_nano UInt64,
                observed_time_unix_nano UInt64,
                severity_number Int32,
                severity_text String,
                body Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Array(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Nullable(String)))))),
                attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Array(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Nullable(String)))))))),
                trace_id String,
                span_id String,
                event_name String
            ))
        ))
    )),
    project String,
    received_at UInt64
)
ENGINE = Null
