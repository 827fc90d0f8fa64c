# SPDX-License-Identifier: Apache-2.0
"""Small real OTLP requests for tests of the log and of the workers."""

from __future__ import annotations

import time

from agentstack_exporters.log.protocol import Record, Signal
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def traces(*numbers: int, name: str = "step") -> bytes:
    """A request with one span per number; the number is its span id."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    now = time.time_ns()
    for number in numbers:
        scope.spans.add(
            trace_id=(1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            name=name,
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1_000_000,
        )
    return request.SerializeToString()


def logs(*numbers: int) -> bytes:
    """A request with one GenAI log record per number; the number is its span id."""
    request = ExportLogsServiceRequest()
    scope = request.resource_logs.add().scope_logs.add()
    now = time.time_ns()
    for number in numbers:
        scope.log_records.add(
            trace_id=(1).to_bytes(16, "big"),
            span_id=(number + 1).to_bytes(8, "big"),
            time_unix_nano=now,
            event_name="gen_ai.client.inference.operation.details",
        )
    return request.SerializeToString()


def record(payload: bytes, spans: int = 1, signal: Signal = "traces") -> Record:
    """The payload as the gateway would append it."""
    return Record(payload=payload, spans=spans, received_at=time.time_ns(), signal=signal)
