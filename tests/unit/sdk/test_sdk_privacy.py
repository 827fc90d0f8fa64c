# SPDX-License-Identifier: Apache-2.0
"""Nothing leaves that the settings forbid, and nothing leaves unjudged when judging fails."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import pytest
from agentstack_exporters.otlp.encode import Encoder
from agentstack_exporters.otlp.privacy import Config, Privacy
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from tests.fakes.sdk_spans import Kept, finished

SECRET = "bob@example.com"


class Marking:
    """A redactor that is easy to recognise, and counts what it is shown."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def scrub(self, text: str) -> str:
        self.seen.append(text)
        return text.replace(SECRET, "[EMAIL]")

    def scrub_attribute(self, key: str, text: str) -> str:
        return "[SECRET]" if key.endswith("password") else self.scrub(text)

    def scrub_parts(self, parts: Sequence[str]) -> list[str]:
        return [self.scrub(part) for part in parts]

    def suspicious(self, data: bytes) -> bool:
        return b"@example" in data or b"password" in data


class Broken(Marking):
    def scrub(self, text: str) -> str:
        raise ValueError(f"cannot judge {text}")

    def suspicious(self, data: bytes) -> bool:
        raise RuntimeError


def span_full_of_secrets() -> ReadableSpan:
    kept = Kept()
    provider = TracerProvider(
        resource=Resource({"service.name": "s", "host.owner": SECRET}), shutdown_on_exit=False
    )
    provider.add_span_processor(SimpleSpanProcessor(kept))
    tracer = provider.get_tracer("scope", SECRET, attributes={"contact": SECRET})
    other = SpanContext(1, 2, is_remote=True, trace_flags=TraceFlags(1))
    span = tracer.start_span(
        f"mail {SECRET}",
        attributes={
            "gen_ai.input.messages": f"write to {SECRET}",
            "gen_ai.output.messages": [{"parts": [{"content": SECRET, "password": "x"}]}],
            "plain": SECRET,
            "listed": [SECRET, "b"],
            "raw": SECRET.encode(),
            "binary": b"\xff " + SECRET.encode(),
            "db.password": "hunter2",
            f"of {SECRET}": 1,
            "count": 7,
        },
        links=[Link(other, {"why": SECRET})],
    )
    span.add_event(f"about {SECRET}", {"body": SECRET})
    span.add_event("gen_ai.user.message", {"content": f"hello {SECRET}", "role": "user"})
    span.record_exception(ValueError(f"no such user {SECRET}"))
    span.set_status(Status(StatusCode.ERROR, f"failed for {SECRET}"))
    span.end()
    return kept.spans[0]


def exported(privacy: Privacy | None) -> tuple[bytes, ExportTraceServiceRequest]:
    payload = Encoder(privacy).request([span_full_of_secrets()])
    return payload, ExportTraceServiceRequest.FromString(payload)


def attributes_of(message: ExportTraceServiceRequest) -> dict[str, Any]:
    span = message.resource_spans[0].scope_spans[0].spans[0]
    return {pair.key: pair.value for pair in span.attributes}


def privacy(content: str = "scrubbed", redactor: Any = Marking, **more: Any) -> Privacy:
    return Privacy(Config(content=content, **more), lambda _key: redactor())


def test_scrubbed_reaches_every_text_of_a_span_its_scope_and_its_resource() -> None:
    payload, message = exported(privacy())

    assert SECRET.encode() not in payload
    assert payload.count(b"[EMAIL]") == exported(None)[0].count(SECRET.encode())
    attributes = attributes_of(message)
    assert attributes["plain"].string_value == "[EMAIL]"
    assert attributes["db.password"].string_value == "[SECRET]"
    assert attributes["raw"].bytes_value == b"[EMAIL]"
    assert attributes["binary"].bytes_value == b"\xff [EMAIL]"
    assert attributes["count"].int_value == 7
    assert "of [EMAIL]" in attributes
    part = attributes["gen_ai.output.messages"].array_value.values[0].kvlist_value.values[0]
    inner = part.value.array_value.values[0].kvlist_value.values
    assert [pair.value.string_value for pair in inner] == ["[EMAIL]", "[SECRET]"]


