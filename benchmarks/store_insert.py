# SPDX-License-Identifier: Apache-2.0
"""OTLP bytes to MergeTree: the engine's own decoding against flattening in Python.

Both roads write the same batches into the same tables of an embedded store, durably, in turn, so
that a noisy machine treats them alike. CPU is that of the whole process: engine threads, views,
merges and syncing included.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

from agentstack_exporters.clickhouse.chdb import ChdbStore, Config
from agentstack_processors.otlp.stamp import stamp
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.load import Requests

SPANS = 512
_KINDS = ("UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER")
_COLUMNS = [
    "project_id",
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "service_name",
    "start_time",
    "end_time",
    "duration_ms",
    "attributes",
    "resource_attributes",
    "scope_name",
    "operation",
    "provider",
    "model",
    "agent",
    "conversation",
    "input_tokens",
    "output_tokens",
    "ingested_at",
]


def measure(batches: int = 6, requests: int = 76) -> dict[str, float]:
    """Median spans per CPU-second of each road over `batches` batches of `requests` x 512 spans."""
    source = Requests(SPANS)
    store = ChdbStore(Config())
    store.migrate()
    ours: list[float] = []
    baseline: list[float] = []
    try:
        for number in range(-1, batches):  # the first round warms both roads up
            ours.append(_rate(source, requests, lambda p, n=number: _decode(store, p, n)))
            if number % 4 == 0 or number < 0:  # the slow road needs fewer samples
                baseline.append(_rate(source, 4, lambda p, n=number: _flatten(store, p, n)))
    finally:
        store.close()
    rate, base = statistics.median(ours[1:]), statistics.median(baseline[1:])
    return {
        "spans_per_cpu_second": round(rate),
        "python_baseline_spans_per_cpu_second": round(base),
        "ratio": round(rate / base, 1),
        "batch_spans": requests * SPANS,
    }


def _rate(source: Requests, requests: int, insert: Callable[[list[bytes]], None]) -> float:
    payloads = [stamp(source.fresh(), "default", time.time_ns()) for _ in range(requests)]
    before = time.process_time()
    insert(payloads)
    return requests * SPANS / (time.process_time() - before)


def _decode(store: ChdbStore, payloads: list[bytes], number: int) -> None:
    store.insert_otlp(payloads, token=f"decode-{number}")


def _flatten(store: ChdbStore, payloads: list[bytes], number: int) -> None:
    """The usual way: parse, build a row a span, send rows."""
    rows = [row for payload in payloads for row in _rows(payload)]
    store.insert("spans", _COLUMNS, rows, token=f"flatten-{number}")


def _rows(payload: bytes) -> list[list[Any]]:
    request = ExportTraceServiceRequest.FromString(payload)
    rows = []
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            name = scope_spans.scope.name
            rows += [_row(span, resource, name) for span in scope_spans.spans]
    return rows


def _row(span: Any, resource: dict[str, str], scope: str) -> list[Any]:
    found = _attributes(span)
    start, end = span.start_time_unix_nano, span.end_time_unix_nano
    return [
        "default",
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.name,
        _KINDS[span.kind],
        resource.get("service.name", ""),
        _time(start),
        _time(end),
        (end - start) / 1e6,
        found,
        resource,
        scope,
        found.get("gen_ai.operation.name", ""),
        found.get("gen_ai.provider.name", ""),
        found.get("gen_ai.request.model", ""),
        found.get("gen_ai.agent.name", ""),
        found.get("gen_ai.conversation.id", ""),
        int(found.get("gen_ai.usage.input_tokens", 0)),
        int(found.get("gen_ai.usage.output_tokens", 0)),
        _time(time.time_ns()),
    ]


def _attributes(holder: Message) -> dict[str, str]:
    found = {}
    for pair in holder.attributes:  # type: ignore[attr-defined]  # spans and resources alike
        kind = pair.value.WhichOneof("value")
        found[pair.key] = str(getattr(pair.value, kind)) if kind else ""
    return found


def _time(nanoseconds: int) -> str:
    return f"{nanoseconds // 10**9}.{nanoseconds % 10**9:09d}"


if __name__ == "__main__":
    print(json.dumps(measure()))
