# SPDX-License-Identifier: Apache-2.0
"""Spans per second acknowledged, stored and queryable, generator and server on the same cores.

The clock starts before the first request and stops when a SELECT counts every acknowledged span.
Redaction (its prefilter on every request) is on, as in the default configuration.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time

import grpc

from benchmarks.load import Requests
from benchmarks.server import Server, cpu_seconds, running

_EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def send_for(
    address: str, seconds: float, connections: int = 2, rate: float | None = None, spans: int = 512
) -> tuple[int, int]:
    """Send until `seconds` have passed; returns spans acknowledged and requests refused.

    Args:
        address: OTLP/gRPC host:port.
        seconds: How long to send.
        connections: Independent channels, one request in flight on each.
        rate: Spans per second over all connections; None for as fast as answers come.
        spans: Spans in each request.
    """
    acknowledged = [0] * connections
    refused = [0] * connections
    sources = [Requests(spans=spans, seed=index) for index in range(connections)]
    deadline = time.monotonic() + seconds

    def worker(index: int) -> None:
        requests = sources[index]
        options = [("grpc.use_local_subchannel_pool", 1)]
        pause = connections * spans / rate if rate else 0.0
        with grpc.insecure_channel(address, options=options) as channel:
            export = channel.unary_unary(_EXPORT)
            due = time.monotonic()
            while (now := time.monotonic()) < deadline:
                if pause:
                    due += pause
                    time.sleep(max(0.0, due - now))
                try:
                    export(requests.fresh(), timeout=20)
                    acknowledged[index] += spans
                except grpc.RpcError:
                    refused[index] += 1

    threads = [threading.Thread(target=worker, args=(index,)) for index in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(acknowledged), sum(refused)


def wait_until_stored(server: Server, spans: int, timeout: float = 120) -> None:
    deadline = time.monotonic() + timeout
    while server.spans() < spans:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{server.spans()} of {spans} spans queryable after {timeout} s")
        time.sleep(0.05)


def measure(seconds: float = 20.0) -> dict[str, float]:
    with running() as server:
        sent, _ = send_for(server.addresses["otlp_grpc"], 2.0)
        wait_until_stored(server, sent)
        before = server.spans()
        server_cpu, own_cpu, begun = cpu_seconds(server.pid), time.process_time(), time.monotonic()
        acknowledged, refused = send_for(server.addresses["otlp_grpc"], seconds)
        sent_in = time.monotonic() - begun
        wait_until_stored(server, before + acknowledged)
        elapsed = time.monotonic() - begun
        server_used = cpu_seconds(server.pid) - server_cpu
        own_used = time.process_time() - own_cpu
    return {
        "spans": acknowledged,
        "spans_per_second": round(acknowledged / elapsed),
        "acknowledged_per_second": round(acknowledged / sent_in),
        "requests_refused": refused,
        "seconds": round(elapsed, 2),
        "server_cores": round(server_used / elapsed, 2),
        "generator_cores": round(own_used / elapsed, 2),
        "generator_share_of_machine": round(own_used / elapsed / (os.cpu_count() or 1), 2),
        "server_spans_per_cpu_second": round(acknowledged / server_used),
    }


if __name__ == "__main__":
    print(json.dumps(measure(float(sys.argv[1]) if len(sys.argv) > 1 else 20.0)))
