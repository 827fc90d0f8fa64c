# SPDX-License-Identifier: Apache-2.0
"""What our encoder writes, protobuf reads as the very message the stock encoder builds."""

from __future__ import annotations

from typing import Any

from agentstack_exporters.otlp import wire
from agentstack_exporters.otlp.encode import Encoder
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from tests.fakes.otlp_receiver import spans_of

texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=200) | st.text(
    "ab€\U0001f600", min_size=0, max_size=20
).map(lambda text: text * 150)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=50)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(min_size=1), inner, max_size=3)
    ),
    max_leaves=8,
)
attributes = st.dictionaries(st.text(min_size=1, max_size=20), values, max_size=6)
ids = st.integers(1, 2**64 - 1)
trace_ids = st.integers(1, 2**128 - 1)
times = st.integers(0, 2**63)
states = st.dictionaries(
    st.text("abcxyz", min_size=1, max_size=5), st.text("abc123", min_size=1, max_size=5), max_size=2
).map(lambda pairs: TraceState(list(pairs.items())))
contexts = st.builds(SpanContext, trace_ids, ids, st.booleans(), st.just(TraceFlags(1)), states)
resources = st.lists(st.builds(Resource, attributes, texts | st.none()), min_size=1, max_size=2)
scopes = st.lists(
    st.none() | st.builds(InstrumentationScope, texts, texts, texts, attributes),
    min_size=1,
    max_size=2,
)


def own_contexts(number: int) -> st.SearchStrategy[SpanContext]:
    """Contexts that differ between the spans of a batch, by the last bits of the span id."""
    own = ids.map(lambda span_id: span_id // 8 * 8 + number + 1)
    return st.builds(SpanContext, trace_ids, own, st.booleans(), st.just(TraceFlags(1)), states)


def bounded(items: dict[str, Any], limit: int) -> BoundedAttributes:
    return BoundedAttributes(maxlen=limit, attributes=items)


events = st.builds(
    lambda name, items, at, limit: Event(name, bounded(items, limit), at),
    texts,
    attributes,
    times,
    st.integers(1, 6),
)
links = st.builds(
    lambda context, items, limit: Link(context, bounded(items, limit)),
    contexts,
    attributes,
    st.integers(1, 6),
)


@st.composite
def spans(
    draw: st.DrawFn, resource: Resource, scope: InstrumentationScope | None, number: int
) -> ReadableSpan:
    event_list: BoundedList[Event] = BoundedList(2)
    event_list.extend(draw(st.lists(events, max_size=3)))
    link_list: BoundedList[Link] = BoundedList(2)
    link_list.extend(draw(st.lists(links, max_size=3)))
    return ReadableSpan(
        name=draw(texts),
        context=draw(own_contexts(number)),
        parent=draw(st.none() | contexts),
        resource=resource,
        attributes=bounded(draw(attributes), draw(st.integers(1, 6))),
        events=event_list,
        links=link_list,
        kind=draw(st.sampled_from(SpanKind)),
        status=draw(
            st.builds(Status, st.sampled_from((StatusCode.UNSET, StatusCode.OK)))
            | st.builds(Status, st.just(StatusCode.ERROR), st.none() | texts)
        ),
        start_time=draw(times),
        end_time=draw(times),
        instrumentation_scope=scope,
    )


@st.composite
def batches(draw: st.DrawFn) -> list[ReadableSpan]:
    known_resources, known_scopes = draw(resources), draw(scopes)
    pairs = draw(
        st.lists(
            st.tuples(st.sampled_from(known_resources), st.sampled_from(known_scopes)), max_size=4
        )
    )
    return [draw(spans(*pair, number)) for number, pair in enumerate(pairs)]


def expected(batch: list[ReadableSpan]) -> ExportTraceServiceRequest:
    """The stock message, with the one thing it leaves out: the trace state of links."""
    message = encode_spans(batch)
    by_id = {(span.context.trace_id, span.context.span_id): span for span in batch}
    for encoded in spans_of(message):
        key = (int.from_bytes(encoded.trace_id, "big"), int.from_bytes(encoded.span_id, "big"))
        for link, source in zip(encoded.links, by_id[key].links, strict=True):
            link.trace_state = source.context.trace_state.to_header()
    return message


def normal(message: ExportTraceServiceRequest) -> list[tuple[bytes, bytes, bytes]]:
    """Spans with their resource and scope; grouping by equal resources is not part of a value."""
    rows = []
    for resource in message.resource_spans:
        head = resource.SerializeToString(deterministic=True)
        head = type(resource)(resource=resource.resource, schema_url=resource.schema_url)
        for scope in resource.scope_spans:
            middle = type(scope)(scope=scope.scope, schema_url=scope.schema_url)
            rows += [
                (
                    head.SerializeToString(deterministic=True),
                    middle.SerializeToString(deterministic=True),
                    span.SerializeToString(deterministic=True),
                )
                for span in scope.spans
            ]
    return sorted(rows)


@given(batches())
def test_the_message_equals_the_stock_encoders(batch: list[ReadableSpan]) -> None:
    ours = ExportTraceServiceRequest.FromString(Encoder().request(batch))

    assert normal(ours) == normal(expected(batch))


@given(batches(), st.integers(1, 4000))
def test_cut_into_requests_the_spans_stay_the_same(batch: list[ReadableSpan], limit: int) -> None:
    parts = list(Encoder().requests(batch, limit))

    together = ExportTraceServiceRequest()
    for part in parts:
        message = ExportTraceServiceRequest.FromString(part.payload)
        assert len(spans_of(message)) == part.spans
        together.MergeFrom(message)
    assert normal(together) == normal(expected(batch))


@given(batches())
def test_halves_hold_every_span_once(batch: list[ReadableSpan]) -> None:
    payload = Encoder().request(batch)
    parts = wire.halves(payload)

    if len(batch) < 2:
        assert parts is None
        return
    assert parts is not None
    first, second = (ExportTraceServiceRequest.FromString(part) for part, _ in parts)
    assert [len(spans_of(first)), len(spans_of(second))] == [count for _, count in parts]
    first.MergeFrom(second)
    assert normal(first) == normal(ExportTraceServiceRequest.FromString(payload))


@given(st.binary(max_size=200))
def test_any_bytes_are_an_answer(answer: bytes) -> None:
    rejected, message = wire.partial_success(answer)

    assert isinstance(rejected, int)
    assert isinstance(message, str)
    assert wire.status_message(answer)
