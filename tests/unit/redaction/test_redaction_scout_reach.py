# SPDX-License-Identifier: Apache-2.0
"""Requests whose secrets stand where the raw-bytes question might look too little."""

from __future__ import annotations

import json

import pytest
from agentstack_processors.redaction import Config, Redactor
from agentstack_processors.redaction.custom import Custom

from tests.fakes.planted_secrets import TRACE_FIELDS

REDACTOR = Redactor(Config(key="test"))


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
