# SPDX-License-Identifier: Apache-2.0
"""GenAI log records as spans: content may travel in events, and is judged like that of spans.

Two generations exist: one record an inference, with the message lists as attributes
(`gen_ai.client.inference.operation.details`), and one record a message, with the message as the
body (`gen_ai.user.message`, `gen_ai.choice`, …).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agentstack_processors.otlp.opened import OpenSpan
from agentstack_processors.otlp.reference import value_json
from agentstack_processors.otlp.stamp import read_stamp
from agentstack_processors.semconv.attributes import SERVICE_NAME
from agentstack_processors.verdicts import Reject
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

_PREFIX = "gen_ai."
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}
_CHOICE = "gen_ai.choice"


def open_logs(payload: bytes) -> Iterator[OpenSpan]:
    """The GenAI records of one stamped ExportLogsServiceRequest, each as a span without duration.

    They carry no operation: nothing that counts calls or tokens counts them twice.

    Raises:
        Reject: The bytes are not such a message.
    """
    try:
        request = ExportLogsServiceRequest.FromString(payload)
    except DecodeError:
        raise Reject("not OTLP: the protobuf does not decode") from None
    stamp = read_stamp(payload)
    for resource_logs in request.resource_logs:
        resource = _attributes(resource_logs.resource.attributes)
        for scope_logs in resource_logs.scope_logs:
            for record in scope_logs.log_records:
                attributes = _attributes(record.attributes)
                name = record.event_name or attributes.get("event.name", "")
                if name.startswith(_PREFIX):
                    attributes |= _message(name, record.body)
                    yield _span(record, name, attributes, resource, stamp)


def _span(
    record: Any,
    name: str,
    attributes: Mapping[str, str],
    resource: Mapping[str, str],
    stamp: tuple[str, int],
) -> OpenSpan:
    project, received_at = stamp
    at = record.time_unix_nano or record.observed_time_unix_nano or received_at
    return OpenSpan(
        project=project,
        received_at=received_at,
        trace_id=record.trace_id.hex() if any(record.trace_id) else "",
        span_id=record.span_id.hex() if any(record.span_id) else "",
        parent_span_id="",
        name=name,
        service_name=resource.get(SERVICE_NAME, ""),
        status="UNSET",
        status_message="",
        start=at,
        end=at,
        attributes=attributes,
        resource=resource,
        events=(),
        operation="",
        provider=attributes.get("gen_ai.provider.name", ""),
        model=attributes.get("gen_ai.request.model", ""),
        agent=attributes.get("gen_ai.agent.name", ""),
        tool=attributes.get("gen_ai.tool.name", ""),
        conversation=attributes.get("gen_ai.conversation.id", ""),
        input_tokens=0,
        output_tokens=0,
        cached_tokens=0,
        reasoning_tokens=0,
    )


def _message(name: str, body: Any) -> dict[str, str]:
    """The body of a record that is one message, as the message list it would be today."""
    role = _ROLES.get(name)
    if role is None and name != _CHOICE:
        return {}
    value = _value(body)
    if name == _CHOICE:
        value = value.get("message", value) if isinstance(value, dict) else value
        return {"gen_ai.output.messages": _list("assistant", value)}
    return {"gen_ai.input.messages": _list(role or "user", value)}


def _list(role: str, value: Any) -> str:
    message = value if isinstance(value, dict) else {"content": value}
    return json.dumps([{"role": role, **message}])


def _attributes(pairs: Any) -> dict[str, str]:
    texts: dict[str, str] = {}
    for pair in pairs:
        texts.setdefault(pair.key, _text(pair.value))
    return texts


def _text(value: Any) -> str:
    text: str = value.string_value
    if text or value.WhichOneof("value") in (None, "string_value"):
        return text
    return value_json(value.SerializeToString())


def _value(value: Any) -> Any:
    """An AnyValue as what JSON knows; text that holds JSON is opened."""
    text = _text(value)
    try:
        return json.loads(text) if text[:1] in ("[", "{") else text
    except (ValueError, RecursionError):
        return text


__all__ = ["open_logs"]
