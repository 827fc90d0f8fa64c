-- What an ExportTraceServiceRequest looks like to the Protobuf reader: rows go straight to the view.
-- A union's members are Nullable, so that 0, '' and false differ from absent, and String, because
-- the reader then prints numbers itself, which costs half of doing it in SQL. `array_value` is read
-- as repeated (the same bytes), so that an empty array differs from none. AnyValue is recursive and
-- this structure cannot be: what nests deeper is bytes here, and the view refuses it.
CREATE TABLE IF NOT EXISTS otlp_in
(
    resource_spans Array(Tuple(
        resource Tuple(attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Array(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Nullable(String))))))))),
        scope_spans Array(Tuple(
            scope Tuple(name String, version String, attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Array(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Nullable(String))))))))),
            spans Array(Tuple(
                trace_id String,
                span_id String,
                trace_state String,
                parent_span_id String,
                flags UInt32,
                name String,
                kind Int32,
                start_time_unix_nano UInt64,
                end_time_unix_nano UInt64,
                attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Array(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Nullable(String)))))))),
                dropped_attributes_count UInt32,
                events Array(Tuple(time_unix_nano UInt64, name String, attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Array(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Nullable(String)))))))))),
                dropped_events_count UInt32,
                links Array(Tuple(trace_id String, span_id String, trace_state String, attributes Array(Tuple(key String, value Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Array(Tuple(values Array(Tuple(string_value Nullable(String), bool_value Nullable(String), int_value Nullable(String), double_value Nullable(String), kvlist_value Nullable(String), bytes_value Nullable(String), array_value Nullable(String)))))))))),
                dropped_links_count UInt32,
                status Tuple(message String, code Int32)
            ))
        ))
    )),
    project String,
    received_at UInt64
)
ENGINE = Null
