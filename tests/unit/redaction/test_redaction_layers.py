# SPDX-License-Identifier: Apache-2.0
"""Values behind percent signs, in base64, and cut in parts."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest
from agentstack_processors.redaction import Config, Redactor

from tests.fakes.planted_secrets import SECRETS

_REDACTOR = Redactor(Config(key="test"))
_PLAIN = [name for name in SECRETS if name != "PRIVATE_KEY"]


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("times", [1, 2, 3])
def test_url_encoding_hides_nothing(name, times):
    text, gone = SECRETS[name]
    encoded = f"see {text} there"
    for _ in range(times):
        encoded = urllib.parse.quote(encoded, safe="")
    plain = scrubbed = _REDACTOR.scrub(f"https://x.io/?q={encoded}&page=2")
    for _ in range(times):
        plain = urllib.parse.unquote(plain)
    assert gone not in plain
    assert scrubbed.startswith("https://x.io/?q=")
    assert scrubbed.endswith("&page=2")


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("times", [1, 2])
def test_base64_hides_nothing(name, encode, times):
    text, _ = SECRETS[name]
    data = f"please note {text} for later".encode()
    for _ in range(times):
        data = encode(data)
    scrubbed = _REDACTOR.scrub(f"payload: {data.decode()} end")
    assert data.decode() not in scrubbed
    assert scrubbed.startswith("payload: [")
    assert scrubbed.endswith("] end")


def test_base64_is_found_without_padding_in_lines_and_in_json():
    said = b'{"user": "bob", "email": "bob.smith@example.com", "note": "' + b"n" * 90 + b'"}'
    for encoded in (
        base64.b64encode(said).decode().rstrip("="),
        base64.encodebytes(said).decode(),
        json.dumps({"a": "\n" + base64.b64encode(said).decode()}),
    ):
        scrubbed = _REDACTOR.scrub(encoded)
        assert "[EMAIL:" in scrubbed
        assert "Ym9iLnNtaXRo" not in scrubbed


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(bytes(range(256)) * 8).decode(),
        base64.b64encode(b"nothing to see in this ordinary sentence of a letter").decode(),
        "id 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "100%25 sure, 50% off, %C3%A9t%C3%A9, a%20b%20c",
    ],
)
def test_what_holds_nothing_stays_as_it_is(text):
    assert _REDACTOR.scrub(text) is text


@pytest.mark.parametrize("name", _PLAIN)
@pytest.mark.parametrize("size", [1, 3, 7])
def test_values_split_over_chunks_of_a_stream_are_found(name, size):
    text, gone = SECRETS[name]
    whole = f"well, {text} it is"
    parts = [whole[at : at + size] for at in range(0, len(whole), size)]
    scrubbed = _REDACTOR.scrub_parts(parts)
    assert len(scrubbed) == len(parts)
    left = "".join(scrubbed)
    assert gone not in left
    assert left.count("[") == 1
    assert left.startswith("well, ")
    assert left.endswith(" it is")


def test_parts_without_secrets_stay_as_they_are():
    parts = ["the agent ", "looked up", " 2 flights", ""]
    assert _REDACTOR.scrub_parts(parts) == parts
    assert _REDACTOR.scrub_parts([]) == []


@pytest.mark.parametrize(
    "wrap",
    [
        lambda parts: [{"type": "text", "text": part} for part in parts],
        lambda parts: [{"role": "user", "parts": [{"type": "text", "content": p} for p in parts]}],
        lambda parts: [{"choices": [{"delta": {"content": part}}]} for part in parts],
        lambda parts: [{"type": "response.output_text.delta", "delta": part} for part in parts],
        lambda parts: [
            {"delta": {"type": "input_json_delta", "partial_json": part}} for part in parts
        ],
    ],
)
def test_values_split_over_the_parts_of_one_message_in_json_are_found(wrap):
    parts = ["my number is 123-4", "5-67", "89 and my card 4111 1111 ", "1111 1111", " thanks"]
    scrubbed = _REDACTOR.scrub(json.dumps(wrap(parts)))
    text = json.dumps(json.loads(scrubbed))  # JSON still
    assert "5-67" not in text
    assert "1111" not in text
    assert "[SSN:" in text
    assert "[CARD:" in text
    assert "thanks" in text


def test_two_messages_are_not_one():
    messages = [
        {"role": "user", "parts": [{"type": "text", "content": "room 123"}]},
        {"role": "assistant", "parts": [{"type": "text", "content": "-45-6789 is no room"}]},
    ]
    text = json.dumps(messages)
    assert _REDACTOR.scrub(text) is text
