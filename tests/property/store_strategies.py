# SPDX-License-Identifier: Apache-2.0
"""Requests that the gateway lets through, generated: everything the store must decode."""

from __future__ import annotations

from typing import Any

from agentstack_processors.semconv.dialects import COLUMNS, FOREIGN_KEYS
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.fakes.store_requests import any_value, put

_TEXT = st.text(max_size=12) | st.sampled_from(
    ["", "a/b", 'say "hi"\\', "\x00\x01\x1f\x7f", "\u2028\u2029", "🦜", "'); DROP", "nan", "[1,2]"]
)
_DIALECT_TEXTS = st.sampled_from(
    [
        *sorted({text for column in COLUMNS for pair in column.values.items() for text in pair}),
        *("agent", "tool", "openai.chat", "azure.openai.responses", "12", "007", "-3", "1.5"),
        *("+5", "+", "5 ", "1e3", str(2**64 - 1), str(2**64), "9" * 25, "0" * 25 + "7"),
    ]
)
_INTEGERS = st.integers(-(2**63), 2**63 - 1) | st.sampled_from(
    [0, 1, -1, 10**17, 10**18, 2**63 - 1]
)
_SCALARS = st.one_of(
    st.none(), _TEXT, st.booleans(), _INTEGERS, st.floats(width=64), st.binary(max_size=9)
)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=4)
_NATIVE = [name for column in COLUMNS for name in column.native]
_PAIRS = st.one_of(
    st.tuples(_TEXT, _VALUES),
    st.tuples(st.sampled_from(_NATIVE), _DIALECT_TEXTS | _INTEGERS | _VALUES),
    st.tuples(st.sampled_from(FOREIGN_KEYS), _DIALECT_TEXTS | _INTEGERS | _VALUES),
)
_ATTRIBUTES = st.lists(_PAIRS, max_size=6)
_NOW = 1_790_000_000_000_000_000
_TIMES = st.sampled_from([0, 1, 999, _NOW, _NOW + 1, _NOW + 3_600_000_000_123, 4 * 10**18])
_COUNTS = st.integers(0, 2**32 - 1) | st.just(0)


@st.composite
def trace_requests(draw: Any) -> ExportTraceServiceRequest:
    """One to two resources and scopes with up to four spans in all."""
    request = ExportTraceServiceRequest()
    for _ in range(draw(st.integers(1, 2))):
        resource_spans = request.resource_spans.add()
        put(resource_spans.resource, draw(_ATTRIBUTES))
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name, scope_spans.scope.version = draw(_TEXT), draw(_TEXT)
        put(scope_spans.scope, draw(_ATTRIBUTES))
        for _ in range(draw(st.integers(0, 2))):
            span = scope_spans.spans.add()
            _fill(draw, span)
            span.span_id += bytes([len(request.resource_spans), len(scope_spans.spans)])
    return request


def _fill(draw: Any, span: Any) -> None:
    span.trace_id, span.span_id = draw(_ids(16)), draw(_ids(6))  # made unique by the caller
    span.parent_span_id = draw(st.just(b"") | _ids(8))
    span.name, span.trace_state = draw(_TEXT), draw(_TEXT)
    span.kind = draw(st.integers(0, 7))
    span.flags = draw(_COUNTS)
    span.start_time_unix_nano, span.end_time_unix_nano = draw(_TIMES), draw(_TIMES)
    span.status.code, span.status.message = draw(st.integers(0, 3)), draw(_TEXT)
    span.dropped_attributes_count = draw(_COUNTS)
    span.dropped_events_count, span.dropped_links_count = draw(_COUNTS), draw(_COUNTS)
    put(span, draw(_ATTRIBUTES))
    for _ in range(draw(st.integers(0, 2))):
        put(span.events.add(name=draw(_TEXT), time_unix_nano=draw(_TIMES)), draw(_ATTRIBUTES))
    for _ in range(draw(st.integers(0, 1))):
        link = span.links.add(trace_id=draw(_ids(16)), span_id=draw(_ids(8)))
        link.trace_state = draw(_TEXT)
        put(link, draw(_ATTRIBUTES))


@st.composite
def log_requests(draw: Any) -> ExportLogsServiceRequest:
    """Up to three log records, most of them GenAI events."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    put(resource_logs.resource, draw(_ATTRIBUTES))
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = draw(_TEXT)
    for _ in range(draw(st.integers(0, 3))):
        record = scope_logs.log_records.add()
        record.time_unix_nano, record.observed_time_unix_nano = draw(_TIMES), draw(_TIMES)
        record.severity_number = draw(st.integers(0, 25))
        record.severity_text = draw(st.just("") | _TEXT)
        record.event_name = draw(st.sampled_from(["", "other", "gen_ai.choice", "gen_ai.x.y"]))
        record.trace_id = draw(_ids(16))
        record.span_id = draw(_ids(7)) + bytes([len(scope_logs.log_records)])
        record.body.CopyFrom(any_value(draw(_VALUES)))
        put(record, [*draw(_ATTRIBUTES), ("event.name", draw(st.just("gen_ai.old") | _TEXT))])
    return request


def _ids(size: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=size, max_size=size)
