# SPDX-License-Identifier: Apache-2.0
"""Messages out of what instrumentations record."""

from __future__ import annotations

import json

import pytest

from agentstack_otel.query.messages import Message, parse


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
