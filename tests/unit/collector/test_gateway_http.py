# SPDX-License-Identifier: Apache-2.0
"""OTLP/HTTP over real sockets: good requests, bad requests, and what each is told."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from agentstack_processors.otlp.stamp import read_stamp
from agentstack_processors.redaction import Redactor
from agentstack_processors.verdicts import Retry
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from agentstack_otel.collector import admission, http, intake
from tests.fakes.otlp_requests import (
    json_span,
    json_traces,
    log_request,
    metric_request,
    span_id,
    spans_of,
    trace_request,
)
from tests.unit.collector.conftest import Running

Start = Callable[..., Running]


def _status(answer: httpx.Response) -> Status:
    assert answer.headers["content-type"] == "application/x-protobuf"
    return Status.FromString(answer.content)


def _raw(running: Running, sent: bytes) -> bytes:
    """Send bytes as they are and return all that comes back until the server closes."""
    host, _, port = running.gateway.addresses.http.rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(sent)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_a_protobuf_request_is_stored_stamped_and_answered_with_nothing(running: Running) -> None:
    before = time.time_ns()
    answer = running.post(trace_request(3).SerializeToString())
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    (record,) = running.log.records
    assert (record.spans, record.project, record.signal) == (3, "default", "traces")
    assert before <= record.received_at <= time.time_ns()
    assert read_stamp(record.payload) == ("default", record.received_at)
    assert len(spans_of(record.payload)) == 3


def test_json_and_protobuf_of_one_request_store_equal_spans(running: Running) -> None:
    span = json_span(kind=3, attributes=[{"key": "k", "value": {"intValue": "5"}}])
    answer = running.post_json(json_traces(span))
    assert (answer.status_code, answer.json()) == (200, {})
    assert answer.headers["content-type"] == "application/json"
    (stored,) = spans_of(running.log.records[0].payload)
    same = trace_request(0)
    same.resource_spans[0].scope_spans[0].spans.append(stored)
    running.post(same.SerializeToString())
    assert spans_of(running.log.records[1].payload) == [stored]
    assert (stored.kind, stored.attributes[0].value.int_value) == (3, 5)


def test_a_charset_after_the_content_type_is_fine(running: Running) -> None:
    answer = httpx.post(
        running.url + "/v1/traces",
        content=b"{}",
        headers={"content-type": "Application/JSON; charset=utf-8"},
    )
    assert (answer.status_code, answer.json()) == (200, {})


def _deflate_raw(body: bytes) -> bytes:
    squeeze = zlib.compressobj(wbits=-15)
    return squeeze.compress(body) + squeeze.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
        ("deflate", zlib.compress),
        ("deflate", _deflate_raw),
        ("identity", bytes),
    ],
)
def test_each_encoding_is_understood(
    running: Running, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    body = trace_request(300).SerializeToString()
    assert running.post(pack(body), content_encoding=encoding).status_code == 200
    assert running.log.records[0].spans == 300


@pytest.mark.parametrize(
    ("encoding", "body", "sentence"),
    [
        ("br", b"x", "'br' is not supported"),
        ("zstd", b"x", "'zstd' is not supported"),
        ("gzip", b"not gzip", "not valid gzip"),
        ("gzip", gzip.compress(b"x" * 99)[:-6], "ends too early"),
        ("deflate", b"\x78\x9cnonsense", "not valid deflate"),
    ],
)
def test_a_broken_or_unknown_encoding_is_400(
    running: Running, encoding: str, body: bytes, sentence: str
) -> None:
    answer = running.post(body, content_encoding=encoding)
    assert answer.status_code == 400
    assert _status(answer).code == 3
    assert sentence in _status(answer).message


def test_chunked_bodies_without_a_length_are_taken(running: Running) -> None:
    body = trace_request(50).SerializeToString()

    def pieces() -> Iterator[bytes]:
        for at in range(0, len(body), 100):
            yield body[at : at + 100]

    answer = running.post(pieces())
    assert "content-length" not in answer.request.headers
    assert answer.status_code == 200
    assert running.log.records[0].spans == 50


def test_empty_requests_are_fine_and_store_nothing(running: Running) -> None:
    for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
        assert running.post(b"", path).status_code == 200
        assert running.post_json(b"{}", path).json() == {}
    assert running.log.records == []


@pytest.mark.parametrize("kind", ["text/plain", "", "application/xml", "application/grpc"])
def test_another_content_type_is_415(running: Running, kind: str) -> None:
    answer = running.post(trace_request(1).SerializeToString(), content_type=kind)
    assert answer.status_code == 415
    assert "application/x-protobuf" in answer.json()["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_another_method_is_405(running: Running, method: str) -> None:
    answer = httpx.request(method, running.url + "/v1/traces")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert "POST only" in answer.json()["message"]


def test_another_path_is_404_in_the_format_of_the_request(running: Running) -> None:
    assert _status(running.post(b"", "/v1/profiles")).message.startswith("/v1/profiles is not here")
    answer = running.post_json(b"{}", "/")
    assert (answer.status_code, answer.json()["code"]) == (404, 12)


@pytest.mark.parametrize("body", [b"\xff\xff\xff", b"\x0a\x7fshort", b"GET / HTTP/1.1"])
def test_bytes_that_are_no_protobuf_are_400(running: Running, body: bytes) -> None:
    for path in ("/v1/traces", "/v1/logs", "/v1/metrics"):
        answer = running.post(body, path)
        assert answer.status_code == 400
        assert "not an OTLP" in _status(answer).message
    assert running.log.records == []


def test_json_faults_are_400_and_name_the_member(running: Running) -> None:
    answer = running.post_json(json_traces(json_span(spanId="AQIDBAUGBwg=")))
    assert answer.status_code == 400
    assert answer.json()["code"] == 3
    assert "spans[0].spanId must be hex digits" in answer.json()["message"]
    assert running.post_json(b"").status_code == 400


def test_one_bad_span_of_five_hundred_is_a_partial_success(running: Running) -> None:
    answer = running.post(trace_request(500, span_id=bytes(8)).SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    assert "span_id must be 8 bytes" in partial.error_message
    stored = spans_of(running.log.records[0].payload)
    assert [span.span_id for span in stored] == [span_id(number) for number in range(1, 500)]


def test_a_partial_success_in_json_writes_its_count_as_a_string(running: Running) -> None:
    answer = running.post_json(json_traces(json_span(), json_span(traceId="00" * 16)))
    assert answer.status_code == 200
    assert answer.json()["partialSuccess"]["rejectedSpans"] == "1"
    assert "trace_id must be 16 bytes" in answer.json()["partialSuccess"]["errorMessage"]


def test_when_every_span_is_bad_nothing_is_stored(running: Running) -> None:
    answer = running.post(trace_request(1, trace_id=b"").SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_spans == 1
    assert running.log.records == []


def test_genai_events_are_stored_and_other_logs_are_counted(running: Running) -> None:
    request = log_request("gen_ai.user.message", "app.started", "gen_ai.choice")
    answer = running.post(request.SerializeToString(), "/v1/logs")
    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert partial.rejected_log_records == 1
    assert "only GenAI log events are stored" in partial.error_message
    (record,) = running.log.records
    assert (record.signal, record.spans) == ("logs", 2)


def test_metrics_are_answered_with_what_became_of_them(running: Running) -> None:
    answer = running.post(metric_request(5).SerializeToString(), "/v1/metrics")
    partial = ExportMetricsServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_data_points) == (200, 5)
    assert "metrics are not stored" in partial.error_message
    assert running.log.records == []


def _limits(**changes: int) -> admission.Config:
    return admission.Config(**{"http_body": 100_000, "request": 1 << 20} | changes)


def test_a_body_over_the_cap_is_413_whether_its_length_is_told_or_not(start: Start) -> None:
    running = start(limits=_limits())
    told = running.post(b"x" * 100_001)
    assert told.status_code == 413
    assert _status(told).code == 8
    assert "100001 bytes; the limit is 100000" in _status(told).message

    def endless() -> Iterator[bytes]:
        for _ in range(300):
            yield b"x" * 1000

    untold = running.post(endless())
    assert untold.status_code == 413
    assert running.post(trace_request(1).SerializeToString()).status_code == 200


def test_the_promised_five_mebibytes_are_the_default(running: Running) -> None:
    request = trace_request(1)
    big = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="big")
    big.value.string_value = "x" * ((5 << 20) - 400)
    assert running.post(request.SerializeToString()).status_code == 200
    big.value.string_value = "x" * (5 << 20)
    assert running.post(request.SerializeToString()).status_code == 413
    big.value.string_value = "x" * (10 << 20)
    packed = gzip.compress(request.SerializeToString())
    assert running.post(packed, content_encoding="gzip").status_code == 413  # by ratio
    assert [record.spans for record in running.log.records] == [1]


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_decompression_bomb_is_413_and_is_never_unpacked(start: Start, encoding: str) -> None:
    running = start(limits=_limits(ratio=10_000))
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    answer = running.post(pack(bytes(50 << 20)), content_encoding=encoding)
    assert answer.status_code == 413
    assert "decompressed" in _status(answer).message
    assert running.gateway.health()["stress"] == 0


def test_a_bomb_of_many_members_is_413(start: Start) -> None:
    running = start(limits=_limits(ratio=10_000))
    answer = running.post(gzip.compress(bytes(1 << 19)) * 20, content_encoding="gzip")
    assert answer.status_code == 413


def test_a_body_that_never_ends_is_given_up(start: Start) -> None:
    running = start(pages=http.Config(body_timeout=0.2))
    head = (
        b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"
    )
    answer = _raw(running, head)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"retry-after: 1" in answer
    assert b"did not arrive in time" in answer


def test_a_sender_that_hangs_up_leaves_nothing_behind(start: Start) -> None:
    running = start()
    host, _, port = running.gateway.addresses.http.rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            b"POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
    assert running.post(b"").status_code == 200
    deadline = time.monotonic() + 5
    while running.gateway.health()["stress"] or running.gateway._admission.held:
        assert time.monotonic() < deadline, "the bytes of the lost request are still held"
        time.sleep(0.01)


def test_a_failing_log_is_503_with_retry_after_and_retry_info(running: Running) -> None:
    running.log.fault = Retry("the log is full", after=30)
    answer = running.post(trace_request(1).SerializeToString())
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "5"
    status = _status(answer)
    info = RetryInfo()
    assert status.details[0].Unpack(info)
    assert (status.code, status.message, info.retry_delay.seconds) == (14, "the log is full", 5)


def test_a_disk_that_fails_in_an_unforeseen_way_is_503_too(running: Running) -> None:
    running.log.fault = OSError(28, "No space left on device")
    answer = running.post(trace_request(1).SerializeToString())
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")


def test_a_bug_is_500_and_loud(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    running.log.fault = KeyError("oops")
    assert running.post(trace_request(1).SerializeToString()).status_code == 500
    assert "oops" in caplog.text


def test_nothing_is_acknowledged_before_the_log_has_it(running: Running) -> None:
    running.log.held = True
    answers: list[httpx.Response] = []
    body = trace_request(1).SerializeToString()
    sender = threading.Thread(target=lambda: answers.append(running.post(body)))
    sender.start()
    assert running.log.asked.acquire(timeout=10)
    sender.join(0.2)
    assert answers == []
    running.log.release()
    sender.join(10)
    assert [answer.status_code for answer in answers] == [200]


def test_a_log_that_hangs_is_answered_in_time(start: Start) -> None:
    running = start(work=intake.Config(append_timeout=0.2))
    running.log.held = True
    answer = running.post(trace_request(1).SerializeToString())
    assert answer.status_code == 503
    assert "did not answer in time" in _status(answer).message
    running.log.release()
    assert running.post(trace_request(1).SerializeToString()).status_code == 200


def test_more_work_than_the_budget_is_sent_away_and_the_budget_comes_back(start: Start) -> None:
    running = start(limits=_limits(in_flight=1 << 20))
    running.log.held = True
    body = trace_request(600).SerializeToString()
    senders = [threading.Thread(target=running.post, args=(body,)) for _ in range(11)]
    assert 11 * len(body) < 1 << 20 < 30 * len(body)
    for sender in senders:
        sender.start()
    for _ in senders:
        assert running.log.asked.acquire(timeout=10)
    packed = gzip.compress(trace_request(5000).SerializeToString())
    answer = running.post(packed, content_encoding="gzip")
    assert answer.status_code == 503
    assert "as it may" in _status(answer).message
    assert running.gateway.health()["stress"] > 50
    running.log.release()
    for sender in senders:
        sender.join(10)
    assert running.gateway.health()["stress"] == 0


def test_pages_of_listed_origins_may_send_and_others_may_not(start: Start) -> None:
    running = start(pages=http.Config(cors_origins=("https://app.example",)))
    asked = {
        "origin": "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type,x-api-key",
    }
    preflight = httpx.options(running.url + "/v1/traces", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "https://app.example"
    assert preflight.headers["access-control-allow-headers"] == "content-type,x-api-key"
    assert "POST" in preflight.headers["access-control-allow-methods"]
    sent = running.post_json(b"{}", origin="https://app.example")
    assert sent.headers["access-control-allow-origin"] == "https://app.example"
    denied = httpx.options(
        running.url + "/v1/traces", headers=asked | {"origin": "https://evil.example"}
    )
    assert denied.status_code == 403
    assert "access-control-allow-origin" not in denied.headers


def test_without_a_list_no_page_may_send(running: Running) -> None:
    sent = running.post_json(b"{}", origin="https://app.example")
    assert "access-control-allow-origin" not in sent.headers


def test_health_tells_ready_from_alive_and_names_what_is_wrong(running: Running) -> None:
    fine = httpx.get(running.url + "/health")
    assert (fine.status_code, fine.json()["status"]) == (200, "ready")
    running.health["store"] = "the disk is full"
    sick = httpx.get(running.url + "/health")
    assert (sick.status_code, sick.json()["ready"], sick.json()["alive"]) == (503, False, True)
    assert sick.json()["status"] == "degraded"
    assert sick.json()["dependencies"] == {"log": "ok", "store": "the disk is full"}
    assert httpx.get(running.url + "/health/ready").status_code == 503
    assert httpx.get(running.url + "/health/live").status_code == 200


def test_metrics_count_what_was_taken_and_what_was_not(running: Running) -> None:
    running.post(trace_request(4, trace_id=b"").SerializeToString())
    running.post(b"\xff")
    text = httpx.get(running.url + "/metrics").text
    assert 'agentstack_gateway_items_total{signal="traces",verdict="accepted"} 3.0' in text
    assert 'agentstack_gateway_items_total{signal="traces",verdict="rejected"} 1.0' in text
    invalid = 'requests_total{outcome="invalid",signal="traces",transport="http"} 1.0'
    assert invalid in text
    assert "agentstack_gateway_ready 1.0" in text
    running.post(b"", content_type="text/plain")
    text = httpx.get(running.url + "/metrics").text
    assert 'outcome="wrong_type",signal="traces",transport="http"} 1.0' in text


def test_a_suspicious_request_is_scrubbed_before_it_reaches_the_log(start: Start) -> None:
    running = start(redactor=_Shouting())
    running.post(trace_request(1, name="secret").SerializeToString())
    running.post(trace_request(1, name="public").SerializeToString())
    names = [spans_of(record.payload)[0].name for record in running.log.records]
    assert names == ["SECRET", "public"]
    assert read_stamp(running.log.records[0].payload)[0] == "default"


def test_a_question_that_takes_long_is_answered_in_a_thread(start: Start) -> None:
    redactor = _Pondering()
    running = start(redactor=redactor)
    running.post(trace_request(1, name="secret").SerializeToString())
    running.post(trace_request(1, name="public").SerializeToString())
    names = [spans_of(record.payload)[0].name for record in running.log.records]
    assert names == ["SECRET", "public"]
    assert len(redactor.threads) >= 2
    assert all(name.startswith("agentstack-intake") for name in redactor.threads)


def test_slow_redaction_keeps_nobody_else_waiting(start: Start) -> None:
    redactor = _Stuck()
    running = start(redactor=redactor)
    body = trace_request(1, name="secret").SerializeToString()
    sender = threading.Thread(target=running.post, args=(body,))
    sender.start()
    assert redactor.entered.wait(10)
    assert httpx.get(running.url + "/health", timeout=5).status_code == 200
    assert running.post(trace_request(1).SerializeToString()).status_code == 200
    redactor.leave.set()
    sender.join(10)
    assert len(running.log.records) == 2


class _Shouting:
    """A redactor whose work can be seen: it writes secrets in capitals."""

    def suspicious(self, data: bytes) -> bool:
        return b"secret" in data

    def scrub(self, text: str) -> str:
        return text.replace("secret", "SECRET")

    def scrub_attribute(self, key: str, text: str) -> str:
        return self.scrub(text)


def test_answers_in_json_are_json(running: Running) -> None:
    answer = running.post_json(b'{"resourceSpans": 7}')
    assert json.loads(answer.content)["message"].startswith("OTLP/JSON: resourceSpans must be")


class _Pondering(_Shouting):
    """A redactor that never knows at a glance."""

    def __init__(self) -> None:
        self.threads: list[str] = []

    def glance(self, data: bytes, view: bytes | memoryview | None = None) -> bool | None:
        return None

    def suspicious(self, data: bytes, view: bytes | memoryview | None = None) -> bool:
        self.threads.append(threading.current_thread().name)
        return super().suspicious(data)


class _Stuck(_Shouting):
    """A redactor that does not come back before it is told to."""

    def __init__(self) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()

    def scrub(self, text: str) -> str:
        self.entered.set()
        self.leave.wait(10)
        return text


def test_metrics_count_what_was_redacted_by_type(start: Callable[..., Running]) -> None:
    running = start(redactor=Redactor())
    request = trace_request(1)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.add(key="note").value.string_value = "bob@example.com, [EMAIL:0a1b]"
    span.attributes.add(key="user.ssn").value.int_value = 123456789
    assert running.post(request.SerializeToString()).status_code == 200
    text = httpx.get(running.url + "/metrics").text
    assert 'agentstack_redactions_total{type="EMAIL"} 1.0' in text
    assert 'agentstack_redactions_total{type="SSN"} 1.0' in text
    assert "agentstack_redaction_failures_total 0.0" in text


class _Broken(Redactor):
    """Judges nothing."""

    def scrub(self, text: str) -> str:
        raise RuntimeError("out of order")


def test_a_span_that_cannot_be_scrubbed_keeps_no_text_and_is_counted(
    start: Callable[..., Running],
) -> None:
    running = start(redactor=_Broken())
    request = trace_request(1)
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.name = "chat"
    span.attributes.add(key="note").value.string_value = "bob@example.com"
    resource = request.resource_spans[0]
    resource.ClearField("resource")
    resource.ClearField("schema_url")
    resource.scope_spans[0].ClearField("scope")
    resource.scope_spans[0].ClearField("schema_url")
    assert running.post(request.SerializeToString()).status_code == 200
    (record,) = running.log.records
    assert b"bob@" not in record.payload
    assert b"[REDACTION_FAILED]" in record.payload
    assert "agentstack_redaction_failures_total 1.0" in httpx.get(running.url + "/metrics").text


def test_metrics_and_health_are_read_beside_the_loop_that_takes_requests(
    start: Callable[..., Running],
) -> None:
    """A dependency that answers slowly holds up nobody but who asks for it."""
    running, asked, go = start(), threading.Event(), threading.Event()

    def slow() -> float:
        asked.set()
        assert go.wait(20)
        return 1.0

    running.gateway.meters.gauge("agentstack_test_slow", "Reads a slow disk", slow)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(httpx.get, running.url + "/metrics", timeout=20)
        assert asked.wait(20)
        assert running.post(trace_request(1).SerializeToString()).status_code == 200
        go.set()
        assert "agentstack_test_slow 1.0" in answer.result(20).text
