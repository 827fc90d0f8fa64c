# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON: what is understood, and what is said about the rest."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from agentstack_processors.otlp.json_request import json_to_protobuf
from agentstack_processors.verdicts import Reject
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.fakes.otlp_requests import TRACE, json_span, json_traces, spans_of


def _span(**changes: Any) -> Any:
    (span,) = spans_of(json_to_protobuf("traces", json_traces(json_span(**changes))))
    return span


def _value(value: Any) -> Any:
    return _span(attributes=[{"key": "k", "value": value}]).attributes[0].value


def test_ids_are_hex_of_either_case() -> None:
    span = _span(traceId=TRACE.hex().upper(), parentSpanId="AbCdEf0011223344")
    assert span.trace_id == TRACE
    assert span.parent_span_id == bytes.fromhex("abcdef0011223344")


@pytest.mark.parametrize(
    "bad", ["AQIDBAUGBwgJCgsMDQ4PEA==", "xyz", "abc", 12, ["a"], {}, " 0a", ""]
)
def test_ids_that_are_not_hex_are_named(bad: Any) -> None:
    body = json_traces(json_span(), json_span(traceId=bad))
    if bad == "":  # an empty id is hex, and missing: judged with the span, not here
        assert spans_of(json_to_protobuf("traces", body))[1].trace_id == b""
        return
    with pytest.raises(Reject) as caught:
        json_to_protobuf("traces", body)
    assert "resourceSpans[0].scopeSpans[0].spans[1].traceId must be hex" in caught.value.reason


@pytest.mark.parametrize(("kind", "number"), [(3, 3), ("SPAN_KIND_CLIENT", 3), ("2", 2), (99, 99)])
def test_enums_are_numbers_or_names(kind: Any, number: int) -> None:
    assert _span(kind=kind).kind == number


@pytest.mark.parametrize("time", [1_790_000_000_000_000_001, "1790000000000000001"])
def test_64_bit_integers_are_numbers_or_strings(time: Any) -> None:
    assert _span(startTimeUnixNano=time).start_time_unix_nano == 1_790_000_000_000_000_001


@pytest.mark.parametrize(
    "time", [-1, "-1", 2**64, "1.5", 1.5, True, "ten", [], "9" * 5000, float("1e30")]
)
def test_times_that_are_none_are_named(time: Any) -> None:
    with pytest.raises(Reject, match=r"spans\[0\]\.startTimeUnixNano must"):
        _span(startTimeUnixNano=time)


def test_every_kind_of_value_arrives() -> None:
    assert _value({"stringValue": "a\0é"}).string_value == "a\0é"
    assert _value({"stringValue": ""}).WhichOneof("value") == "string_value"
    assert _value({"boolValue": False}).WhichOneof("value") == "bool_value"
    assert _value({"intValue": "-9223372036854775808"}).int_value == -(2**63)
    assert _value({"intValue": 0}).WhichOneof("value") == "int_value"
    assert _value({"doubleValue": 1}).double_value == 1.0
    assert _value({"doubleValue": "-Infinity"}).double_value == -math.inf
    assert math.isnan(_value({"doubleValue": "NaN"}).double_value)
    assert _value({"bytesValue": "_-8"}).bytes_value == b"\xff\xef"
    assert _value({}).WhichOneof("value") is None
    assert _value({"arrayValue": {}}).WhichOneof("value") == "array_value"
    inner = _value(
        {"kvlistValue": {"values": [{"key": "a", "value": {"arrayValue": {"values": [{}]}}}]}}
    )
    assert inner.kvlist_value.values[0].value.array_value.values[0].WhichOneof("value") is None


@pytest.mark.parametrize("text", ["1e21", "1e+21", "-1e21", "1" + "0" * 21, '"1%s"' % ("0" * 21)])
def test_whole_numbers_beyond_64_bits_become_doubles(text: str) -> None:
    body = json_traces(json_span(attributes=[{"key": "k", "value": {"intValue": "HERE"}}]))
    (span,) = spans_of(json_to_protobuf("traces", body.replace(b'"HERE"', text.encode())))
    value = span.attributes[0].value
    assert value.WhichOneof("value") == "double_value"
    assert value.double_value == float(text.strip('"'))


def test_whole_numbers_that_fit_stay_integers_however_written() -> None:
    for number, expected in ((1e3, 1000), ("12", 12), (2.0**62, 2**62), (-(2.0**63), -(2**63))):
        assert _value({"intValue": number}).int_value == expected
    assert _value({"intValue": 2**63}).double_value == 2.0**63


@pytest.mark.parametrize("number", [1.5, True, "1.5", "x", [], {}, "9" * 5000])
def test_what_is_no_whole_number_is_no_integer(number: Any) -> None:
    with pytest.raises(Reject, match=r"intValue must be an integer"):
        _value({"intValue": number})


