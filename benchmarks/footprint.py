# SPDX-License-Identifier: Apache-2.0
"""Cold start, and what an idle server costs."""

from __future__ import annotations

import json
import os
import statistics
import time
from urllib.request import Request, urlopen

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.server import Server, cpu_seconds, family, own_mb, resident_mb, running


def measure(starts: int = 5, idle: float = 20.0) -> dict[str, float]:
    """Median seconds to ready over `starts` fresh folders; the last server is watched idle."""
    ready: list[float] = []
    for _ in range(starts - 1):
        with running() as server:
            ready.append(server.seconds_to_ready)
    with running() as server:
        ready.append(server.seconds_to_ready)
        time.sleep(5.0)
        before = cpu_seconds(server.pid)
        time.sleep(idle)
        used = cpu_seconds(server.pid) - before
        memory = resident_mb(server.pid)
        awake = _after_work(server, idle)
    return {
        "seconds_to_ready_median": round(statistics.median(ready), 2),
        "seconds_to_ready_max": round(max(ready), 2),
        "idle_mb": round(memory),
        "idle_percent_of_a_core": round(100 * used / idle, 2),
        **awake,
    }


def _after_work(server: Server, idle: float) -> dict[str, float]:
    """The same once the first spans have started the children that detect and price."""
    call = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 100,
        "gen_ai.prompt": "What is the weather in Paris?",
    }
    _send(server, call)
    _wait_until_drained(server)
    time.sleep(5.0)
    processes = family(server.pid)
    before = sum(map(cpu_seconds, processes))
    time.sleep(idle)
    used = sum(map(cpu_seconds, processes)) - before
    return {
        "processes_after_work": len(processes),
        "idle_mb_after_work_resident": round(sum(map(resident_mb, processes))),
        "idle_mb_after_work": round(sum(map(own_mb, processes))),
        "idle_percent_of_a_core_after_work": round(100 * used / idle, 2),
    }


def _send(server: Server, attributes: dict[str, str | int]) -> None:
    request = ExportTraceServiceRequest()
    now = time.time_ns()
    span = (
        request.resource_spans.add()
        .scope_spans.add()
        .spans.add(
            trace_id=os.urandom(16),
            span_id=os.urandom(8),
            name="call",
            start_time_unix_nano=now - 1_000_000,
            end_time_unix_nano=now,
        )
    )
    for key, value in attributes.items():
        held = span.attributes.add(key=key).value
        if isinstance(value, int):
            held.int_value = value
        else:
            held.string_value = value
    urlopen(
        Request(
            f"http://{server.addresses['otlp_http']}/v1/traces",
            data=request.SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        ),
        timeout=60,
    ).close()


def _wait_until_drained(server: Server, seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with urlopen(f"http://{server.addresses['http']}/health", timeout=60) as answer:
            told = json.load(answer)
        if not any(told.get(f"{group}_lag_records", 1) for group in ("writer", "security", "cost")):
            return
        time.sleep(0.1)
    raise TimeoutError("the workers are not done")


if __name__ == "__main__":
    print(json.dumps(measure()))
