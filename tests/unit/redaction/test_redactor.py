# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import re

import pytest
from agentstack_processors.redaction import FAILED, Config, Redactor
from agentstack_processors.verdicts import ConfigError

from tests.fakes.planted_secrets import PEM_BODY, SECRETS

_MARKER = re.compile(r"\[[A-Z_]+:[0-9a-f]{4}\]")
_REDACTOR = Redactor(Config(key="test"))


@pytest.mark.parametrize("name", SECRETS)
def test_each_type_is_found_in_running_text(name):
    text, gone = SECRETS[name]
    scrubbed = _REDACTOR.scrub(f"Please note {text} for later.")
    assert gone not in scrubbed
    assert _MARKER.search(scrubbed)
    assert scrubbed.startswith("Please note ")
    assert scrubbed.endswith(" for later.")


@pytest.mark.parametrize("name", [name for name in SECRETS if name != "SECRET"])
@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_each_type_is_found_inside_json_strings_which_stay_json(name, ascii_only, levels):
    text, gone = SECRETS[name]
    value: object = {"content": f"first line\n{text}\nlast \u201cline\u201d"}
    for _ in range(levels):
        value = {"inner": json.dumps(value, ensure_ascii=ascii_only)}
    scrubbed = _REDACTOR.scrub(json.dumps(value))
    inner = json.loads(scrubbed)
    for _ in range(levels):
        inner = json.loads(inner["inner"])
    assert gone not in inner["content"]
    assert inner["content"].startswith("first line\n")
    assert inner["content"].endswith("\nlast \u201cline\u201d")


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_written_in_unicode_escapes_is_found(name):
    text, _ = SECRETS[name]
    escaped = "".join(f"\\u{ord(char):04x}" for char in text)
    assert escaped not in _REDACTOR.scrub(f'{{"a": "{escaped}"}}')


@pytest.mark.parametrize(
    "text",
    [
        "bob%40example.com",
        "https://x.io/?user=bob%40example.com&y=1",
        "BOB@EXAMPLE.CO.UK",
        "müller@example.de",
        "a@b.io",
        "123\u201145\u20116789",
        "4111-1111-1111-1111",
        "4111\u00a01111\u00a01111\u00a01111",
        "5555555555554444",
        "3782 822463 10005",
        "6011111111111117",
        "1-800-555-0199",
        "+1 (212) 425-5229",
        "+1.212.425.5229",
        "+33 6 28 18 18 99",
        "212.425.5229",
        '"phone": "0171 2345678"',
        "mobile: 01712345678",
        "SSN 123 45 6789",
        '"ssn": "123456789"',
        "ASIA" + "IOSFODNN7QRSTUV2",
        "sk-0123456789abcdef0123456789abcdef",
        "sk-svcacct-abcdefghijklmnop_ABCDEF",
        "bearer eyABC.123456789",
        f"-----BEGIN PRIVATE KEY-----\\n{PEM_BODY}\\n-----END PRIVATE KEY-----",
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{PEM_BODY}",
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,1F\n\n"
        f"{PEM_BODY}\n-----END RSA PRIVATE KEY-----",
        "{'api_key': 'a1b2c3d4'}",
        '{\\"client_secret\\": \\"a1b2c3d4\\"}',
    ],
)
def test_other_ways_to_write_them(text):
    scrubbed = _REDACTOR.scrub(text)
    assert _MARKER.search(scrubbed), scrubbed
    assert PEM_BODY not in scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "4bf92f3577b34da6a3ce929d0e0e4736",
        "00f067aa0ba902b7",
        "550e8400-e29b-41d4-a716-446655440000",
        "12345678-1234-1234-1234-123456789012",
        "1776311265758613467",
        '{"start_ns": 1702329783600745567, "ms": 1702329783600}',
        "c069e5f06f470db49e4be074b9a619560e49335c2cb02ea729d024342e2b4ec6",
        "sha256:c069e5f06f470db49e4be074b9a619560e49335c2cb02ea729d024342e2b4ec6",
        "version 1.24.2, build 2023.8.18.7, 7.1.4.34",
        "gpt-4o-2024-08-06 claude-sonnet-4-20250514",
        "$1,249.99 and 4,111.11 EUR",
        "[0.4111111111111111, -0.5105105105105100, 4.111111111111111e-05]",
        "2026-03-14 10:30:00.123456+00:00",
        "978-4-6415-3438-9",
        "lodash@4.17.21 and react@18.0.0-rc.canary and logo@2x.png",
        "@pytest.fixture",
        "git@github.com:org/repo.git",
        "/task-2024-11-21-abcdef0123456789 disk-0123456789abcdef0",
        "sk-learn-from-scratch-tutorial",
        "a Basic understanding of Bearer authentication",
        "looks for -----BEGIN PRIVATE KEY----- in files",
        '{"api_key": "YOUR_API_KEY", "password": "********", "token": "${GITHUB_TOKEN}"}',
        '{"token": "Hello", "logprob": -0.1, "next_token": "abcdefghij1234567890"}',
        '{"max_tokens": "1024", "cache_key": "0123456789abcdef", "key": "0123456789abcdef"}',
        "987-65-4321 000-12-3456 666-12-3456 123-00-4567",
        "4111111111111112",
        '{"span_id": "5438997936314143"}',
    ],
)
def test_identifiers_numbers_and_prose_are_left_alone(text):
    assert _REDACTOR.scrub(text) == text


