# SPDX-License-Identifier: Apache-2.0
"""Identifiers of machines stay: a conversation whose id were cut could not be found again."""

from __future__ import annotations

import random
import uuid

import pytest
from agentstack_processors.redaction import Config, Redactor

redactor = Redactor(Config(key="k"))


@pytest.mark.parametrize(
    "text",  # each has an account's letters, length and check digits somewhere in it
    [
        "10a6929e-2515-791d-be12-c4b0512092d1",
        "chatcmpl-ad20f0a28e921885ea08f8a6",
        "6c190e39-7248-ee64-71f9-b8a910a457c4",
        "BE92AECE-DA4F-E60D-D578-A2F57F73D0B5",
    ],
)
def test_an_identifier_is_no_account(text: str) -> None:
    assert redactor.scrub(text) == text


def test_thousands_of_uuids_stay_as_they_are() -> None:
    rng = random.Random(3)
    for _ in range(20_000):
        text = str(uuid.UUID(bytes=rng.randbytes(16)))
        assert redactor.scrub(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Transfer to DE89 3704 0044 0532 0130 00 today",
        "DE89370400440532013000",
        "DE89-3704-0044-0532-0130-00",
        "iban: de89370400440532013000",
        "IBAN-DE89370400440532013000",
    ],
)
def test_an_account_is_found_however_it_is_written(text: str) -> None:
    assert "[IBAN:" in redactor.scrub(text)
