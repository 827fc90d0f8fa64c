# SPDX-License-Identifier: Apache-2.0
"""Send the shared trace with one of the stock Python exporters.

`python send.py grpc|http TRACE_JSON ENDPOINT TRACE_ID BASE_SECONDS [gzip]`

Imports nothing of ours, and the SDK is set up by hand so that our distro has no part in it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)


class FixedIds(IdGenerator):
    """The ids of the shared trace, in the order its spans are started."""

    def __init__(self, trace_id: str, span_ids: list[str]) -> None:
        self._trace_id = int(trace_id, 16)
        self._span_ids = iter(span_ids)

    def generate_trace_id(self) -> int:
        return self._trace_id

    def generate_span_id(self) -> int:
        return int(next(self._span_ids), 16)


def exporter(protocol: str, endpoint: str, compression: str | None) -> SpanExporter:
    if protocol == "grpc":
        import grpc
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as Grpc

        squeeze = grpc.Compression.Gzip if compression else grpc.Compression.NoCompression
        return Grpc(endpoint=endpoint, insecure=True, compression=squeeze)
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter as Http

    return Http(
        endpoint=endpoint,
        compression=Compression.Gzip if compression else Compression.NoCompression,
    )


def attributes(fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {field["key"]: field["value"] for field in fields}


def main(protocol: str, file: str, endpoint: str, trace_id: str, base: str, *rest: str) -> None:
    shared = json.loads(Path(file).read_text())

    def at(text: str) -> int:
        seconds, nanoseconds = text.split(".")
        return (int(base) + int(seconds)) * 10**9 + int(nanoseconds)

    provider = TracerProvider(
        resource=Resource.create(shared["resource"]),
        id_generator=FixedIds(trace_id, [span["id"] for span in shared["spans"]]),
    )
    provider.add_span_processor(
        BatchSpanProcessor(exporter(protocol, endpoint, rest[0] if rest else None))
    )
    tracer = provider.get_tracer(shared["scope"]["name"], shared["scope"]["version"])
    contexts: dict[str, Any] = {"": None}
    started = []
    for one in shared["spans"]:
        span = tracer.start_span(
            one["name"],
            context=contexts[one["parent"]],
            kind=SpanKind[one["kind"]],
            start_time=at(one["start"]),
            attributes=attributes(one["attributes"]),
            links=[
                Link(
                    SpanContext(
                        int(link["trace_id"], 16), int(link["span_id"], 16), True, TraceFlags(1)
                    ),
                    attributes(link["attributes"]),
                )
                for link in one["links"]
            ],
        )
        contexts[one["id"]] = set_span_in_context(span)
        for event in one["events"]:
            span.add_event(event["name"], attributes(event["attributes"]), at(event["time"]))
        if one["status"]["code"] != "UNSET":
            span.set_status(
                Status(StatusCode[one["status"]["code"]], one["status"]["message"] or None)
            )
        started.append((span, at(one["end"])))
    for span, end in reversed(started):
        span.end(end_time=end)
    provider.shutdown()


if __name__ == "__main__":
    main(*sys.argv[1:])