def test_a_clean_text_is_the_same_object():
    text = "The agent looked up the booking and found two flights. " * 40
    assert _REDACTOR.scrub(text) is text


def test_scrubbing_twice_changes_nothing_more():
    once = _REDACTOR.scrub("; ".join(text for text, _ in SECRETS.values()))
    assert _REDACTOR.scrub(once) == once
    value = _REDACTOR.scrub_attribute("db.password", "hunter2")
    assert _REDACTOR.scrub_attribute("db.password", value) == value


def test_equal_values_get_equal_markers_under_one_key_and_others_elsewhere():
    first, second, other = Redactor(Config(key="a")), Redactor(Config(key=b"a")), Redactor()
    mail = "bob@example.com"
    assert re.fullmatch(r"\[EMAIL:[0-9a-f]{4}\]", first.scrub(mail))
    assert first.scrub(mail) == second.scrub(mail) == first.scrub("Bob@Example.com")
    assert first.scrub("4111 1111 1111 1111") == first.scrub("4111111111111111")
    texts = [f"user{n}@example.com" for n in range(8)]
    assert [first.scrub(text) for text in texts] != [other.scrub(text) for text in texts]


def test_overlapping_finds_become_one_marker_that_covers_both():
    scrubbed = _REDACTOR.scrub("Authorization: Bearer sk-proj-abcDEF1234567890abcdef")
    assert len(_MARKER.findall(scrubbed)) == 1
    assert "abcDEF" not in scrubbed


@pytest.mark.parametrize(
    "key",
    [
        "authorization",
        "http.request.header.authorization",
        "db.password",
        "OPENAI_API_KEY",
        "openaiApiKey",
        "x-api-key",
        "accessToken",
        "refresh_token",
        "token",
        "client_secret",
        "Set-Cookie",
        "http.request.header.cookie",
        "aws.secret_access_key",
        "credentials",
        "ssh.private_key",
        "vault.passphrase",
    ],
)
def test_values_of_keys_that_name_secrets_go_whole(key):
    assert re.fullmatch(r"\[SECRET:[0-9a-f]{4}\]", _REDACTOR.scrub_attribute(key, "plain words"))


@pytest.mark.parametrize(
    "key",
    [
        "gen_ai.usage.input_tokens",
        "max_tokens",
        "next_token",
        "page_token",
        "gen_ai.server.time_to_first_token",
        "cache_key",
        "public_key",
        "primary_key",
        "keyboard",
        "secretary",
        "gen_ai.input.messages",
        "tokenizer",
        "k" * 1000 + "password",
    ],
)
def test_keys_that_only_sound_like_secrets_keep_their_values(key):
    assert _REDACTOR.scrub_attribute(key, "plain words") == "plain words"


def test_only_the_wanted_types_are_redacted():
    redactor = Redactor(Config(types=("EMAIL",)))
    assert "123-45-6789" in redactor.scrub("bob@example.com 123-45-6789")
    assert "bob@" not in redactor.scrub("bob@example.com 123-45-6789")
    with pytest.raises(ConfigError, match="MAIDEN_NAME"):
        Redactor(Config(types=("MAIDEN_NAME",)))


class _Unreadable(str):
    def encode(self, *args, **kwargs):
        raise MemoryError


@pytest.mark.parametrize("kind", [_Unreadable, bytes.fromhex, lambda _: None, lambda _: 7])
def test_what_cannot_be_read_is_withheld(kind):
    text = kind("626f62406578616d706c652e636f6d")
    assert _REDACTOR.scrub(text) == FAILED
    assert _REDACTOR.scrub_attribute("note", text) == FAILED


@pytest.mark.parametrize("text", ["\ud800 bob@example.com", "\x00bob@example.com\x00", "😀a@b.io"])
def test_odd_characters_hide_nothing(text):
    assert "@" not in _REDACTOR.scrub(text)
