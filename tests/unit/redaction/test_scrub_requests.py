# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest
from agentstack_processors.otlp.scrub import scrub_logs, scrub_traces
from agentstack_processors.redaction import FAILED, Config, Redactor
from agentstack_processors.verdicts import Reject
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.fakes.planted_secrets import (
    LOG_FIELDS,
    SECRETS,
    TRACE_FIELDS,
    a_request,
    a_span,
    logs_with,
)

_REDACTOR = Redactor(Config(key="test"))


@pytest.mark.parametrize("field", TRACE_FIELDS)
@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_survives_in_any_field_and_nothing_else_changes(field, name):
    text, gone = SECRETS[name]
    before = TRACE_FIELDS[field](f"see {text} there")
    payload = before.SerializeToString()
    assert _REDACTOR.suspicious(payload)
    scrubbed = scrub_traces(payload, _REDACTOR)
    assert gone.encode() not in scrubbed
    expected = TRACE_FIELDS[field](_REDACTOR.scrub(f"see {text} there"))
    assert ExportTraceServiceRequest.FromString(scrubbed) == expected


@pytest.mark.parametrize("field", LOG_FIELDS)
@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_survives_in_any_field_of_a_log_record(field, name):
    text, gone = SECRETS[name]
    payload = logs_with(field, text).SerializeToString()
    assert _REDACTOR.suspicious(payload)
    scrubbed = scrub_logs(payload, _REDACTOR)
    assert gone.encode() not in scrubbed
    expected = logs_with(field, _REDACTOR.scrub(text))
    assert ExportLogsServiceRequest.FromString(scrubbed) == expected


def test_a_clean_request_keeps_every_byte():
    payload = TRACE_FIELDS["nested"]("nothing to see").SerializeToString()
    assert scrub_traces(payload, _REDACTOR) == payload
    assert not _REDACTOR.suspicious(payload)


def _with(attribute: KeyValue) -> ExportTraceServiceRequest:
    span = a_span()
    span.attributes.append(attribute)
    return a_request(span)


def _scrubbed(attribute: KeyValue) -> KeyValue:
    payload = _with(attribute).SerializeToString()
    assert _REDACTOR.suspicious(payload)
    request = ExportTraceServiceRequest.FromString(scrub_traces(payload, _REDACTOR))
    return request.resource_spans[0].scope_spans[0].spans[0].attributes[0]


def test_everything_below_a_key_that_names_a_secret_goes():
    attribute = KeyValue(key="http.request.header.authorization")
    attribute.value.array_value.values.add(string_value="Negotiate abc")
    assert _scrubbed(attribute).value.array_value.values[0].string_value.startswith("[SECRET:")

    attribute = KeyValue(key="credentials")
    attribute.value.kvlist_value.values.add(key="user").value.string_value = "bob"
    assert (
        _scrubbed(attribute).value.kvlist_value.values[0].value.string_value.startswith("[SECRET")
    )

    attribute = KeyValue(key="password", value=AnyValue(int_value=12345678))
    assert _scrubbed(attribute).value.string_value.startswith("[SECRET:")

    attribute = KeyValue(key="note")
    attribute.value.kvlist_value.values.add(key="apiKey").value.string_value = "plain"
    assert (
        _scrubbed(attribute).value.kvlist_value.values[0].value.string_value.startswith("[SECRET")
    )


class _WithoutMessages(Redactor):
    """What a content policy of `none` does on a server."""

    def scrub_attribute(self, key, text):
        return "" if key == "gen_ai.input.messages" else super().scrub_attribute(key, text)

    def suspicious(self, data):
        return True


def test_what_stands_below_a_content_key_is_judged_by_that_key():
    attribute = KeyValue(key="gen_ai.input.messages")
    message = attribute.value.array_value.values.add().kvlist_value.values.add(key="content")
    message.value.string_value = "private words"
    scrubbed = scrub_traces(_with(attribute).SerializeToString(), _WithoutMessages())
    assert b"private words" not in scrubbed
    assert b"gen_ai.input.messages" in scrubbed


def test_secrets_in_binary_values_go_and_the_other_bytes_stay():
    raw = b"\xff\x00" + b"bob@example.com" + b"\xfe"
    scrubbed = _scrubbed(KeyValue(key="raw", value=AnyValue(bytes_value=raw))).value.bytes_value
    assert scrubbed.startswith(b"\xff\x00[EMAIL:")
    assert scrubbed.endswith(b"]\xfe")


def test_an_attribute_scrubbed_before_is_not_suspicious_again():
    attribute = KeyValue(key="db.password", value=AnyValue(string_value="hunter2"))
    clean = scrub_traces(_with(attribute).SerializeToString(), _REDACTOR)
    assert not _REDACTOR.suspicious(clean)
    assert scrub_traces(clean, _REDACTOR) == clean


def test_unknown_fields_stay_unless_they_still_look_like_a_secret():
    payload = a_request().SerializeToString()
    number_200 = b"\xc2\x0c"
    harmless = payload + number_200 + bytes([5]) + b"hello"
    assert scrub_traces(harmless, _REDACTOR) == harmless
    telling = payload + number_200 + bytes([15]) + b"bob@example.com"
    assert b"bob" not in scrub_traces(telling, _REDACTOR)


@pytest.mark.parametrize("payload", [b"\xff", b"\x0a\x05ab", a_request().SerializeToString()[:-3]])
def test_bytes_that_are_no_request_are_rejected_whole(payload):
    with pytest.raises(Reject):
        scrub_traces(payload, _REDACTOR)
    with pytest.raises(Reject):
        scrub_logs(payload, _REDACTOR)


class _Broken(Redactor):
    def _scrub(self, text):
        raise RuntimeError("out of order")


def test_when_the_redactor_fails_no_text_leaves():
    payload = TRACE_FIELDS["attribute"]("bob@example.com").SerializeToString()
    scrubbed = scrub_traces(payload, _Broken())
    span = ExportTraceServiceRequest.FromString(scrubbed).resource_spans[0].scope_spans[0].spans[0]
    assert span.name == FAILED
    values = {attribute.value.string_value for attribute in span.attributes}
    assert values == {FAILED, "chat", "gpt-5"}  # too short to be a secret
