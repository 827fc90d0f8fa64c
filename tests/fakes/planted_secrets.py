# SPDX-License-Identifier: Apache-2.0
"""One made-up secret of each type, and requests with a text planted in every field.

None was ever issued: numbers are those that issuers publish for tests, keys are typed by hand.
"""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PEM_BODY = "MIIEpAIBAAKCAQEA7bq0mXl3vTfSgQxVb1cV5aQ2FqYp9y"

# type -> (text, the part of it that must be gone)
SECRETS: dict[str, tuple[str, str]] = {
    "EMAIL": ("bob.smith+x@mail.example.com", "bob.smith"),
    "SSN": ("123-45-6789", "45-6789"),
    "CARD": ("4111 1111 1111 1111", "1111 1111"),
    "CARD_PLAIN": ("378282246310005", "378282246310005"),
    "PHONE": ("(555) 123-4567", "123-4567"),
    "PHONE_DASHED": ("555-123-4567", "123-4567"),
    "PHONE_ABROAD": ("+44 20 7946 0958", "7946 0958"),
    "AWS_ACCESS_KEY_ID": ("AKIA" + "IOSFODNN7QRSTUV2", "IOSFODNN7"),
    "AWS_SECRET_KEY": (
        "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "zQ8vLmR2Tx",
        "wJalrXUtnFEMI",
    ),
    "OPENAI_KEY": ("sk-proj-abcDEF1234567890abcdefGHIJ", "abcDEF1234567890"),
    "ANTHROPIC_KEY": ("sk-ant-api03-abcDEF1234567890abcdef", "abcDEF1234567890"),
    "BEARER_TOKEN": ("Bearer abcdef1234567890xyz", "abcdef1234567890"),
    "AUTHORIZATION": ("Authorization: Bearer abcdefghijklmno", "abcdefghijklmno"),
    "BASIC_CREDENTIALS": ("Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNz"),
    "PRIVATE_KEY": (
        f"-----BEGIN RSA PRIVATE KEY-----\n{PEM_BODY}\n-----END RSA PRIVATE KEY-----",
        PEM_BODY,
    ),
    "JWT": (
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
        "dozjgNryP4J3jVmNHl0w5N",
    ),
    "SECRET": ('{"db_password": "hunter2hunter2"}', "hunter2hunter2"),
}


def value(text: str) -> AnyValue:
    return AnyValue(string_value=text)


def attribute(key: str, text: str) -> KeyValue:
    return KeyValue(key=key, value=value(text))


def a_span(name: str = "chat gpt-5") -> Span:
    span = Span(trace_id=bytes(range(1, 17)), span_id=bytes(range(1, 9)), name=name)
    span.start_time_unix_nano = 1_776_311_265_758_613_467
    span.end_time_unix_nano = 1_776_311_265_858_613_467
    return span


def a_request(span: Span | None = None) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    resource_spans = request.resource_spans.add()
    resource_spans.resource.attributes.append(attribute("service.name", "shop"))
    scope_spans = resource_spans.scope_spans.add()
    scope_spans.scope.name = "library"
    scope_spans.spans.append(span if span is not None else a_span())
    return request


def _in_span(change: Callable[[Span, str], object]) -> Callable[[str], ExportTraceServiceRequest]:
    def plant(text: str) -> ExportTraceServiceRequest:
        span = a_span()
        span.attributes.append(attribute("gen_ai.request.model", "gpt-5"))
        change(span, text)
        span.attributes.append(attribute("gen_ai.operation.name", "chat"))
        return a_request(span)

    return plant


def _nested(text: str) -> KeyValue:
    found = KeyValue(key="nested")
    inner = found.value.kvlist_value.values.add(key="list")
    inner.value.array_value.values.add(string_value="first")
    inner.value.array_value.values.add(string_value=text)
    return found


def _outside(where: str) -> Callable[[str], ExportTraceServiceRequest]:
    def plant(text: str) -> ExportTraceServiceRequest:
        request = a_request()
        resource_spans = request.resource_spans[0]
        scope_spans = resource_spans.scope_spans[0]
        if where == "resource":
            resource_spans.resource.attributes.append(attribute("note", text))
        elif where == "resource_schema":
            resource_spans.schema_url = text
        elif where == "scope":
            scope_spans.scope.attributes.append(attribute("note", text))
        elif where == "scope_name":
            scope_spans.scope.name = text
        elif where == "scope_version":
            scope_spans.scope.version = text
        else:
            scope_spans.schema_url = text
        return request

    return plant


def _event(span: Span, text: str) -> None:
    span.events.add(name="exception", time_unix_nano=1_776_311_265_758_613_467).attributes.append(
        attribute("exception.message", text)
    )


def _link(span: Span, text: str) -> None:
    span.links.add(trace_id=bytes(16)).attributes.append(attribute("note", text))


TRACE_FIELDS: dict[str, Callable[[str], ExportTraceServiceRequest]] = {
    "attribute": _in_span(lambda span, text: span.attributes.append(attribute("note", text))),
    "attribute key": _in_span(lambda span, text: span.attributes.append(attribute(text, "x"))),
    "nested": _in_span(lambda span, text: span.attributes.append(_nested(text))),
    "bytes": _in_span(
        lambda span, text: span.attributes.append(
            KeyValue(key="raw", value=AnyValue(bytes_value=text.encode()))
        )
    ),
    "span name": _in_span(lambda span, text: setattr(span, "name", text)),
    "tracestate": _in_span(lambda span, text: setattr(span, "trace_state", text)),
    "status": _in_span(lambda span, text: setattr(span.status, "message", text)),
    "event name": _in_span(lambda span, text: span.events.add(name=text)),
    "event": _in_span(_event),
    "link": _in_span(_link),
    "link tracestate": _in_span(lambda span, text: span.links.add(trace_state=text)),
    **{
        where: _outside(where)
        for where in (
            "resource",
            "resource_schema",
            "scope",
            "scope_name",
            "scope_version",
            "scope_schema",
        )
    },
}


def logs_with(where: str, text: str) -> ExportLogsServiceRequest:
    """A request of one record with `text` in its body, an attribute, its name or its severity."""
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(
            time_unix_nano=1_776_311_265_758_613_467, trace_id=bytes(range(16)), span_id=bytes(8)
        )
    )
    if where == "body":
        record.body.string_value = text
    elif where == "nested body":
        record.body.kvlist_value.values.append(attribute("content", text))
    elif where == "attribute":
        record.attributes.append(attribute("note", text))
    elif where == "event name":
        record.event_name = text
    else:
        record.severity_text = text
    return request


LOG_FIELDS = ("body", "nested body", "attribute", "event name", "severity")