def test_bare_nan_and_infinity_are_understood() -> None:
    body = json_traces(json_span(attributes=[{"key": "k", "value": {"doubleValue": math.nan}}]))
    assert b"NaN" in body
    (span,) = spans_of(json_to_protobuf("traces", body))
    assert math.isnan(span.attributes[0].value.double_value)


def test_broken_utf8_and_lone_surrogates_become_replacement_characters() -> None:
    body = json_traces(json_span(name="BAD"))
    assert spans_of(json_to_protobuf("traces", body.replace(b"BAD", b"B\xff")))[0].name == "B\ufffd"
    lone = body.replace(b"BAD", rb"B\ud83d")
    assert spans_of(json_to_protobuf("traces", lone))[0].name.startswith("B\ufffd")


def test_unknown_members_and_nulls_are_ignored() -> None:
    span = _span(name=None, somethingNew={"a": [1]}, status={"code": 2, "colour": "red"})
    assert span.name == ""
    assert span.status.code == 2


def test_attribute_keys_sent_twice_stay_twice() -> None:
    pair = {"key": "k", "value": {"intValue": 1}}
    assert len(_span(attributes=[pair, pair]).attributes) == 2


def test_names_from_the_proto_file_are_understood_too() -> None:
    assert _span(trace_state="a=1").trace_state == "a=1"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[]", "the body must be an object"),
        (b'"x"', "the body must be an object"),
        (b'{"resourceSpans": {}}', "resourceSpans must be an array"),
        (b'{"resourceSpans": [null]}', r"resourceSpans\[0\] must be an object, got null"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [7]}]}]}', r"spans\[0\] must be an object"),
        (json_traces({"name": 5}), "name must be a string"),
        (
            json_traces({"attributes": [{"key": "k", "value": {"boolValue": "yes"}}]}),
            "true or false",
        ),
        (json_traces({"attributes": [{"key": "k", "value": {"bytesValue": "*"}}]}), "base64"),
        (json_traces({"attributes": [{"key": "k", "value": []}]}), "value must be an object"),
        (
            json_traces({"attributes": [{"key": "k", "value": {"arrayValue": {"values": 1}}}]}),
            "array",
        ),
        (json_traces({"kind": "SPAN_KIND_UNHEARD_OF"}), "kind must be an integer"),
        (json_traces({"kind": {}}), "kind must be an enum"),
        (b'{"a":' * 100_000, "not JSON"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_not_otlp_json_is_rejected_by_name(body: bytes, sentence: str) -> None:
    with pytest.raises(Reject, match=sentence):
        json_to_protobuf("traces", body)


@pytest.mark.parametrize("levels", [200, 256])
def test_arrays_nested_deep_arrive(levels: int) -> None:
    value: Any = {"intValue": 1}
    for _ in range(levels):
        value = {"arrayValue": {"values": [value]}}
    body = json_traces(json_span(attributes=[{"key": "k", "value": value}]))
    assert len(json_to_protobuf("traces", body)) > levels * 3


def test_arrays_nested_without_end_are_rejected_in_words() -> None:
    value: Any = {"intValue": 1}
    for _ in range(257):
        value = {"arrayValue": {"values": [value]}}
    with pytest.raises(Reject, match="nested deeper than 256 levels"):
        json_to_protobuf(
            "traces", json_traces(json_span(attributes=[{"key": "k", "value": value}]))
        )


def test_an_empty_object_is_an_empty_request() -> None:
    assert json_to_protobuf("traces", b"{}") == b""


def test_metrics_with_their_other_number_types_arrive() -> None:
    histogram = {
        "count": "3",
        "sum": 4.5,
        "bucketCounts": ["1", 2],
        "explicitBounds": [0.5],
        "min": 0,
    }
    exponential = {"scale": -2, "positive": {"offset": -3, "bucketCounts": [1]}, "zeroCount": 1}
    body = {
        "resourceMetrics": [
            {
                "scopeMetrics": [
                    {
                        "metrics": [
                            {"name": "h", "histogram": {"dataPoints": [histogram]}},
                            {"name": "e", "exponentialHistogram": {"dataPoints": [exponential]}},
                            {"name": "g", "gauge": {"dataPoints": [{"asInt": "-7"}]}},
                        ]
                    }
                ]
            }
        ]
    }
    request = ExportMetricsServiceRequest.FromString(
        json_to_protobuf("metrics", json.dumps(body).encode())
    )
    metrics = request.resource_metrics[0].scope_metrics[0].metrics
    point = metrics[0].histogram.data_points[0]
    assert (point.count, list(point.bucket_counts), point.HasField("min")) == (3, [1, 2], True)
    assert metrics[1].exponential_histogram.data_points[0].positive.offset == -3
    assert metrics[1].exponential_histogram.data_points[0].scale == -2
    assert metrics[2].gauge.data_points[0].as_int == -7


def test_defaults_are_not_written() -> None:
    plain = json_to_protobuf("traces", json_traces({"name": "", "kind": 0, "flags": 0}))
    (span,) = spans_of(plain)
    assert span == Span()
    assert span.SerializeToString() == b""
