# SPDX-License-Identifier: Apache-2.0
"""The upstream Collector between the clients and us: nothing changes, nothing is lost, and when we
refuse something its log says so."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.load import Requests
from tests.services.clients import CLIENTS, Target
from tests.services.collector import Collector, collector
from tests.services.shared_trace import expected, normalised, query, stored
from tests.services.up import Up

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
# The first try comes this soon after a failure; otherwise the Collector waits five seconds.
_SOON = {"initial_interval": "200ms", "max_interval": "1s"}
TRANSPORTS = ["otlp_grpc", "otlp_http"]


def exporter(up: Up, transport: str, **extra: Any) -> dict[str, Any]:
    """An exporter's settings: the defaults, an address, no TLS."""
    if transport == "otlp_http":
        return {"endpoint": f"http://{up.http}", **extra}
    return {"endpoint": up.grpc, "tls": {"insecure": True}, **extra}


def send(target: Collector, *requests: ExportTraceServiceRequest | bytes) -> None:
    """Hand requests to the Collector; it acknowledges before it forwards."""
    with grpc.insecure_channel(target.grpc) as channel:
        export = channel.unary_unary(_EXPORT)
        for request in requests:
            payload = request if isinstance(request, bytes) else request.SerializeToString()
            export(payload, timeout=30)


def trace(trace_id: str, base: int, spans: int = 5) -> ExportTraceServiceRequest:
    """A plain request of good spans."""
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for index in range(spans):
        scope.spans.add(
            trace_id=bytes.fromhex(trace_id),
            span_id=(index + 1).to_bytes(8, "big"),
            name=f"step {index}",
            start_time_unix_nano=base * 10**9,
            end_time_unix_nano=base * 10**9 + 1,
        )
    return request


@contextmanager
def up_of_its_own(folder: Path, **environment: str) -> Iterator[Up]:
    up = Up(folder / "data", environment, token=environment.get("AGENTSTACK_API_KEY"))
    up.start()
    try:
        yield up
    finally:
        up.stop()


