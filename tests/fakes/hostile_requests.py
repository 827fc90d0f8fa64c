# SPDX-License-Identifier: Apache-2.0
"""OTLP requests with a secret in every place that can hold a text, or a number.

`CANARY` stands beside them: it is harmless, must survive, and shows that a search would have seen
what stands there.
"""

from __future__ import annotations

import base64
import itertools
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.fakes.hostile_plants import FORMS, Planter

CANARY = "harmless-canary-quokka"
_UNKNOWN = 0xFA, 0x3E  # field 999, length-delimited: of an OTLP version to come
_DEEP = 6

Plant = Callable[[Span, str], object]


def string(text: str) -> AnyValue:
    return AnyValue(string_value=text)


def pair(key: str, value: AnyValue) -> KeyValue:
    return KeyValue(key=key, value=value)


def array(*values: AnyValue) -> AnyValue:
    made = AnyValue()
    made.array_value.values.extend(values)
    return made


def kvlist(*pairs: KeyValue) -> AnyValue:
    made = AnyValue()
    made.kvlist_value.values.extend(pairs)
    return made


def deep(text: str) -> AnyValue:
    """A text below maps in arrays in maps."""
    value = string(text)
    for level in range(_DEEP):
        value = kvlist(pair("in", value)) if level % 2 else array(string("first"), value)
    return kvlist(pair("top", value))


def unknown(text: str) -> bytes:
    """A field no OTLP version knows, holding a text."""
    data = text.encode()
    size = len(data)
    length = bytes((size,)) if size < 128 else bytes((size & 0x7F | 0x80, size >> 7))
    return bytes(_UNKNOWN) + length + data


def with_unknown(message: Any, text: str) -> Any:
    """The message with such a field behind it."""
    return type(message).FromString(message.SerializeToString() + unknown(text))


VALUES: dict[str, Callable[[str], AnyValue]] = {
    "string": string,
    "bytes": lambda text: AnyValue(bytes_value=text.encode()),
    "binary": lambda text: AnyValue(bytes_value=b"\xff\x00 " + text.encode() + b" \xfe"),
    "array": lambda text: array(string("first"), string(text), AnyValue(int_value=3)),
    "bytes in array": lambda text: array(AnyValue(bytes_value=text.encode())),
    "kvlist": lambda text: kvlist(pair("note", string(text))),
    "kvlist key": lambda text: kvlist(pair(text, string("x"))),
    "map in array": lambda text: array(kvlist(pair("note", string(text)))),
    "deep": deep,
}


def _attribute(make: Callable[[str], AnyValue]) -> Plant:
    return lambda span, text: span.attributes.append(pair("note", make(text)))


def _named(name: str) -> Plant:
    return lambda span, text: span.attributes.append(pair(name, string(text)))


def _event(name: str, key: str) -> Plant:
    def plant(span: Span, text: str) -> None:
        event = span.events.add(name=name, time_unix_nano=time.time_ns())
        event.attributes.append(pair(key, string(text)))

    return plant


def _stack(span: Span, text: str) -> None:
    trace = f'Traceback (most recent call last):\n  File "app.py", line 3\nValueError: {text}\n'
    event = span.events.add(name="exception", time_unix_nano=time.time_ns())
    for key, value in (("type", "ValueError"), ("message", text), ("stacktrace", trace)):
        event.attributes.append(pair(f"exception.{key}", string(value)))


def _messages(span: Span, text: str) -> None:
    message = kvlist(
        pair("role", string("user")),
        pair("parts", array(kvlist(pair("type", string("text")), pair("content", string(text))))),
    )
    span.attributes.append(pair("gen_ai.input.messages", array(message)))


def _json_messages(span: Span, text: str) -> None:
    said = [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
    span.attributes.append(pair("gen_ai.output.messages", string(json.dumps(said))))


def _flattened(span: Span, text: str) -> None:
    span.attributes.append(pair("llm.input_messages.0.message.content", string(text)))


def _link(span: Span, text: str) -> None:
    link = span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    link.attributes.append(pair("note", string(text)))


def _link_state(span: Span, text: str) -> None:
    span.links.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8, trace_state=f"a={text}")


