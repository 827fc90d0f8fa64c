# SPDX-License-Identifier: Apache-2.0
"""What the gateway takes out, repairs and rewrites in a request, and what it leaves alone."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from agentstack_processors.otlp import validate
from agentstack_processors.otlp.canonical import MAX_DEPTH, double_text
from agentstack_processors.otlp.request import (
    Window,
    check_logs,
    check_traces,
    count_data_points,
)
from agentstack_processors.otlp.stamp import (
    PROJECT_FIELD,
    RECEIVED_AT_FIELD,
    read_stamp,
    stamp,
    unstamped,
)
from agentstack_processors.otlp.wire import varint
from agentstack_processors.verdicts import Reject
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from agentstack_otel.collector.pipeline import Config, Pipeline
from tests.fakes.otlp_requests import (
    NS,
    TRACE,
    log_request,
    metric_request,
    span_id,
    spans_of,
    trace_request,
)

NOW = time.time_ns()
WINDOW = Window(oldest=NOW - 90 * 86_400 * NS, newest=4_102_444_800 * NS)


_NEVER = varint(536_870_911 << 3 | 2)


def _with_value(value: AnyValue) -> bytes:
    request = trace_request(1)
    attribute = request.resource_spans[0].scope_spans[0].spans[0].attributes.add(key="odd")
    attribute.value.CopyFrom(value)
    return request.SerializeToString()


def _stored_value(payload: bytes) -> AnyValue:
    return spans_of(check_traces(payload, WINDOW).payload)[0].attributes[-1].value


def _nested(levels: int) -> bytes:
    """The bytes of an AnyValue of maps in maps; deeper than a protobuf parser would follow."""
    value = AnyValue(int_value=1).SerializeToString()
    for _ in range(levels):
        pair = b"\x0a\x01k\x12" + varint(len(value)) + value
        pairs = b"\x0a" + varint(len(pair)) + pair
        value = b"\x32" + varint(len(pairs)) + pairs
    return value


def _request_around(value: bytes) -> bytes:
    span = b"\x0a\x10" + TRACE + b"\x12\x08" + span_id(0) + b"\x39" + NOW.to_bytes(8, "little")
    attribute = b"\x0a\x01a\x12" + varint(len(value)) + value
    body = span + b"\x4a" + varint(len(attribute)) + attribute
    for _ in range(3):
        body = b"\x12" + varint(len(body)) + body
    return b"\x0a" + body[1:]


def test_a_good_request_passes_as_the_very_same_bytes() -> None:
    payload = trace_request(3).SerializeToString()
    checked = check_traces(payload, WINDOW)
    assert checked.payload is payload
    assert (checked.spans, checked.rejected, checked.reasons) == (3, 0, ())


def test_an_empty_request_is_no_fault() -> None:
    assert check_traces(b"", WINDOW).spans == 0
    assert check_traces(b"", WINDOW).rejected == 0


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trace_id": b""}, validate.BAD_TRACE_ID),
        ({"trace_id": bytes(16)}, validate.BAD_TRACE_ID),
        ({"trace_id": b"short"}, validate.BAD_TRACE_ID),
        ({"trace_id": b"x" * 17}, validate.BAD_TRACE_ID),
        ({"span_id": b""}, validate.BAD_SPAN_ID),
        ({"span_id": bytes(8)}, validate.BAD_SPAN_ID),
        ({"span_id": b"x" * 9}, validate.BAD_SPAN_ID),
        ({"parent_span_id": b"abc"}, validate.BAD_PARENT),
        ({"start_time_unix_nano": 0}, validate.TOO_OLD),
        ({"start_time_unix_nano": NOW - 91 * 86_400 * NS}, validate.TOO_OLD),
        ({"start_time_unix_nano": 7_258_118_400 * NS}, validate.TOO_NEW),
        ({"end_time_unix_nano": 2**64 - 1}, validate.TOO_NEW),
    ],
)
def test_one_bad_span_among_five_hundred_is_the_only_one_lost(
    changes: dict[str, Any], reason: str
) -> None:
    checked = check_traces(trace_request(500, **changes).SerializeToString(), WINDOW)
    assert (checked.spans, checked.rejected) == (499, 1)
    assert checked.reasons == (f"1x {reason}",)
    assert [span.span_id for span in spans_of(checked.payload)] == [
        span_id(number) for number in range(1, 500)
    ]


def test_several_faults_are_each_counted() -> None:
    request = trace_request(4, trace_id=b"")
    spans = request.resource_spans[0].scope_spans[0].spans
    spans[1].span_id = b""
    spans[2].trace_id = b"1"
    checked = check_traces(request.SerializeToString(), WINDOW)
    assert (checked.spans, checked.rejected) == (1, 3)
    assert set(checked.reasons) == {f"2x {validate.BAD_TRACE_ID}", f"1x {validate.BAD_SPAN_ID}"}


def test_a_span_that_ends_before_it_starts_is_stored_as_sent() -> None:
    payload = trace_request(1, end_time_unix_nano=1).SerializeToString()
    assert check_traces(payload, WINDOW).payload == payload


def test_a_parent_of_zeros_means_no_parent() -> None:
    checked = check_traces(trace_request(1, parent_span_id=bytes(8)).SerializeToString(), WINDOW)
    assert spans_of(checked.payload)[0].parent_span_id == b""


@pytest.mark.parametrize("payload", [b"\x0a", b"\xff" * 50, b"\x0a\x05abc", b"not protobuf at all"])
def test_bytes_that_are_no_request_are_rejected(payload: bytes) -> None:
    for check in (check_traces, check_logs):
        with pytest.raises(Reject, match="not an OTLP request"):
            check(payload, WINDOW)
    with pytest.raises(Reject, match="not an OTLP metrics request"):
        count_data_points(payload)


def test_a_request_cut_short_is_rejected() -> None:
    payload = trace_request(2).SerializeToString()
    with pytest.raises(Reject):
        check_traces(payload[:-3], WINDOW)


def test_invalid_utf8_is_repaired_wherever_it_stands() -> None:
    request = trace_request(2, name="NAME", trace_state="STATE")
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.attributes.add(key="KEY").value.string_value = "VALUE"
    items = span.attributes.add(key="list").value.array_value.values
    items.add().string_value = "ITEM"
    span.attributes.add(key="blob").value.bytes_value = b"\xff\xfe"
    payload = request.SerializeToString()
    for word in (b"NAME", b"STATE", b"KEY", b"VALUE", b"ITEM"):
        payload = payload.replace(word, word[:-1] + b"\xff")
    checked = check_traces(payload, WINDOW)
    stored = spans_of(checked.payload)[0]
    assert checked.spans == 2
    assert stored.name == "NAM\ufffd"
    assert stored.trace_state == "STAT\ufffd"
    assert stored.attributes[1].key == "KE\ufffd"
    assert stored.attributes[1].value.string_value == "VALU\ufffd"
    assert stored.attributes[2].value.string_value == '["ITE\ufffd"]'
    assert stored.attributes[3].value.bytes_value == b"\xff\xfe"


def test_nul_bytes_and_duplicate_keys_stay() -> None:
    request = trace_request(1)
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    attributes.add(key="twice").value.string_value = "a\0b"
    attributes.add(key="twice").value.string_value = "second"
    payload = request.SerializeToString()
    assert check_traces(payload, WINDOW).payload == payload


def test_a_thousand_attributes_and_a_ten_megabyte_one_stay() -> None:
    request = trace_request(1)
    attributes = request.resource_spans[0].scope_spans[0].spans[0].attributes
    for number in range(1000):
        attributes.add(key=f"key.{number}").value.int_value = number
    attributes.add(key="huge").value.string_value = "x" * (10 << 20)
    payload = request.SerializeToString()
    assert check_traces(payload, WINDOW).payload == payload


def test_flat_arrays_and_scalars_are_left_alone() -> None:
    value = AnyValue()
    for item in ("a", "b"):
        value.array_value.values.add().string_value = item
    value.array_value.values.add().bytes_value = b"\xff"
    value.array_value.values.add()
    payload = _with_value(value)
    assert check_traces(payload, WINDOW).payload is payload


def test_a_map_becomes_its_json_text() -> None:
    value = AnyValue()
    members = value.kvlist_value.values
    members.add(key='quo"te').value.string_value = "línea\n\x01\u2028/"
    members.add(key="n").value.int_value = -5
    members.add(key="d").value.double_value = 1e21
    members.add(key="t").value.bool_value = True
    members.add(key="b").value.bytes_value = b"\xff"
    members.add(key="none")
    members.add(key="list").value.array_value.values.add().kvlist_value.SetInParent()
    assert _stored_value(_with_value(value)).string_value == (
        r'{"quo\"te":"línea\n\u0001\u2028/","n":-5,"d":1e21,"t":true,"b":"/w==",'
        '"none":null,"list":[{}]}'
    )


def test_an_array_in_an_array_becomes_its_json_text() -> None:
    value = AnyValue()
    value.array_value.values.add().array_value.values.add().int_value = 7
    value.array_value.values.add().double_value = float("nan")
    assert _stored_value(_with_value(value)).string_value == '[[7],"nan"]'


def test_resource_scope_event_and_link_values_are_rewritten_too() -> None:
    request = trace_request(1)
    resource = request.resource_spans[0]
    span = resource.scope_spans[0].spans[0]
    for holder in (
        resource.resource,
        resource.scope_spans[0].scope,
        span.events.add(),
        span.links.add(),
    ):
        holder.attributes.add(key="deep").value.kvlist_value.values.add(key="k")
    (stored,) = ExportTraceServiceRequest.FromString(
        check_traces(request.SerializeToString(), WINDOW).payload
    ).resource_spans
    span = stored.scope_spans[0].spans[0]
    for holder in (stored.resource, stored.scope_spans[0].scope, span.events[0], span.links[0]):
        assert holder.attributes[-1].value.string_value == '{"k":null}'


@pytest.mark.parametrize("levels", [30, 100, 200, MAX_DEPTH])
def test_nesting_beyond_what_protobuf_follows_is_stored(levels: int) -> None:
    text = _stored_value(_request_around(_nested(levels))).string_value
    assert text == '{"k":' * levels + "1" + "}" * levels


@pytest.mark.parametrize("levels", [MAX_DEPTH + 1, 5000])
@pytest.mark.parametrize("mended", [False, True])
def test_a_span_nested_without_end_is_rejected_in_words_and_its_neighbours_are_stored(
    levels: int, mended: bool
) -> None:
    neighbours = trace_request(2)
    neighbours.resource_spans[0].scope_spans[0].spans[0].name = "before"
    others = neighbours.SerializeToString()
    if mended:
        others = others.replace(b"before", b"\xff" * 6)  # no UTF-8: the road that repairs
    checked = check_traces(others + _request_around(_nested(levels)), WINDOW)
    assert (checked.spans, checked.rejected) == (2, 1)
    assert checked.reasons == (f"1x an attribute is nested deeper than {MAX_DEPTH} levels",)
    stored = ExportTraceServiceRequest.FromString(checked.payload)
    names = [s.name for r in stored.resource_spans for o in r.scope_spans for s in o.spans]
    assert names[0] == ("\ufffd" * 6 if mended else "before")
    assert len(names) == 2


def test_a_malformed_value_inside_a_map_is_rejected() -> None:
    broken = b"\x32\x04\x0a\x02\x12\x7f"
    with pytest.raises(Reject, match="malformed"):
        check_traces(_request_around(broken), WINDOW)


@pytest.mark.parametrize(
    "value",
    [
        b"\xb2\x00" + _nested(1)[1:],  # the tag of a map as a two-byte varint
        b"\x78\x01" + _nested(1),  # an unknown field before it
        b"\x0a\x01x" + _nested(1),  # another member of the oneof before it
        b"\xfa\x01\x03abc" + _nested(1),
        # a map that also holds the field which the flat copy requires, and that field twice deep
        b"\x32" + varint(len(_nested(1)) - 2 + 6) + _nested(1)[2:] + _NEVER + b"\x00",
        b"\x32"
        + varint(len(_nested(1)) - 2 + 12)
        + _nested(1)[2:]
        + _NEVER
        + b"\x06"
        + _NEVER
        + b"\x00",
    ],
)
def test_a_map_is_found_however_it_is_encoded(value: bytes) -> None:
    assert _stored_value(_request_around(value)).string_value == '{"k":1}'


_UNKNOWN = {
    "varint": b"\xa0\x06\x01",
    "fixed32": b"\xa5\x06abcd",
    "fixed64": b"\xa1\x06abcdefgh",
    "bytes": b"\xa2\x06\x03new",
    "group": b"\xa3\x06\x08\x01\xa4\x06",
    "known field of another wire type": b"\x0d\x01\x02\x03\x04",
}


@pytest.mark.parametrize("field", _UNKNOWN.values(), ids=_UNKNOWN)
def test_unknown_fields_are_dropped_and_everything_else_is_stored(field: bytes) -> None:
    def sized(tag: bytes, body: bytes) -> bytes:
        return tag + varint(len(body)) + body

    def request(extra: bytes) -> bytes:
        item = sized(b"\x0a", sized(b"\x0a", b"item") + extra)
        value = sized(b"\x12", sized(b"\x2a", item + extra) + extra)
        span = b"\x0a\x10" + TRACE + b"\x12\x08" + span_id(0) + b"\x39" + NOW.to_bytes(8, "little")
        span += sized(b"\x4a", sized(b"\x0a", b"key") + value + extra) + extra
        scope = sized(b"\x12", sized(b"\x12", span) + extra)
        return sized(b"\x0a", scope + extra) + extra

    checked = check_traces(request(field), WINDOW)
    assert (checked.payload, checked.rejected) == (request(b""), 0)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e20, "100000000000000000000"),
        (1e21, "1e21"),
        (1.5e-7, "1.5e-7"),
        (0.000001, "0.000001"),
        (5e-324, "5e-324"),
        (1.7976931348623157e308, "1.7976931348623157e308"),
        (-1.2345678e34, "-1.2345678e34"),
        (float("inf"), "inf"),
        (float("-inf"), "-inf"),
        (float("nan"), "nan"),
    ],
)
def test_numbers_are_written_as_clickhouse_writes_them(number: float, text: str) -> None:
    assert double_text(number) == text


def test_only_genai_log_events_are_kept() -> None:
    request = log_request("gen_ai.user.message", "http.request", "")
    records = request.resource_logs[0].scope_logs[0].log_records
    records[2].attributes.add(key="event.name").value.string_value = "gen_ai.choice"
    checked = check_logs(request.SerializeToString(), WINDOW)
    assert (checked.spans, checked.rejected) == (2, 1)
    assert checked.reasons == (f"1x {validate.NOT_GENAI}",)
    kept = ExportLogsServiceRequest.FromString(checked.payload)
    bodies = [r.body.string_value for r in kept.resource_logs[0].scope_logs[0].log_records]
    assert bodies == ['{"role":"user"}'] * 2


def test_a_log_event_needs_no_trace_but_its_ids_must_fit() -> None:
    request = log_request("gen_ai.choice", "gen_ai.choice")
    request.resource_logs[0].scope_logs[0].log_records[0].trace_id = b"short"
    checked = check_logs(request.SerializeToString(), WINDOW)
    assert (checked.spans, checked.reasons) == (1, (f"1x {validate.BAD_LOG_ID}",))


def test_data_points_of_metrics_are_counted() -> None:
    assert count_data_points(metric_request(7).SerializeToString()) == 7


def test_the_stamp_is_read_back_and_the_request_is_unchanged_by_it() -> None:
    request = trace_request(2)
    payload = request.SerializeToString()
    stamped = stamp(payload, "shop", 123)
    assert read_stamp(stamped) == ("shop", 123)
    assert stamped.startswith(payload)
    assert spans_of(stamped) == spans_of(payload)
    assert b"".join(unstamped(stamped)) == payload


@pytest.mark.parametrize("number", [PROJECT_FIELD, RECEIVED_AT_FIELD])
@pytest.mark.parametrize(
    ("wire_type", "value"), [(0, b"\x07"), (1, bytes(8)), (2, b"\x05admin"), (5, bytes(4))]
)
def test_a_stamp_sent_by_a_client_is_stripped(number: int, wire_type: int, value: bytes) -> None:
    forged = varint(number << 3 | wire_type) + value
    payload = trace_request(1).SerializeToString()
    stamped = stamp(forged + payload + forged + b"\xa2\x06\x03new" + forged, "shop", 9)
    assert read_stamp(stamped) == ("shop", 9)
    assert forged not in stamped
    assert b"".join(unstamped(stamped)) == payload + b"\xa2\x06\x03new"


def test_a_stamp_with_an_overlong_tag_is_stripped() -> None:
    tag = varint(PROJECT_FIELD << 3 | 2)
    forged = tag[:-1] + bytes([tag[-1] | 0x80, 0]) + b"\x05admin"
    assert read_stamp(stamp(forged, "shop", 9)) == ("shop", 9)
    assert b"admin" not in stamp(forged, "shop", 9)


def test_stamping_what_is_no_message_is_rejected() -> None:
    with pytest.raises(Reject):
        stamp(b"\x0a\x7f", "shop", 1)


def test_json_text_of_a_value_is_json() -> None:
    value = AnyValue()
    value.kvlist_value.values.add(key="é\x7f\0").value.string_value = "".join(map(chr, range(512)))
    text = _stored_value(_with_value(value)).string_value
    assert json.loads(text) == {"é\x7f\0": "".join(map(chr, range(512)))}


def test_a_clock_that_goes_backwards_loses_nothing() -> None:
    ticks = iter([NOW, NOW, NOW - NS, NOW - NS])
    pipeline = Pipeline(Config(), clock=lambda: next(ticks))
    payload = trace_request(1, start_time_unix_nano=NOW).SerializeToString()
    records = [
        pipeline.record("traces", pipeline.check("traces", payload), "p", scrub=False)
        for _ in range(2)
    ]
    assert [record.received_at for record in records] == [NOW, NOW - NS]
    assert [record.spans for record in records] == [1, 1]