@pytest.mark.parametrize("compression", ["gzip", "none"])
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_trace_through_the_collector_is_stored_like_one_sent_straight(
    transport: str, compression: str, server: Up, base: int, tmp_path: Path
) -> None:
    trace_id = secrets.token_hex(16)
    settings = exporter(server, transport, compression=compression)
    with collector(tmp_path, transport, settings) as between:
        CLIENTS[0].send(Target(between.grpc, ""), trace_id, base)
        want = expected(trace_id, base)
        server.wait_for(len(want), f"trace_id = '{trace_id}'")
    rows = stored(server.sql(query(trace_id)))
    # The Collector writes an empty parent id where Python writes none; it must not show.
    assert normalised(rows, CLIENTS[0].span_attributes) == want


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_its_default_batch_of_8192_spans_is_one_request_we_take(
    transport: str, server: Up, tmp_path: Path
) -> None:
    requests = Requests(spans=512)
    sent = [requests.fresh() for _ in range(16)]
    # send_batch_size stays at its default; the long timeout makes size the only trigger.
    with collector(tmp_path, transport, exporter(server, transport), {"timeout": "60s"}) as between:
        traces = {
            span.trace_id.hex()
            for payload in sent
            for span in ExportTraceServiceRequest.FromString(payload)
            .resource_spans[0]
            .scope_spans[0]
            .spans
        }
        wanted = f"has([{', '.join(repr(trace_id) for trace_id in sorted(traces))}], trace_id)"
        send(between, *sent)
        server.wait_for(8192, wanted)
        assert between.metric("otelcol_processor_batch_batch_send_size_count") == 1
        assert between.metric("otelcol_processor_batch_batch_send_size_bytes_sum") > 8_000_000
        assert "Permanent error" not in between.said()
    assert server.count(wanted) == 8192


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nothing_is_lost_or_doubled_when_we_are_away_for_a_while(
    transport: str, base: int, tmp_path: Path
) -> None:
    with up_of_its_own(tmp_path) as up:
        settings = exporter(up, transport, retry_on_failure=_SOON, timeout="2s")
        with collector(tmp_path, transport, settings, {"timeout": "50ms"}) as between:
            ids = [secrets.token_hex(16) for _ in range(20)]
            send(between, *(trace(trace_id, base) for trace_id in ids[:5]))
            up.wait_for(25)
            assert up.stop() == 0
            send(between, *(trace(trace_id, base) for trace_id in ids[5:]))
            between.wait_until_it_says("Will retry the request after interval")
            up.start()
            up.wait_for(100)
            assert "Dropping data" not in between.said()
        found = up.sql(
            "SELECT trace_id, count() AS spans, uniqExact(span_id) AS ids"
            " FROM spans FINAL GROUP BY trace_id"
        )
        assert {row["trace_id"] for row in found} == set(ids)
        assert {(int(row["spans"]), int(row["ids"])) for row in found} == {(5, 5)}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_request_sent_again_because_we_were_slow_is_stored_once(
    transport: str, base: int, tmp_path: Path
) -> None:
    with up_of_its_own(tmp_path) as up:
        settings = exporter(up, transport, retry_on_failure=_SOON, timeout="500ms")
        with collector(tmp_path, transport, settings, {"timeout": "50ms"}) as between:
            send(between, trace(secrets.token_hex(16), base))
            up.wait_for(5)  # the connection is made; the next request goes down the same one
            with up.frozen():
                send(between, trace(secrets.token_hex(16), base))
                between.wait_until_it_says("Will retry the request after interval")
            up.wait_for(10)
            # What we took in while the Collector had given up waiting came a second time.
            send(between, trace(secrets.token_hex(16), base))
            up.wait_for(15)
            assert "Dropping data" not in between.said()
        found = up.sql(
            "SELECT count() AS spans, uniqExact(trace_id, span_id) AS ids FROM spans FINAL"
        )
        assert [(int(row["spans"]), int(row["ids"])) for row in found] == [(15, 15)]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_wrong_api_key_is_a_permanent_error_in_its_log_and_a_right_one_names_the_project(
    transport: str, base: int, tmp_path: Path
) -> None:
    keys = "right-key=travel"
    with up_of_its_own(tmp_path, AGENTSTACK_API_KEYS=keys, AGENTSTACK_API_KEY="right-key") as up:
        wrong = exporter(up, transport, headers={"authorization": "Bearer wrong-key"})
        with collector(tmp_path / "wrong", transport, wrong) as between:
            send(between, trace(secrets.token_hex(16), base))
            line = between.wait_until_it_says("Dropping data")
            assert "Permanent error" in line
            assert "wrong-key" not in between.said()
        right = exporter(up, transport, headers={"x-api-key": "right-key"})
        with collector(tmp_path / "right", transport, right) as between:
            trace_id = secrets.token_hex(16)
            send(between, trace(trace_id, base))
            up.wait_for(5, "project_id = 'travel'")
        assert {row["trace_id"] for row in up.sql("SELECT trace_id FROM spans")} == {trace_id}


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_one_bad_span_is_a_warning_in_its_log_and_the_others_are_stored(
    transport: str, server: Up, base: int, tmp_path: Path
) -> None:
    trace_id = secrets.token_hex(16)
    request = trace(trace_id, base)
    request.resource_spans[0].scope_spans[0].spans[2].span_id = bytes(8)
    with collector(tmp_path, transport, exporter(server, transport)) as between:
        send(between, request)
        line = between.wait_until_it_says("Partial success response")
        assert '"dropped_spans": 1' in line
        server.wait_for(4, f"trace_id = '{trace_id}'")
    names = server.sql(f"SELECT name FROM spans FINAL WHERE trace_id = '{trace_id}' ORDER BY name")
    assert [row["name"] for row in names] == ["step 0", "step 1", "step 3", "step 4"]


def test_a_compression_we_do_not_speak_is_named_in_its_log(
    server: Up, base: int, tmp_path: Path
) -> None:
    """HTTP only. Over gRPC the library answers before us: INTERNAL, "Error parsing
    'grpc-encoding' metadata" for zstd and snappy; gzip (the Collector's default) and none work."""
    settings = exporter(server, "otlp_http", compression="zstd")
    with collector(tmp_path, "otlp_http", settings) as between:
        send(between, trace(secrets.token_hex(16), base))
        line = between.wait_until_it_says("Dropping data")
    assert "Content-Encoding 'zstd' is not supported; send gzip" in line
