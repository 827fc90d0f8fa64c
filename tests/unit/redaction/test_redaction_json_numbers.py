# SPDX-License-Identifier: Apache-2.0
"""A number that is replaced inside JSON leaves JSON behind."""

from __future__ import annotations

import json

import pytest
from agentstack_processors.redaction import Config, Redactor

CARD = "4111111111111111"
redactor = Redactor(Config(key="k"))
MARKER = redactor.scrub(CARD)


@pytest.mark.parametrize(
    "text",
    [
        f'{{"paid": {CARD}}}',
        f'{{"a":"say \\"hi\\"","paid":[{CARD},{CARD} , 7],"b":{CARD}\n}}',
        f"[{CARD}]",
    ],
)
def test_a_number_becomes_a_string(text: str) -> None:
    scrubbed = redactor.scrub(text)
    assert CARD not in scrubbed
    assert json.loads(scrubbed) == json.loads(text.replace(CARD, f'"{MARKER}"'))
    assert redactor.scrub(scrubbed) == scrubbed


@pytest.mark.parametrize(
    "text",
    [
        f'{{"note": "cards: {CARD}, {CARD}"}}',
        f'{{"note": "\\\\", "paid": "{CARD}"}}',
        f"paid: {CARD}, thanks",
    ],
)
def test_digits_inside_a_string_or_in_prose_get_no_quotes(text: str) -> None:
    assert redactor.scrub(text) == text.replace(CARD, MARKER)
