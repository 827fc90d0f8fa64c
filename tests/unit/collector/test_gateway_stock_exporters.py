# SPDX-License-Identifier: Apache-2.0
"""The exporters people already run: OpenTelemetry Python over gRPC and HTTP, unchanged."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from agentstack_processors.verdicts import Retry
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcExporter
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as HttpExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agentstack_otel.collector import auth
from tests.fakes.otlp_requests import spans_of
from tests.unit.collector.conftest import Running

Start = Callable[..., Running]


def _spans() -> tuple[ReadableSpan, ...]:
    memory = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "shop"}))
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("tests")
    with tracer.start_as_current_span("root") as root:
        root.set_attribute("gen_ai.response.finish_reasons", ["stop"])
        root.set_attribute("n", 7)
        with tracer.start_as_current_span("child"):
            root.add_event("said", {"what": "é"})
    return memory.get_finished_spans()


def _exporter(name: str, running: Running, **options: Any) -> Any:
    if name.startswith("grpc"):
        from grpc import Compression as GrpcCompression

        coding = GrpcCompression.Gzip if "gzip" in name else GrpcCompression.NoCompression
        address = f"http://{running.gateway.addresses.grpc}"
        return GrpcExporter(endpoint=address, insecure=True, compression=coding, **options)
    coding = Compression(name.partition("-")[2] or "none")
    return HttpExporter(endpoint=f"{running.url}/v1/traces", compression=coding, **options)


KINDS = ["grpc", "grpc-gzip", "http", "http-gzip", "http-deflate"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_span_arrives_as_it_was(running: Running, kind: str) -> None:
    spans = _spans()
    exporter = _exporter(kind, running)
    assert exporter.export(spans) is SpanExportResult.SUCCESS
    exporter.shutdown()
    child, root = spans_of(running.log.records[0].payload)
    assert (root.name, child.name) == ("root", "child")
    assert child.parent_span_id == root.span_id
    assert root.trace_id.hex() == f"{spans[1].context.trace_id:032x}"
    values = {item.key: item.value for item in root.attributes}
    finish = values["gen_ai.response.finish_reasons"].array_value.values
    assert [value.string_value for value in finish] == ["stop"]
    assert values["n"].int_value == 7
    assert root.events[0].attributes[0].value.string_value == "é"


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_a_key_in_the_usual_headers_opens_the_door(start: Start, kind: str) -> None:
    running = start(keys=auth.Config(keys={"s3cret": "shop"}))
    good = _exporter(kind, running, headers={"authorization": "Bearer s3cret"})
    assert good.export(_spans()) is SpanExportResult.SUCCESS
    assert running.log.records[0].project == "shop"
    bad = _exporter(kind, running, headers={"authorization": "Bearer wrong"})
    assert bad.export(_spans()) is SpanExportResult.FAILURE
    assert len(running.log.records) == 1


@pytest.mark.parametrize("kind", ["grpc", "http"])
def test_a_pause_of_the_log_costs_a_retry_and_no_span(running: Running, kind: str) -> None:
    running.log.fault = Retry("compacting", after=1)

    def recover() -> None:
        running.log.asked.acquire(timeout=10)
        running.log.fault = None

    threading.Thread(target=recover).start()
    began = time.monotonic()
    exporter = _exporter(kind, running)
    assert exporter.export(_spans()) is SpanExportResult.SUCCESS
    assert 0.9 < time.monotonic() - began < 5, "RetryInfo and Retry-After say one second"
    assert [record.spans for record in running.log.records] == [2]