def test_full_keeps_content_as_it_is_and_redacts_the_rest() -> None:
    _, message = exported(privacy("full"))

    attributes = attributes_of(message)
    assert attributes["gen_ai.input.messages"].string_value == f"write to {SECRET}"
    assert attributes["plain"].string_value == "[EMAIL]"


def test_none_drops_content_also_from_events_of_older_conventions() -> None:
    payload, message = exported(privacy("none"))

    assert SECRET.encode() not in payload
    assert b"hello" not in payload
    attributes = attributes_of(message)
    assert "gen_ai.input.messages" not in attributes
    assert "gen_ai.output.messages" not in attributes
    assert attributes["plain"].string_value == "[EMAIL]"
    event = message.resource_spans[0].scope_spans[0].spans[0].events[1]
    assert [pair.key for pair in event.attributes] == ["role"]


def test_redaction_off_sends_texts_as_they_are_but_none_still_drops_content() -> None:
    payload, message = exported(privacy("none", redaction=False))

    assert attributes_of(message)["plain"].string_value == SECRET
    assert b"write to" not in payload


def test_a_redactor_that_fails_is_replaced_by_a_marker_never_by_the_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    payload, message = exported(privacy(redactor=Broken))

    assert SECRET.encode() not in payload
    attributes = attributes_of(message)
    assert attributes["plain"].string_value == "[REDACTION_FAILED]"
    assert attributes["count"].int_value == 7
    assert caplog.text.count("redaction failed") == 1
    assert SECRET not in caplog.text


@pytest.mark.parametrize("content", ["scrubbed", "full", "none"])
def test_without_a_redactor_content_is_dropped_and_no_text_leaves(
    content: str, caplog: pytest.LogCaptureFixture
) -> None:
    def unavailable() -> Any:
        raise ImportError("no redactor")

    payload, message = exported(privacy(content, unavailable))

    assert SECRET.encode() not in payload
    assert b"hunter2" not in payload
    assert "gen_ai.input.messages" not in attributes_of(message)
    assert "redaction could not be set up" in caplog.text


def test_without_the_content_table_no_attribute_leaves() -> None:
    def unavailable() -> Any:
        raise ImportError("no table")

    payload, message = exported(Privacy(Config(), lambda _key: Marking(), unavailable))

    assert SECRET.encode() not in payload
    assert attributes_of(message) == {}


def test_clean_spans_are_not_opened_twice() -> None:
    redactor = Marking()
    kept = Kept()
    provider = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.get_tracer("t").start_span("clean", attributes={"text": "nothing here"}).end()
    encoder = Encoder(privacy(redactor=lambda: redactor))
    encoder.request(kept.spans)

    assert "nothing here" not in redactor.seen


def test_the_real_redactor_finds_what_it_should_in_exported_spans() -> None:
    payload, message = exported(Privacy(Config()))

    assert SECRET.encode() not in payload
    assert b"hunter2" not in payload
    assert attributes_of(message)["gen_ai.input.messages"].string_value.startswith(
        "write to [EMAIL:"
    )


def test_without_re2_the_same_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    span = span_full_of_secrets()
    clean = finished(3, text="nothing to see", number=7)
    with_re2 = Encoder(Privacy(Config(key="k"))).request([span, *clean])
    monkeypatch.setitem(sys.modules, "re2", None)
    without = Privacy(Config(key="k"))

    assert not without.asks_bytes
    assert Encoder(without).request([span, *clean]) == with_re2
    assert Privacy(Config(redaction=False)).asks_bytes


def test_texts_of_an_array_are_read_together_and_keep_their_own_markers() -> None:
    (span,) = finished(1, text="x")
    key = "gh" + "p_" + "a1B2c3D4e5F6" * 3
    span._attributes = {"to": [SECRET, "eve@example.com"], "chunks": [key[:17], key[17:] + " ok"]}
    found = attributes_of(
        ExportTraceServiceRequest.FromString(Encoder(Privacy(Config(key="k"))).request([span]))
    )

    to = [value.string_value for value in found["to"].array_value.values]
    assert to == [Privacy(Config(key="k")).text(mail) for mail in (SECRET, "eve@example.com")]
    chunks = [value.string_value for value in found["chunks"].array_value.values]
    assert chunks[0].startswith("[GITHUB")
    assert chunks[1] == " ok"


