# SPDX-License-Identifier: Apache-2.0
"""Without ids and times a request is the same to whoever looks for secrets in it."""

from __future__ import annotations

import os
from typing import Any

import pytest
from agentstack_processors.otlp.blanks import WORTH, Blanks
from agentstack_processors.otlp.request import Checked, Window, check_traces
from agentstack_processors.redaction import Config, Redactor
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agentstack_otel.collector import pipeline
from tests.fakes.planted_secrets import SECRETS

WINDOW = Window(1_000, 4_102_444_800 * 10**9)
BLANKS = Blanks()
IDS = ("trace_id", "span_id", "parent_span_id")
TIMES = ("start_time_unix_nano", "end_time_unix_nano")
ID = st.integers(min_value=1, max_value=2**64 - 1).map(lambda number: number.to_bytes(8, "big"))
FRAME = b"\n\x10" + b"T" * 16 + b"\x12\x08" + b"S" * 8 + b"9" + b"t" * 8 + b"A" + b"t" * 8
TEXTS = st.sampled_from(["", "hello", "9A9A\n\x10", "\x12\x08\n\x10", "long " * 40]) | st.text(
    alphabet='\n\x10\x12\x08"*09Aaé', max_size=40
)


@st.composite
def _requests(draw: st.DrawFn) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    scope.scope.name = draw(TEXTS)
    some = draw(st.lists(st.tuples(ID, ID, TEXTS), min_size=1, max_size=4))
    for number in range(WORTH + draw(st.integers(0, 2))):
        high, low, text = some[number % len(some)]
        span = scope.spans.add(trace_id=high + low, span_id=low, name=text)
        span.start_time_unix_nano = draw(st.integers(WINDOW.oldest, WINDOW.newest))
        span.end_time_unix_nano = draw(st.integers(WINDOW.oldest, WINDOW.newest))
        span.kind = draw(st.sampled_from([0, 3, 300]))  # type: ignore[assignment]  # any number
        span.trace_state = draw(st.sampled_from(["", "a=b"]))
        if draw(st.booleans()):
            span.parent_span_id = high
        span.attributes.add(key="k").value.string_value = draw(TEXTS)
    return request


def _checked(request: ExportTraceServiceRequest) -> Checked:
    checked = check_traces(request.SerializeToString(), WINDOW)
    assert checked.regular, "each span is as it should be"
    return checked


def _without(request: ExportTraceServiceRequest, *fields: str) -> ExportTraceServiceRequest:
    """A copy in which the fields of spans are as if unset."""
    copy = ExportTraceServiceRequest.FromString(request.SerializeToString())
    for resource in copy.resource_spans:
        for scope in resource.scope_spans:
            for span in scope.spans:
                for field in fields:
                    span.ClearField(field)  # type: ignore[arg-type]  # names of fields
    return copy


@given(_requests())
def test_nothing_but_ids_and_times_is_blanked(request: ExportTraceServiceRequest) -> None:
    checked = _checked(request)
    view = bytes(BLANKS.blanked(checked.payload, checked.spans))
    assert len(view) == len(checked.payload)
    seen = ExportTraceServiceRequest.FromString(view)
    assert _without(seen, *IDS, *TIMES) == _without(request, *IDS, *TIMES)


def test_ids_and_times_of_ordinary_spans_are_blanked() -> None:
    request = _plain()
    for resource in request.resource_spans:
        for span in resource.scope_spans[0].spans[::2]:
            span.parent_span_id = os.urandom(8)
    checked = _checked(request)
    view = bytes(BLANKS.blanked(checked.payload, checked.spans))
    for span in ExportTraceServiceRequest.FromString(view).resource_spans[0].scope_spans[0].spans:
        assert (span.trace_id, span.span_id) == (bytes(16), bytes(8))
        assert span.parent_span_id in (b"", bytes(8))
        assert (span.start_time_unix_nano, span.end_time_unix_nano) == (0, 0)


def _plain(count: int = WORTH) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scope = request.resource_spans.add().scope_spans.add()
    for _ in range(count):
        scope.spans.add(
            trace_id=os.urandom(15) + b"t",
            span_id=os.urandom(7) + b"s",
            name="chat",
            kind=3,  # type: ignore[arg-type]  # of the enum
            start_time_unix_nano=1_795_000_000_000_000_000,
            end_time_unix_nano=1_795_000_001_000_000_000,
        )
    return request


def _span(request: ExportTraceServiceRequest) -> Any:
    return request.resource_spans[0].scope_spans[0].spans[3]


def test_a_text_that_looks_like_a_span_and_a_link_keep_what_they_say() -> None:
    request = _plain()
    _span(request).attributes.add(key="note").value.string_value = FRAME.decode()
    _span(request).links.add(trace_id=b"L" * 16, span_id=b"L" * 8)
    checked = _checked(request)
    view = bytes(BLANKS.blanked(checked.payload, checked.spans))
    assert view.count(FRAME) == 1
    assert view.count(b"L" * 16) == 1
    assert view.count(bytes(16)) == checked.spans


def test_a_large_request_gets_room_of_its_own_and_a_small_one_behind_it_is_not_mixed_up() -> None:
    blanks = Blanks(keep=10_000)
    for count in (WORTH, 10 * WORTH, 2 * WORTH, WORTH):
        checked = _checked(_plain(count))
        view = bytes(blanks.blanked(checked.payload, checked.spans))
        assert view.count(bytes(16)) == count
        assert len(view) == len(checked.payload)


def test_few_spans_are_left_as_they_are() -> None:
    checked = _checked(_plain(WORTH - 1))
    assert BLANKS.blanked(checked.payload, checked.spans) is checked.payload


class _Asked(Redactor):
    """A redactor that keeps what it was asked of."""

    view: bytes | memoryview | None = None

    def glance(self, data: bytes, view: bytes | memoryview | None = None) -> bool | None:
        self.view = view
        return super().glance(data, view)


@pytest.mark.parametrize("secret", [text for text, _ in SECRETS.values()], ids=list(SECRETS))
@pytest.mark.parametrize("place", ["name", "attribute", "behind a frame", "trace state", "status"])
def test_a_secret_is_suspicious_wherever_it_stands(secret: str, place: str) -> None:
    pytest.importorskip("re2")
    request = _plain()
    span = _span(request)
    span.attributes.add(key="n").value.string_value = "nothing"
    if place == "name":
        span.name = secret
    elif place == "trace state":
        span.trace_state = f"a={secret}"
    elif place == "status":
        span.status.message = secret
    else:
        frame = FRAME.decode() if place == "behind a frame" else ""
        span.attributes.add(key="k").value.string_value = f"{frame} {secret} {frame}"
    redactor = _Asked(Config(key="test"))
    judge = pipeline.Pipeline(pipeline.Config(), redactor, clock=lambda: 1_795_000_000 * 10**9)
    checked = judge.check("traces", request.SerializeToString())
    assert judge.suspicious(checked)
    assert judge.glance(checked) in (True, None)
    assert redactor.view is not None, "ids were told"


@given(
    st.binary(min_size=16, max_size=16).filter(any), st.binary(min_size=8, max_size=8).filter(any)
)
def test_ids_never_make_a_request_suspicious(trace_id: bytes, span_id: bytes) -> None:
    pytest.importorskip("re2")
    request = _plain()
    for span in request.resource_spans[0].scope_spans[0].spans:
        span.trace_id, span.span_id = trace_id, span_id
    checked = _checked(request)
    view = bytes(BLANKS.blanked(checked.payload, checked.spans))
    assert not _REDACTOR.suspicious(checked.payload, view)


_REDACTOR = Redactor(Config(key="test"))
