# SPDX-License-Identifier: Apache-2.0
"""OTLP requests for tests, good and bad, as protobuf and as JSON."""

from __future__ import annotations

import json
import time
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

TRACE = bytes(range(1, 17))
NS = 1_000_000_000


def span_id(number: int) -> bytes:
    return (number + 1).to_bytes(8, "big")


def trace_request(count: int = 3, **changes: Any) -> ExportTraceServiceRequest:
    """A request of `count` good spans; `changes` are fields of the first one."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    spans = resource.scope_spans.add().spans
    now = time.time_ns()
    for number in range(count):
        span = spans.add(
            trace_id=TRACE,
            span_id=span_id(number),
            name=f"step {number}",
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1_000_000,
        )
        span.attributes.add(key="gen_ai.request.model").value.string_value = "demo"
    for name, value in changes.items():
        setattr(spans[0], name, value)
    return request


def spans_of(payload: bytes) -> list[Any]:
    """Every span in a serialised request."""
    request = ExportTraceServiceRequest.FromString(payload)
    return [
        span
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def log_request(*event_names: str) -> ExportLogsServiceRequest:
    """One log record for each event name; the body is a map, as GenAI events have it."""
    request = ExportLogsServiceRequest()
    records = request.resource_logs.add().scope_logs.add().log_records
    for name in event_names:
        record = records.add(event_name=name, time_unix_nano=time.time_ns())
        member = record.body.kvlist_value.values.add(key="role")
        member.value.string_value = "user"
    return request


def metric_request(points: int = 2) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="tokens")
    for number in range(points):
        metric.sum.data_points.add(as_int=number)
    return request


def json_span(**changes: Any) -> dict[str, Any]:
    """A good span as OTLP/JSON."""
    now = time.time_ns()
    return {
        "traceId": TRACE.hex(),
        "spanId": span_id(0).hex(),
        "name": "step",
        "startTimeUnixNano": str(now),
        "endTimeUnixNano": str(now + 1_000_000),
    } | changes


def json_traces(*spans: Any) -> bytes:
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}).encode()