IN_SPAN: dict[str, Plant] = {
    **{f"attribute ({kind})": _attribute(make) for kind, make in VALUES.items()},
    "attribute key": lambda span, text: span.attributes.append(pair(text, string("x"))),
    "span name": lambda span, text: setattr(span, "name", text),
    "trace state": lambda span, text: setattr(span, "trace_state", f"vendor={text}"),
    "status": lambda span, text: setattr(span.status, "message", text),
    "event name": lambda span, text: span.events.add(name=text, time_unix_nano=1),
    "event": _event("looked up", "note"),
    "event key": lambda span, text: span.events.add(name="e").attributes.append(
        pair(text, string("x"))
    ),
    "exception": _stack,
    "message event": _event("gen_ai.user.message", "content"),
    "link": _link,
    "link state": _link_state,
    "messages": _messages,
    "messages as json": _json_messages,
    "flattened messages": _flattened,
    "tool arguments": _named("gen_ai.tool.call.arguments"),
    "tool result": _named("gen_ai.tool.call.result"),
    "model": _named("gen_ai.request.model"),
    "agent": _named("gen_ai.agent.name"),
    "conversation": _named("gen_ai.conversation.id"),
    "url": _named("url.full"),
    "statement": _named("db.query.text"),
}

# where a message of the request may carry a text that belongs to no span
IN_RESOURCE: dict[str, Callable[[Any, str], object]] = {
    **{
        f"resource ({kind})": lambda group, text, make=make: group.resource.attributes.append(
            pair("note", make(text))
        )
        for kind, make in VALUES.items()
    },
    "resource key": lambda group, text: group.resource.attributes.append(pair(text, string("x"))),
    "service": lambda group, text: group.resource.attributes.append(
        pair("service.name", string(text))
    ),
    "entity": lambda group, text: group.resource.entity_refs.add(type=text, id_keys=[text]),
    "resource schema": lambda group, text: setattr(group, "schema_url", text),
}
IN_SCOPE: dict[str, Callable[[Any, str], object]] = {
    "scope name": lambda scope, text: setattr(scope.scope, "name", text),
    "scope version": lambda scope, text: setattr(scope.scope, "version", text),
    "scope attribute": lambda scope, text: scope.scope.attributes.append(
        pair("note", string(text))
    ),
    "scope schema": lambda scope, text: setattr(scope, "schema_url", text),
}

# names that make whatever stands under them a secret
SECRET_NAMES = ("db.password", "http.request.header.authorization", "OPENAI_API_KEY", "set-cookie")

IN_RECORD: dict[str, Callable[[LogRecord, str], object]] = {
    **{
        f"body ({kind})": lambda record, text, make=make: record.body.CopyFrom(make(text))
        for kind, make in VALUES.items()
    },
    **{
        f"log attribute ({kind})": lambda record, text, make=make: record.attributes.append(
            pair("note", make(text))
        )
        for kind, make in VALUES.items()
    },
    "log attribute key": lambda record, text: record.attributes.append(pair(text, string("x"))),
    "severity": lambda record, text: setattr(record, "severity_text", text),
    "event name": lambda record, text: setattr(record, "event_name", f"gen_ai.{text}"),
}


