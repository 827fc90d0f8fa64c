# SPDX-License-Identifier: Apache-2.0
"""Stamped requests of spans with given names, as the gateway writes them to the log."""

from __future__ import annotations

import itertools
import time

from agentstack_exporters.log.protocol import Record
from agentstack_processors.otlp.stamp import stamp
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_numbers = itertools.count(1)


def spans(
    *names: str, project: str = "default", trace: int = 1, texts: tuple[str, ...] = ()
) -> Record:
    """One record: a chat span for each name, in trace number `trace`.

    `texts` become what the user says in each of them.
    """
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    resource.resource.attributes.add(key="service.name").value.string_value = "shop"
    found = resource.scope_spans.add().spans
    now = time.time_ns()
    for at, name in enumerate(names):
        span = found.add(
            trace_id=trace.to_bytes(16, "big"),
            span_id=next(_numbers).to_bytes(8, "big"),
            name=name,
            start_time_unix_nano=now,
            end_time_unix_nano=now + 1_000_000,
        )
        span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
        if at < len(texts):
            span.attributes.add(key="gen_ai.prompt").value.string_value = texts[at]
    return Record(stamp(request.SerializeToString(), project, now), len(names), now, project)