def test_the_number_of_a_card_leaves_as_a_marker_and_others_as_numbers() -> None:
    (span,) = finished(1, text="x")
    card = 4_111_111_111_111_111
    span._attributes = {"paid": card, "by": float(card), "all": [card, 5], "at": 1_776_311_265_758}
    found = attributes_of(
        ExportTraceServiceRequest.FromString(Encoder(Privacy(Config(key="k"))).request([span]))
    )

    assert found["paid"].string_value.startswith("[CARD:")
    assert found["by"].string_value == found["paid"].string_value
    assert found["all"].array_value.values[0].string_value == found["paid"].string_value
    assert found["all"].array_value.values[1].int_value == 5
    assert found["at"].int_value == 1_776_311_265_758


def test_schema_addresses_are_texts_too() -> None:
    kept = Kept()
    url = f"https://schemas.test/1?for={SECRET}"
    provider = TracerProvider(resource=Resource({}, url), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(kept))
    provider.get_tracer("t", schema_url=url).start_span("s").end()

    payload = Encoder(Privacy(Config())).request(kept.spans)
    assert SECRET.encode() not in payload
    assert payload.count(b"schemas.test") == 2


def test_with_a_key_markers_agree_between_processes() -> None:
    first, second = (Privacy(Config(key="k")) for _ in range(2))

    assert first.text(SECRET) == second.text(SECRET) != Privacy(Config(key="other")).text(SECRET)


def test_one_dirty_span_among_many_is_redacted_and_the_others_are_left_alone() -> None:
    redactor = Marking()
    spans = finished(40, text="clean") + finished(1, text=SECRET) + finished(40, text="clean")
    payload = Encoder(privacy(redactor=lambda: redactor)).request(spans)

    assert SECRET.encode() not in payload
    assert payload.count(b"[EMAIL]") == 1
    assert payload.count(b"clean") == 80
    assert "clean" not in redactor.seen


def test_numbers_and_whatever_is_nested_under_the_name_of_a_secret_do_not_leave() -> None:
    (span,) = finished(1, text="clean")
    values: dict[str, Any] = {
        "db.password": 31415926,
        "api_key": 2.5,
        "credentials": {"user": "ada", "pin": 27182, "active": True},
        "count": 7,
        "limits": {"max_tokens": 9},
    }
    span._attributes = values
    payload = Encoder(Privacy(Config())).request([span])

    found = attributes_of(ExportTraceServiceRequest.FromString(payload))
    assert found["db.password"].string_value.startswith("[SECRET:")
    assert found["api_key"].string_value.startswith("[SECRET:")
    below = {pair.key: pair.value for pair in found["credentials"].kvlist_value.values}
    assert below["user"].string_value.startswith("[SECRET:")
    assert below["pin"].string_value.startswith("[SECRET:")
    assert below["active"].bool_value is True
    assert found["count"].int_value == 7
    assert found["limits"].kvlist_value.values[0].value.int_value == 9


def test_the_sdk_redacts_exactly_what_the_server_would() -> None:
    from agentstack_processors.otlp.scrub import scrub_traces
    from agentstack_processors.redaction import Config as RedactorConfig
    from agentstack_processors.redaction import Redactor

    (span,) = finished(1, text=SECRET)
    span._attributes = {
        "db.password": 31415926,
        "to": SECRET,
        "credentials": {"user": "ada", "of": [{"pin": 27182.5}, b"\xff", None]},
        "raw": SECRET.encode(),
        "listed": [SECRET, "b"],
    }
    raw = Encoder(None).request([span])
    ours = Encoder(Privacy(Config(key="k"))).request([span])

    theirs = scrub_traces(raw, Redactor(RedactorConfig(key="k")))
    assert ExportTraceServiceRequest.FromString(ours) == ExportTraceServiceRequest.FromString(
        theirs
    )


def test_full_keeps_what_is_nested_in_content_too() -> None:
    _, message = exported(privacy("full"))

    part = attributes_of(message)["gen_ai.output.messages"].array_value.values[0]
    inner = part.kvlist_value.values[0].value.array_value.values[0].kvlist_value.values
    assert inner[0].value.string_value == SECRET
