# SPDX-License-Identifier: Apache-2.0
"""Records from the log as spans a processor can look at: what detection and pricing read.

One upb parse and one dict a span. Values are the texts the store shows for them, so a finding can
be looked up by what it quotes. `reference` decodes everything and independently; this decodes what
the gateway let through, several times as fast.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agentstack_processors.otlp.reference import double_text, value_json
from agentstack_processors.otlp.stamp import read_stamp
from agentstack_processors.semconv.attributes import SERVICE_NAME
from agentstack_processors.semconv.dialects import normalise
from agentstack_processors.verdicts import Reject

_STATUSES = ("UNSET", "OK", "ERROR")


@dataclass(frozen=True, slots=True)
class OpenEvent:
    """An event of a span. `time` in nanoseconds since the epoch."""

    time: int
    name: str
    attributes: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OpenSpan:
    """A span with its canonical columns.

    Attributes:
        project: Tenant from the gateway's stamp.
        received_at: When the gateway took it; nanoseconds since the epoch.
        trace_id: 32 lower-case hex digits.
        span_id: 16 of them.
        parent_span_id: 16 of them, or '' for a root.
        name: Span name.
        service_name: `service.name` of the resource.
        status: OK, ERROR or UNSET.
        status_message: What came with it.
        start: Nanoseconds since the epoch.
        end: Likewise; not before `start`.
        attributes: Key to text; the first of duplicate keys.
        resource: Likewise, of the resource.
        events: In the span's order.
        operation: `gen_ai.operation.name`, canonical whatever the dialect; so for the rest.
        provider: `gen_ai.provider.name`.
        model: Request model, else response model.
        agent: `gen_ai.agent.name`.
        tool: `gen_ai.tool.name`.
        conversation: `gen_ai.conversation.id`.
        input_tokens: Cached ones included.
        output_tokens: Reasoning included.
        cached_tokens: Read from a cache.
        reasoning_tokens: Part of the output.
    """

    project: str
    received_at: int
    trace_id: str
    span_id: str
    parent_span_id: str
    name: str
    service_name: str
    status: str
    status_message: str
    start: int
    end: int
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    events: tuple[OpenEvent, ...]
    operation: str
    provider: str
    model: str
    agent: str
    tool: str
    conversation: str
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int


def open_traces(payload: bytes) -> Iterator[OpenSpan]:
    """The spans of one stamped ExportTraceServiceRequest, in its order.

    Raises:
        Reject: The bytes are not such a message.
    """
    try:
        request = ExportTraceServiceRequest.FromString(payload)
    except DecodeError:
        raise Reject("not OTLP: the protobuf does not decode") from None
    project, received_at = read_stamp(payload)
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _open(span, resource, project, received_at)


def _open(span: Any, resource: Mapping[str, str], project: str, received_at: int) -> OpenSpan:
    attributes = _attributes(span.attributes)
    parent = span.parent_span_id
    status = span.status
    start = span.start_time_unix_nano
    columns: Any = normalise(attributes, root=not any(parent))
    return OpenSpan(
        project=project,
        received_at=received_at,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=parent.hex() if any(parent) else "",
        name=span.name,
        service_name=resource.get(SERVICE_NAME, ""),
        status=_STATUSES[status.code] if status.code in (0, 1, 2) else "UNSET",
        status_message=status.message,
        start=start,
        end=max(start, span.end_time_unix_nano),
        attributes=attributes,
        resource=resource,
        events=tuple(
            OpenEvent(event.time_unix_nano, event.name, _attributes(event.attributes))
            for event in span.events
        ),
        **columns,
    )


def _attributes(pairs: Any) -> dict[str, str]:
    texts: dict[str, str] = {}
    for pair in pairs:
        value = pair.value
        text = value.string_value or _text(value)
        key = pair.key
        if key not in texts:
            texts[key] = text
    return texts


def _text(value: Any) -> str:
    kind = value.WhichOneof("value")
    if kind == "int_value":
        return str(value.int_value)
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "double_value":
        return double_text(value.double_value)
    if kind == "bytes_value":
        return base64.b64encode(value.bytes_value).decode()
    if kind in ("array_value", "kvlist_value"):
        return value_json(value.SerializeToString())
    return ""


__all__ = ["OpenEvent", "OpenSpan", "open_traces"]
