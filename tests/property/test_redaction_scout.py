# SPDX-License-Identifier: Apache-2.0
"""Requests are judged alike with RE2 and without, and both ways miss nothing."""

from __future__ import annotations

import json

import pytest
from agentstack_processors.otlp.scrub import scrub_logs, scrub_traces
from agentstack_processors.redaction import Config, Redactor
from agentstack_processors.redaction.patterns import PATTERNS
from agentstack_processors.redaction.requests import RequestFilter
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.planted_secrets import LOG_FIELDS, SECRETS, TRACE_FIELDS, logs_with

pytest.importorskip("re2")

_SCOUTED = RequestFilter(PATTERNS)
_UNAIDED = RequestFilter(PATTERNS, scout=False)


class _OpensEverything(Redactor):
    """The oracle: scrubs each string, without asking first whether that is worth it."""

    def suspicious(self, data: bytes) -> bool:
        return True


_ORACLE = _OpensEverything(Config(key="test"))
_MORE = (
    "bob@m\u00fcller.example", "bob@\u00e9cole.fr", "bob%40example.com", "+44 (20)\u20117946 0958",
    "+1\u2009(415) 555-2671", "(555)\u2011123-4567", "1-800-555-1234", "1\u2011800-555-1234",
    "4111\u00a01111\u00a01111\u00a01111", "3782 822463 10005", "social security: 123456789",
    "tax-id 123 45 6789", "my mobile is 0171 2345678", "whatsapp\u2014555\u20111234",
    "phone: 555-1234", "Basic\tdXNlcjpwYXNzd29yZA==", "bearer\u2003abcdef1234567890xyz",
    "secret-access-key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'",
    '{"api-key"\n:\t"hunter2hunter2"}', "{'accessToken' : 'hunter2hunter2'}",
    '{"db.passwort":"hunter2hunter2"}', '{"set-cookie": "a=1; b=2"}', "123\u201345\u20136789",
    '"authorization" = "digest hunter2hunter2"', "ASIAIOSFODNN7EXAMPLE",
)  # fmt: skip
_BEFORE = st.one_of(
    st.text(alphabet="abZ019 -.,:/_\"'\n\t\\(+é\u2013\u00a0J2b*@", max_size=12),
    st.sampled_from(["\\n", "\\\\n", "\\t", "\\u00e9", "\\u000a", "\\u003c", "_", "a1", "#"]),
)
_AFTER = st.text(alphabet="abZ019 -.,:/_\"'\n\\é\u2013J2b*", max_size=60)


@st.composite
def _texts(draw):
    """A secret in many spellings: as it is, in JSON, in JSON in JSON, with slashes escaped."""
    known = [text for text, _ in SECRETS.values()]
    text = draw(_BEFORE) + draw(st.sampled_from([*known, *_MORE])) + draw(_AFTER)
    for _ in range(draw(st.integers(0, 2))):
        text = json.dumps({"content": text}, ensure_ascii=draw(st.booleans()))
        if draw(st.booleans()):
            text = text.replace("/", "\\/")
    return text


def _judge(payload: bytes, expected: bytes) -> None:
    scouted, unaided = _SCOUTED.suspicious(payload), _UNAIDED.suspicious(payload)
    if expected != payload:
        assert unaided
        assert scouted
    # The scout spares looks, so that it may be the wiser; it never alarms where reading does not.
    assert unaided or not scouted


@settings(max_examples=600)
@given(_texts(), st.sampled_from(sorted(TRACE_FIELDS)))
def test_a_trace_request_is_judged_the_same_way_with_and_without_re2(text, field):
    payload = TRACE_FIELDS[field](text).SerializeToString()
    _judge(payload, scrub_traces(payload, _ORACLE))


@settings(max_examples=200)
@given(_texts(), st.sampled_from(LOG_FIELDS))
def test_a_log_request_is_judged_the_same_way_with_and_without_re2(text, field):
    payload = logs_with(field, text).SerializeToString()
    _judge(payload, scrub_logs(payload, _ORACLE))


@settings(max_examples=300)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["api", "private", "license", "functions", "key", "passw", "ord", "ort", "secret"]
            ),
            st.sampled_from(["token", "authorization", "cookie", "s", "credential", "\u212aey"]),
            st.sampled_from([".", "_", "-", " ", "X", "x", "Key", "TOKEN"]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["attribute key", "attribute"]),
)
def test_names_of_secrets_are_seen_with_and_without_re2(parts, field):
    name = "".join(parts)
    text = name if field == "attribute key" else json.dumps({name: "hunter2hunter2"})
    payload = TRACE_FIELDS[field](text).SerializeToString()
    _judge(payload, scrub_traces(payload, _ORACLE))


@given(st.binary(max_size=400))
def test_arbitrary_bytes_never_alarm_the_scout_alone(data):
    assert _UNAIDED.suspicious(data) or not _SCOUTED.suspicious(data)


@given(st.lists(_texts(), min_size=20, max_size=60), st.integers(0, 59))
def test_a_secret_among_many_places_that_hold_none_is_found(texts, at):
    decoys = ["className", "@a.b", "phone and mobile", "2020\u20132024", "+12345678x", "sk-" * 9]
    for index in range(500):
        texts.insert(at % (len(texts) + 1), decoys[index % len(decoys)])
    payload = TRACE_FIELDS["attribute"]("\n".join(texts)).SerializeToString()
    _judge(payload, scrub_traces(payload, _ORACLE))