class Requests:
    """Makes requests; every secret in them is the planter's.

    Args:
        planter: Draws and remembers the secrets.
        road: Leads their names: one road in, one run of numbers.
    """

    def __init__(self, planter: Planter, road: str) -> None:
        self._planter = planter
        self._road = road
        self._spans = 0

    def _new_span(self, name: str = "step") -> Span:
        self._spans += 1
        begun = time.time_ns() - 1_000_000_000
        road = self._road.encode().ljust(12, b".")[:12]
        span = Span(
            trace_id=road + self._spans.to_bytes(4, "big"),
            span_id=road[:4] + self._spans.to_bytes(4, "big"),
            name=name,
            start_time_unix_nano=begun,
            end_time_unix_nano=begun + 1_000_000,
        )
        span.attributes.append(pair("canary", string(CANARY)))
        return span

    def _texts(self, where: str, forms: tuple[str, ...] = ("plain",)) -> Iterator[str]:
        return self._planter.everywhere(f"{self._road}, {where}", forms)

    def spans(self) -> Iterator[Span]:
        """One span for each place and kind; in the first place in every form as well."""
        for where, plant in IN_SPAN.items():
            forms = tuple(FORMS) if where in ("attribute (string)", "tool result") else ("plain",)
            for text in self._texts(where, forms):
                span = self._new_span()
                plant(span, text)
                yield span
        yield from self._secrets_by_name()
        yield from self._numbers()
        yield from self._split()

    def _secrets_by_name(self) -> Iterator[Span]:
        """Values that nothing but their name gives away, at every depth and of every kind."""
        for name in SECRET_NAMES:
            for kind, make in VALUES.items():
                if kind == "kvlist key":
                    continue
                word = self._planter.secret("keyword", f"{self._road}, {name} ({kind})").needle
                span = self._new_span()
                span.attributes.append(pair(name, make(word)))
                yield span
            word = self._planter.secret("keyword", f"{self._road}, {name} below").needle
            span = self._new_span()
            span.attributes.append(pair("headers", kvlist(pair(name, string(word)))))
            yield span

    def _numbers(self) -> Iterator[Span]:
        """A card number that is a number."""
        for kind in ("int", "double"):
            digits = self._planter.card(f"{self._road}, {kind}")
            span = self._new_span()
            value = AnyValue(**{f"{kind}_value": int(digits)})
            span.attributes.append(pair("paid.with", value))
            span.attributes.append(pair("listed", array(value)))
            span.attributes.append(pair("mapped", kvlist(pair("paid", value))))
            yield span

    def _split(self) -> Iterator[Span]:
        """Secrets cut up by streaming, within one message: their pieces are the needles."""
        for kind in ("github", "openai", "email", "aws secret", "bearer"):
            for how in ("array", "json deltas", "json parts"):
                if (how, kind) == ("array", "email"):
                    continue  # ["to", "bob@…"] is a list of two: see `redaction.arrays`
                name = f"{self._road}, split ({how})"
                secret = self._planter.secret(kind, name)
                text = f"the value is {secret.text} as agreed"
                size = max(8, len(secret.needle) // 2)
                begin = text.index(secret.needle)
                cuts = [0, begin + size, len(text)]
                pieces = [text[a:b] for a, b in itertools.pairwise(cuts)]
                self._planter.needles[f"{name}: {kind}"] = secret.needle[:size]
                span = self._new_span()
                span.attributes.append(_pieces(how, pieces))
                yield span

    def traces(self, spans_each: int = 64) -> Iterator[ExportTraceServiceRequest]:
        """Requests of many spans, then one for each place outside of spans, of many resources."""
        for group in _grouped(self.spans(), spans_each):
            yield request_of(group)
        for where, put in {**IN_RESOURCE, **IN_SCOPE}.items():
            made = ExportTraceServiceRequest()
            for text in self._texts(where):
                resource = made.resource_spans.add()
                resource.CopyFrom(request_of([self._new_span()]).resource_spans[0])
                put(resource if where in IN_RESOURCE else resource.scope_spans[0], text)
            yield made

    def with_unknown_fields(self) -> Iterator[bytes]:
        """Fields of a version to come, in each message on the way down."""
        for text in self._texts("unknown field of the request"):
            yield request_of([self._new_span()]).SerializeToString() + unknown(text)
        texts = self._texts("unknown field of a span")
        spans = [with_unknown(self._new_span(), text) for text in texts]
        yield request_of(spans).SerializeToString()
        spans = []
        for text in self._texts("unknown field of a value"):
            spans.append(self._new_span())
            spans[-1].attributes.append(pair("note", with_unknown(string("x"), text)))
        yield request_of(spans).SerializeToString()

    def with_invalid_utf8(self) -> Iterator[bytes]:
        """A byte that is no UTF-8 right beside the secret: the request is mended, not refused."""
        mark = "~~~"
        for where in ("attribute (string)", "span name", "attribute (deep)"):
            spans = []
            for text in self._texts(f"invalid UTF-8, {where}"):
                spans.append(self._new_span())
                IN_SPAN[where](spans[-1], f"{mark} {text} {mark}")
            yield request_of(spans).SerializeToString().replace(mark.encode(), b"\xff\xc3\x28")

    def partly_bad(self) -> Iterator[bytes]:
        """Good spans beside some that are refused by name."""
        faults: list[Callable[[Span], object]] = [
            lambda span: setattr(span, "trace_id", b"short"),
            lambda span: setattr(span, "span_id", bytes(8)),
            lambda span: setattr(span, "parent_span_id", b"x"),
            lambda span: setattr(span, "start_time_unix_nano", 5),
            lambda span: setattr(span, "end_time_unix_nano", 1 << 63),
        ]
        for number, break_it in enumerate(faults):
            spans = [self._new_span()]
            for text in self._texts(f"refused span {number}"):
                spans.append(self._new_span(text))
                spans[-1].attributes.append(pair("note", string(text)))
                break_it(spans[-1])
            yield request_of(spans).SerializeToString()

    def logs(self) -> Iterator[ExportLogsServiceRequest]:
        """GenAI events with a secret in each place, and other records, which are not stored."""
        for group in _grouped(self._records(), 64):
            yield logs_of(*group)
        for where, put in IN_RESOURCE.items():
            made = ExportLogsServiceRequest()
            for text in self._texts(f"log {where}"):
                record = LogRecord(event_name="gen_ai.choice", time_unix_nano=time.time_ns())
                made.resource_logs.append(logs_of(record).resource_logs[0])
                put(made.resource_logs[-1], text)
            yield made
        texts = self._texts("a log record that is no GenAI event")
        yield logs_of(*(LogRecord(body=string(t), time_unix_nano=time.time_ns()) for t in texts))

    def _records(self) -> Iterator[LogRecord]:
        for where, put in IN_RECORD.items():
            forms = tuple(FORMS) if where == "body (string)" else ("plain",)
            for text in self._texts(f"log {where}", forms):
                record = LogRecord(
                    event_name="gen_ai.client.inference.operation.details",
                    time_unix_nano=time.time_ns(),
                )
                record.attributes.append(pair("canary", string(CANARY)))
                put(record, text)
                yield record

    def metrics(self) -> Iterator[ExportMetricsServiceRequest]:
        """Metrics, which are counted and dropped."""
        made = ExportMetricsServiceRequest()
        for text in self._texts("metric"):
            group = made.resource_metrics.add()
            group.resource.attributes.append(pair("note", string(text)))
            metric = group.scope_metrics.add().metrics.add(name=text, description=text)
            metric.sum.data_points.add(as_int=1).attributes.append(pair(text, string(text)))
        yield made

    def malformed(self) -> Iterator[bytes]:
        """Bodies that are no OTLP at all, secret and all."""
        for text in self._texts("cut off"):
            yield request_of([self._new_span(text)]).SerializeToString()[:-9]
        for text in self._texts("no protobuf"):
            yield text.encode()

    def malformed_json(self) -> Iterator[bytes]:
        """JSON that is none, and JSON with a text where something else belongs."""
        texts = self._texts("bad json")
        shapes: list[Callable[[str], bytes]] = [
            lambda text: json.dumps({"resourceSpans": text})[:-1].encode(),
            lambda text: json.dumps({"resourceSpans": text}).encode(),
            lambda text: json.dumps({text: [], "resourceSpans": [{text: 1}, 3]}).encode(),
            *(_bad_span(field) for field in ("traceId", "startTimeUnixNano", "kind", "flags")),
            *(_bad_value(field) for field in ("intValue", "boolValue", "bytesValue", text_field)),
        ]
        for text in texts:
            for shape in shapes:
                yield shape(text)


text_field = "noSuchValue"


def _bad_span(field: str) -> Callable[[str], bytes]:
    def make(text: str) -> bytes:
        span = {"traceId": "01" * 16, "spanId": "02" * 8, field: text}
        return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()

    return make


def _bad_value(field: str) -> Callable[[str], bytes]:
    def make(text: str) -> bytes:
        attribute = {"key": "note", "value": {field: text}}
        span = {"traceId": "01" * 16, "spanId": "02" * 8, "attributes": [attribute]}
        return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()

    return make


def _grouped(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while group := list(itertools.islice(items, size)):
        yield group


def _pieces(how: str, pieces: list[str]) -> KeyValue:
    if how == "array":
        return pair("chunks", array(*map(string, pieces)))
    key = "delta" if how == "json deltas" else "content"
    return pair("gen_ai.output.messages", string(json.dumps([{key: piece} for piece in pieces])))


def request_of(spans: list[Span]) -> ExportTraceServiceRequest:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.append(pair("service.name", string("shop")))
    group.scope_spans.add().spans.extend(spans)
    return made


def logs_of(*records: LogRecord) -> ExportLogsServiceRequest:
    made = ExportLogsServiceRequest()
    made.resource_logs.add().scope_logs.add().log_records.extend(records)
    return made


def as_json(request: Any) -> bytes:
    """The request as OTLP/JSON: ids in hex, 64-bit numbers as text."""
    from google.protobuf.json_format import MessageToDict

    tree = MessageToDict(request)
    _hex_ids(tree)
    return json.dumps(tree).encode()


def _hex_ids(node: Any) -> None:
    if isinstance(node, list):
        for item in node:
            _hex_ids(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in ("traceId", "spanId", "parentSpanId") and isinstance(value, str):
                node[key] = base64.b64decode(value).hex()
            else:
                _hex_ids(value)


__all__ = [
    "CANARY",
    "Requests",
    "array",
    "as_json",
    "kvlist",
    "logs_of",
    "pair",
    "request_of",
    "string",
]
