# SPDX-License-Identifier: Apache-2.0
"""OTLP requests as they lie in the log: built span by span, stamped with a project of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from agentstack_processors.otlp.stamp import stamp
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def fresh_project() -> str:
    """A tenant no other test uses, so that tests may share one store."""
    return f"project-{os.urandom(6).hex()}"


def any_value(value: Any) -> AnyValue:
    """None, str, bool, int, float, bytes or a list of these as AnyValue."""
    made = AnyValue()
    if isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, int):
        made.int_value = value
    elif isinstance(value, float):
        made.double_value = value
    elif isinstance(value, bytes):
        made.bytes_value = value
    elif isinstance(value, list):
        made.array_value.SetInParent()
        made.array_value.values.extend(any_value(item) for item in value)
    return made


def put(holder: Any, attributes: Mapping[str, Any] | list[tuple[str, Any]]) -> None:
    """Append attributes to a span, resource, scope, event, link or log record."""
    pairs = attributes.items() if isinstance(attributes, Mapping) else attributes
    for key, value in pairs:
        pair = holder.attributes.add()
        pair.key = key
        pair.value.CopyFrom(any_value(value))


class TraceRequest:
    """One resource, one scope, as many spans as are added."""

    def __init__(self, service: str = "test-agent", project: str = "") -> None:
        self.project = project or fresh_project()
        self.message = ExportTraceServiceRequest()
        resource_spans = self.message.resource_spans.add()
        put(resource_spans.resource, {"service.name": service})
        self.resource = resource_spans.resource
        self.scope_spans = resource_spans.scope_spans.add()
        self.scope_spans.scope.name = "tests"

    def span(
        self,
        name: str = "step",
        attributes: Mapping[str, Any] | list[tuple[str, Any]] = (),  # type: ignore[assignment]  # an empty list is neither
        *,
        trace_id: bytes = b"",
        span_id: bytes = b"",
        parent: bytes = b"",
        start: int = 0,
        end: int | None = None,
    ) -> Span:
        """Add a span; ids are fresh and the time is now unless given (nanoseconds)."""
        span = self.scope_spans.spans.add(name=name, parent_span_id=parent)
        span.trace_id = trace_id or os.urandom(16)
        span.span_id = span_id or os.urandom(8)
        span.start_time_unix_nano = start or time.time_ns()
        span.end_time_unix_nano = span.start_time_unix_nano + 1_500_000 if end is None else end
        put(span, attributes or {})
        return span

    def bytes(self, received_at: int = 0) -> bytes:
        """As the gateway leaves it in the log."""
        payload = self.message.SerializeToString()
        return stamp(payload, self.project, received_at or time.time_ns())


def log_request(
    project: str, event_name: str, attributes: Mapping[str, Any], body: Any = None
) -> bytes:
    """A request of one log record, as the gateway leaves it in the log."""
    request = ExportLogsServiceRequest()
    resource_logs = request.resource_logs.add()
    put(resource_logs.resource, {"service.name": "test-agent"})
    scope_logs = resource_logs.scope_logs.add()
    scope_logs.scope.name = "tests"
    record = scope_logs.log_records.add(event_name=event_name, severity_number=9)
    record.time_unix_nano = time.time_ns()
    record.trace_id, record.span_id = os.urandom(16), os.urandom(8)
    record.body.CopyFrom(any_value(body))
    put(record, attributes)
    return stamp(request.SerializeToString(), project, time.time_ns())
