# SPDX-License-Identifier: Apache-2.0
"""The other two signals from stock Python exporters: GenAI events are stored, metrics are declined
in the protocol's own words (a client that is answered with an error would send for ever)."""

from __future__ import annotations

import logging
import secrets
import time
from typing import Any

import pytest
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.exporter.otlp.proto.grpc import _log_exporter as grpc_logs
from opentelemetry.exporter.otlp.proto.grpc import metric_exporter as grpc_metrics
from opentelemetry.exporter.otlp.proto.http import _log_exporter as http_logs
from opentelemetry.exporter.otlp.proto.http import metric_exporter as http_metrics
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, set_span_in_context

from tests.services.up import Up

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

TRANSPORTS = ["grpc", "http"]


def _logs(transport: str, server: Up) -> Any:
    if transport == "grpc":
        return grpc_logs.OTLPLogExporter(endpoint=server.grpc, insecure=True)
    return http_logs.OTLPLogExporter(endpoint=f"http://{server.http}/v1/logs")


def _metrics(transport: str, server: Up) -> Any:
    if transport == "grpc":
        return grpc_metrics.OTLPMetricExporter(endpoint=server.grpc, insecure=True)
    return http_metrics.OTLPMetricExporter(endpoint=f"http://{server.http}/v1/metrics")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_genai_event_is_stored_beside_its_span_and_other_log_lines_are_not(
    transport: str, server: Up, caplog: pytest.LogCaptureFixture
) -> None:
    trace_id = secrets.token_hex(16)
    provider = LoggerProvider(Resource({"service.name": "event-agent"}))
    provider.add_log_record_processor(SimpleLogRecordProcessor(_logs(transport, server)))
    logger = provider.get_logger("stock")
    now = time.time_ns()
    span = SpanContext(int(trace_id, 16), 0xA1, is_remote=False)
    for name, body in (("", "an ordinary line"), ("gen_ai.evaluation.result", "relevant")):
        logger.emit(
            LogRecord(
                timestamp=now,
                context=set_span_in_context(NonRecordingSpan(span)),
                event_name=name or None,
                severity_number=SeverityNumber.INFO,
                severity_text="INFO",
                body=body,
                attributes={"gen_ai.evaluation.score.value": 0.75},
            )
        )
    provider.shutdown()
    query = (
        "SELECT event_name, span_id, severity, body, service_name, scope_name,"
        " attributes['gen_ai.evaluation.score.value'] AS score,"
        " toString(toUnixTimestamp64Nano(time)) AS at"
        f" FROM genai_events FINAL WHERE trace_id = '{trace_id}'"
    )
    deadline = time.monotonic() + 20
    while not (rows := server.sql(query)):
        assert time.monotonic() < deadline, server.said()
    assert rows == [
        {
            "event_name": "gen_ai.evaluation.result",
            "span_id": "00000000000000a1",
            "severity": "INFO",
            "body": "relevant",
            "service_name": "event-agent",
            "scope_name": "stock",
            "score": "0.75",
            "at": str(now),
        }
    ]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_metrics_are_declined_without_an_error_the_client_would_retry(
    transport: str, server: Up, caplog: pytest.LogCaptureFixture
) -> None:
    reader = PeriodicExportingMetricReader(_metrics(transport, server), 3_600_000)
    provider = MeterProvider([reader])
    provider.get_meter("stock").create_counter("requests").add(1)
    assert provider.force_flush(10_000)
    provider.shutdown()
    failures = [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR]
    assert failures == []
