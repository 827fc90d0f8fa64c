# SPDX-License-Identifier: Apache-2.0
"""Messages out of what instrumentations record."""

from __future__ import annotations

import json

import pytest

from agentstack_otel.query.messages import Message, numbered, parse
from agentstack_otel.query.span import from_row
from tests.unit.cli.spans import row


@pytest.mark.parametrize(
    ("recorded", "expected"),
    [
        ([{"role": "user", "parts": [{"type": "text", "content": "hi"}]}], [("user", "hi")]),
        ([{"role": "user", "content": "hi"}], [("user", "hi")]),
        ({"messages": [{"role": "user", "content": "hi"}]}, [("user", "hi")]),
        ({"role": "assistant", "content": "hello"}, [("assistant", "hello")]),
        ([{"type": "text", "content": "be kind"}], [("user", "be kind")]),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}, "b"]}], [("user", "a\nb")]),
        (
            [
                {
                    "role": "assistant",
                    "parts": [{"type": "tool_call", "name": "f", "arguments": {"x": 1}}],
                }
            ],
            [("assistant", '→ f({"x": 1})')],
        ),
        (
            [
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}],
                }
            ],
            [("assistant", "→ f({})")],
        ),
        (
            [
                {
                    "role": "tool",
                    "parts": [{"type": "tool_call_response", "id": "1", "response": "ok"}],
                }
            ],
            [("tool", "← ok")],
        ),
    ],
)
def test_every_known_form_is_understood(recorded, expected):
    assert parse(json.dumps(recorded), "user") == [Message(*each) for each in expected]


@pytest.mark.parametrize("text", ["just words", "{broken", "[1, 2", '"quoted"', "42", "[" * 3000])
def test_text_that_is_no_list_of_messages_is_one_message(text):
    found = parse(text, "user")
    assert len(found) == 1
    assert found[0].role == "user"
    assert found[0].text


def test_nothing_recorded_is_nothing_said():
    assert parse("", "user") == []


@pytest.mark.parametrize(
    "attributes",
    [
        {
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "be kind",
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": "hi",
            "gen_ai.prompt.name": "not a message",
        },
        {
            "llm.input_messages.1.message.content": "hi",
            "llm.input_messages.1.message.role": "user",
            "llm.input_messages.0.message.role": "system",
            "llm.input_messages.0.message.content": "be kind",
        },
    ],
)
def test_messages_spread_over_numbered_attributes_are_put_together(attributes):
    span = from_row(row("a", operation="chat", attributes=attributes))
    assert parse(span.input, "user") == [Message("system", "be kind"), Message("user", "hi")]


def test_attributes_without_numbers_are_no_messages():
    assert numbered({"gen_ai.prompt.name": "x", "gen_ai.prompt.": "y"}, ["gen_ai.prompt."]) == ""
