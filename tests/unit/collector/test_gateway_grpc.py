# SPDX-License-Identifier: Apache-2.0
"""OTLP/gRPC over real sockets: good calls, bad calls, and what each is told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from agentstack_processors.otlp.stamp import read_stamp
from agentstack_processors.verdicts import Retry
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from agentstack_otel.collector import admission, intake
from tests.fakes.otlp_requests import (
    log_request,
    metric_request,
    span_id,
    spans_of,
    trace_request,
)
from tests.unit.collector.conftest import Running

Start = Callable[..., Running]
Code = grpc.StatusCode
COMPRESSIONS = (grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate)


def _refused(running: Running, body: bytes, signal: str = "trace", **options: Any) -> Any:
    with pytest.raises(grpc.RpcError) as caught:
        running.call(body, signal, **options)
    return caught.value


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_a_request_is_stored_and_answered_with_nothing(running: Running, compression: Any) -> None:
    assert running.call(trace_request(300).SerializeToString(), compression=compression) == b""
    (record,) = running.log.records
    assert (record.spans, record.signal) == (300, "traces")
    assert read_stamp(record.payload) == ("default", record.received_at)
    assert len(spans_of(record.payload)) == 300


@pytest.mark.parametrize("signal", ["trace", "logs", "metrics"])
@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_empty_requests_are_fine(running: Running, signal: str, compression: Any) -> None:
    assert running.call(b"", signal, compression=compression) == b""
    assert running.log.records == []


@pytest.mark.parametrize("signal", ["trace", "logs", "metrics"])
@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x7fshort", b"\x78\x9cnot deflate"])
def test_bytes_that_are_no_protobuf_are_an_invalid_argument(
    running: Running, signal: str, body: bytes
) -> None:
    error = _refused(running, body, signal)
    assert error.code() is Code.INVALID_ARGUMENT
    assert "not an OTLP" in error.details()


def test_a_broken_gzip_message_is_an_invalid_argument(running: Running) -> None:
    error = _refused(running, b"\x1f\x8bnot gzip")
    assert error.code() is Code.INVALID_ARGUMENT
    assert "not valid gzip" in error.details()


def test_one_bad_span_of_five_hundred_is_a_partial_success(running: Running) -> None:
    answer = running.call(trace_request(500, trace_id=bytes(16)).SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer).partial_success
    assert partial.rejected_spans == 1
    assert "trace_id must be 16 bytes" in partial.error_message
    stored = spans_of(running.log.records[0].payload)
    assert [span.span_id for span in stored] == [span_id(number) for number in range(1, 500)]


def test_logs_and_metrics_are_answered_with_what_became_of_them(running: Running) -> None:
    logs = running.call(log_request("gen_ai.choice", "other").SerializeToString(), "logs")
    assert ExportLogsServiceResponse.FromString(logs).partial_success.rejected_log_records == 1
    assert [record.signal for record in running.log.records] == ["logs"]
    metrics = running.call(metric_request(4).SerializeToString(), "metrics")
    partial = ExportMetricsServiceResponse.FromString(metrics).partial_success
    assert partial.rejected_data_points == 4
    assert "metrics are not stored" in partial.error_message


def test_a_collector_batch_over_grpcs_usual_four_mebibytes_is_taken(running: Running) -> None:
    request = trace_request(8192)
    text = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="text")
    text.value.string_value = "x" * (10 << 20)
    assert running.call(request.SerializeToString()) == b""
    assert running.log.records[0].spans == 8192


def _small() -> admission.Config:
    return admission.Config(request=1 << 20)


def test_a_message_over_the_cap_is_refused_without_an_invitation_to_retry(start: Start) -> None:
    error = _refused(start(limits=_small()), bytes((1 << 20) + 1))
    assert error.code() is Code.RESOURCE_EXHAUSTED
    keys = [key for key, _ in error.trailing_metadata()]
    assert "google.rpc.retryinfo-bin" not in keys


@pytest.mark.parametrize("compression", COMPRESSIONS[1:])
def test_a_decompression_bomb_is_refused(start: Start, compression: Any) -> None:
    running = start(limits=_small())
    error = _refused(running, bytes(200 << 20), compression=compression)
    assert error.code() is Code.RESOURCE_EXHAUSTED
    assert "the decompressed body is more than 1048576 bytes" in error.details()
    assert running.gateway.health()["stress"] == 0


def test_a_failing_log_is_unavailable_with_both_kinds_of_retry_info(running: Running) -> None:
    running.log.fault = Retry("the log is full", after=2)
    error = _refused(running, trace_request(1).SerializeToString())
    assert (error.code(), error.details()) == (Code.UNAVAILABLE, "the log is full")
    trailers = dict(error.trailing_metadata())
    status = Status.FromString(trailers["grpc-status-details-bin"])
    standard = RetryInfo()
    assert status.details[0].Unpack(standard)
    pythons = RetryInfo.FromString(trailers["google.rpc.retryinfo-bin"])
    assert standard.retry_delay.seconds == pythons.retry_delay.seconds == 2
    assert status.code == Code.UNAVAILABLE.value[0]


def test_a_full_disk_is_unavailable_and_the_next_request_is_taken(running: Running) -> None:
    running.log.fault = OSError(28, "No space left on device")
    assert _refused(running, trace_request(1).SerializeToString()).code() is Code.UNAVAILABLE
    running.log.fault = None
    assert running.call(trace_request(1).SerializeToString()) == b""


def test_nothing_is_acknowledged_before_the_log_has_it(running: Running) -> None:
    running.log.held = True
    with ThreadPoolExecutor(1) as sender:
        answer = sender.submit(running.call, trace_request(1).SerializeToString())
        assert running.log.asked.acquire(timeout=10)
        threading.Event().wait(0.2)
        assert not answer.done()
        running.log.release()
        assert answer.result(10) == b""


def test_a_log_that_hangs_is_answered_in_time(start: Start) -> None:
    running = start(work=intake.Config(append_timeout=0.2))
    running.log.held = True
    error = _refused(running, trace_request(1).SerializeToString())
    assert error.code() is Code.UNAVAILABLE
    assert "google.rpc.retryinfo-bin" in dict(error.trailing_metadata())


def test_a_caller_that_gives_up_does_not_cancel_the_append(running: Running) -> None:
    running.log.held = True
    with grpc.insecure_channel(running.gateway.addresses.grpc) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        call = export.future(trace_request(1).SerializeToString())
        assert running.log.asked.acquire(timeout=10)
        call.cancel()
    running.call(b"")
    running.log.release()  # would raise InvalidStateError had the future been cancelled
    assert running.log.wait(0, timeout=5)


def test_streams_that_send_nothing_keep_nobody_waiting(running: Running) -> None:
    with grpc.insecure_channel(running.gateway.addresses.grpc) as channel:
        method = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
        silence = threading.Event()

        def nothing() -> Any:
            silence.wait(20)
            yield b""

        idle = [channel.stream_unary(method).future(nothing()) for _ in range(50)]
        assert running.call(trace_request(1).SerializeToString()) == b""
        for call in idle:
            call.cancel()
        silence.set()


def test_a_connection_has_only_so_many_calls_open_and_the_rest_wait(start: Start) -> None:
    running = start(limits=admission.Config(streams=4))
    running.log.held = True
    body = trace_request(1).SerializeToString()
    with grpc.insecure_channel(running.gateway.addresses.grpc) as channel:
        export = channel.unary_unary("/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        calls = [export.future(body, timeout=20) for _ in range(10)]
        for _ in range(4):
            assert running.log.asked.acquire(timeout=10)
        assert not running.log.asked.acquire(timeout=0.3)
        # Another connection is not held up by it.
        other = ThreadPoolExecutor(1)
        answer = other.submit(running.call, body)
        assert running.log.asked.acquire(timeout=10)
        running.log.release()
        assert [call.result() for call in calls] == [b""] * 10
        assert answer.result(10) == b""
        other.shutdown()


def test_an_unknown_method_is_unimplemented(running: Running) -> None:
    with grpc.insecure_channel(running.gateway.addresses.grpc) as channel:
        with pytest.raises(grpc.RpcError) as caught:
            channel.unary_unary("/opentelemetry.proto.collector.profiles.v1.P/Export")(b"")
        assert caught.value.code() is Code.UNIMPLEMENTED


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_the_health_service_follows_readiness(running: Running, compression: Any) -> None:
    with grpc.insecure_channel(running.gateway.addresses.grpc, compression=compression) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        for name in ("", service):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=name))
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        running.health["store"] = "away"
        answer = stub.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
        with pytest.raises(grpc.RpcError) as caught:
            stub.Check(health_pb2.HealthCheckRequest(service="nobody"))
        assert caught.value.code() is Code.NOT_FOUND
        watched = stub.Watch(health_pb2.HealthCheckRequest())
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        running.health["store"] = "ok"
        assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
        watched.cancel()


def test_reflection_names_every_service(running: Running) -> None:
    with grpc.insecure_channel(running.gateway.addresses.grpc) as channel:
        services = ProtoReflectionDescriptorDatabase(channel).get_services()
    assert {
        "grpc.health.v1.Health",
        "opentelemetry.proto.collector.trace.v1.TraceService",
        "opentelemetry.proto.collector.logs.v1.LogsService",
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
    } <= set(services)
