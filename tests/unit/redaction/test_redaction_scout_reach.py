# SPDX-License-Identifier: Apache-2.0
"""Requests whose secrets stand where the raw-bytes question might look too little."""

from __future__ import annotations

import json

import pytest
from agentstack_processors.otlp.scrub import scrub_logs, scrub_traces
from agentstack_processors.redaction import Config, Redactor
from agentstack_processors.redaction.custom import Custom

from tests.fakes.planted_secrets import SECRETS, TRACE_FIELDS, a_request, a_span, logs_with

REDACTOR = Redactor(Config(key="test"))


class _OpensEverything(Redactor):
    """The oracle: scrubs each string, without asking first whether that is worth it."""

    def suspicious(self, data, view=None):
        return True


_EVERYTHING_OPENED = _OpensEverything(Config(key="test"))


def _planted(text: str) -> bytes:
    return TRACE_FIELDS["attribute"](text).SerializeToString()


@pytest.mark.parametrize("regex", [r"(?<![0-9])EMP-[0-9]{6}", r"(?<![\-_])EMP-[0-9]{6}"])
@pytest.mark.parametrize("before", ["x", "see x", " ", "", "\u00e9"])
def test_what_a_custom_pattern_has_nothing_against_may_stand_before(regex, before):
    pytest.importorskip("re2")
    redactor = Redactor(Config(key="test", types=("OWN",), custom=(Custom("OWN", regex),)))
    assert redactor.suspicious(_planted(before + "EMP-123456"))


def test_behind_percent_signs_that_were_read_in_vain_others_are_read():
    near_miss = "?q=" + "a%2520b" * 3 + " %25mdp" + " lorem ipsum" * 50
    assert REDACTOR.suspicious(_planted(near_miss + " x%27%25mdp %3A Hunter22%21x"))
    assert not REDACTOR.suspicious(_planted(near_miss))


def test_a_word_for_a_number_is_seen_as_far_away_as_redaction_sees_it():
    text = "nhs number" + " x" * 30 + " 943 476 5919"
    assert REDACTOR.scrub(text) != text
    assert REDACTOR.suspicious(_planted(text))


@pytest.mark.parametrize("between", ["\u5bc6" * 100, "\U0001f600" * 60, "\u00e9" * 110])
@pytest.mark.parametrize("layers", range(4))
def test_between_a_word_and_its_value_characters_may_be_spelt_at_length(between, layers):
    text = f"redis-cli {between} -a Hunter22x!"
    for _ in range(layers):
        text = json.dumps([text])
    assert REDACTOR.scrub(text) != text
    assert REDACTOR.suspicious(_planted(text))


@pytest.mark.parametrize("escape", ["\\t", "\\u0009", "\\\\u0009"])
def test_white_space_may_be_an_escape_of_either_kind(escape):
    text = f'{{"a": "net use Z: /server/files{escape}Hunter22!x"}}'
    assert REDACTOR.scrub(text) != text
    assert REDACTOR.suspicious(_planted(text))


@pytest.mark.parametrize("text", ["a\npw : Hunter22!x", "a\tpw is Hunter22!x"])
def test_a_short_word_begins_a_line_in_json_too(text):
    for said in (text, json.dumps({"content": text})):
        assert "Hunter22" not in REDACTOR.scrub(said)
        assert REDACTOR.suspicious(_planted(said))


@pytest.mark.parametrize(
    "path",
    [
        "hooks.slack.com/services/T0AB1C2D3/B0AB1C2D3/" + "aB3dE5fG7hI9jK1lM3nO5pQ7",
        "discord.com/api/webhooks/123456789012345678/" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3" * 2,
    ],
)
@pytest.mark.parametrize("ending", ["", " y" * 4000 + "\\u0041"])
def test_slashes_of_an_address_that_lets_in_may_be_escaped(path, ending):
    text = json.dumps(["https://" + path]).replace("/", "\\/") + ending
    assert path[-12:] not in REDACTOR.scrub(text)
    assert REDACTOR.suspicious(_planted(text))


def test_an_escape_far_away_makes_redaction_read_all_others():
    text = '{"a": "root\\/Hunter22!x is it"}'
    hidden = text + " y" * 4000 + "\\u0041"
    assert REDACTOR.scrub(hidden) != hidden
    assert REDACTOR.suspicious(_planted(hidden))


@pytest.mark.parametrize("asked", range(0, 48, 6))
def test_a_body_of_a_record_without_a_time_is_read_to_its_end(asked):
    pytest.importorskip("re2")
    order = "token limits are fine, passwords too; SGVsbG8gd29ybGQh and %41 " * asked
    parts = [
        {"type": "text", "text": f"use AKIA{'IOSFOD'}"},
        {"type": "text", "text": "NN7QRSTUV2 x"},
    ]
    body = json.dumps({"order": order, "pad": "lorem ipsum " * 400, "parts": parts})
    request = logs_with("body", body)
    record = request.resource_logs[0].scope_logs[0].log_records[0]
    record.observed_time_unix_nano, record.time_unix_nano = record.time_unix_nano, 0
    payload = request.SerializeToString()
    assert scrub_logs(payload, _EVERYTHING_OPENED) != payload
    assert REDACTOR.suspicious(payload)


def test_what_is_clean_in_one_string_may_hide_in_another():
    pytest.importorskip("re2")
    pad = "lorem ipsum dolor sit amet " * 150
    known = json.dumps({"content": f"{pad} \\/AKIA{'IOSFODNN7QRSTUV2'} {pad}"})
    request = a_request()
    scope = request.resource_spans[0].scope_spans[0]
    for text in (known, f'{known[:-2]} \\u003cbr\\u003e"}}'):
        scope.spans.append(a_span(name=text))
    payload = request.SerializeToString()
    assert scrub_traces(payload, _EVERYTHING_OPENED) != payload
    assert REDACTOR.suspicious(payload)


@pytest.mark.parametrize("before", ["\\u2014", "\\u00e9", "\\u2009", "\u2014"])
@pytest.mark.parametrize("sign", ["-", ".", ""])
def test_a_number_behind_a_sign_behind_an_escape_is_a_number(before, sign):
    pytest.importorskip("re2")
    text = f'{{"note": "phone {before}{sign}415-555-2671"}}'
    assert REDACTOR.scrub(text) != text
    assert REDACTOR.suspicious(_planted(text))


@pytest.mark.parametrize(
    "before", ["\u5bc6\u94a5\uff1a", "\u201c", "\u2014", "\u2009", "\u00e9", "\u300c"]
)
@pytest.mark.parametrize(
    "name", ["AWS_ACCESS_KEY_ID", "OPENAI_KEY", "ANTHROPIC_KEY", "JWT", "EMAIL"]
)
def test_a_secret_right_behind_an_escaped_character_is_one(before, name):
    secret, gone = SECRETS[name]
    text = json.dumps({"content": f"{before}{secret}"})
    assert gone not in REDACTOR.scrub(text)
    assert gone not in REDACTOR.scrub(json.dumps(text))
    assert REDACTOR.suspicious(_planted(text))
