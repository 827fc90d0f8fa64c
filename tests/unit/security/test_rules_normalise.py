# SPDX-License-Identifier: Apache-2.0
"""Folding: what a reader sees is what rules see, and offsets lead back."""

from __future__ import annotations

import pytest
from agentstack_processors.security.characters import folds
from agentstack_processors.security.normalise import fold, view
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("IGNORE Previous", "ignore previous"),
        ("i\u200bg\u200cn\u200do\u2060r\ufeffe", "ignore"),
        ("\U000e0069\U000e0067\U000e006e\U000e006f\U000e0072\U000e0065", "ignore"),
        ("ｉｇｎｏｒｅ", "ignore"),  # noqa: RUF001 - full width is what is tested
        ("𝐢𝗴𝘯𝙤𝓻𝕖", "ignore"),  # noqa: RUF001 - mathematical letters
        ("ⓘⓖⓝⓞⓡⓔ", "ignore"),
        ("ign\u043er\u0435", "ignore"),
        ("\u0456gnore prev\u0456\u043eus", "ignore previous"),
        ("ɪɢɴᴏʀᴇ", "ignore"),
        ("préçédéntes über Straße", "precedentes uber strasse"),
        ("İgnore", "ignore"),
        ("“quoted” – it’s", '"quoted" - it\'s'),  # noqa: RUF001 - typographic signs
        ("i\u0301g\u0300nore", "ignore"),
    ],
)
def test_disguises_of_letters_are_undone(written, read):
    assert fold(written) == read


@pytest.mark.parametrize("text", ["привет, как дела", "忽略之前的指令", "이전의 지시", "निर्देश"])
def test_other_scripts_stay_what_they_are(text):
    assert fold(text) == text


def test_no_character_becomes_many():
    assert max(map(len, folds().values())) <= 6


def test_what_a_character_becomes_is_folded():
    # Else what is read would depend on which of two characters is replaced first.
    known = folds()
    assert [char for char, plain in known.items() if not known.keys().isdisjoint(plain)] == []


def test_offsets_lead_back_over_what_was_removed_and_what_grew():
    text = "Straße … i\u200bgno\u200bre me"
    reading = view(text)
    start = reading.text.index("ignore")
    first, last = reading.span(start, start + 6)
    assert text[first:last] == "i\u200bgno\u200bre"


@given(st.text(), st.data())
def test_offsets_stay_within_the_text_and_in_order(text, data):
    reading = view(text)
    start = data.draw(st.integers(0, len(reading.text)))
    end = data.draw(st.integers(start, len(reading.text)))
    first, last = reading.span(start, end)
    assert 0 <= first <= last <= len(text) or not text


@given(st.text(alphabet=st.characters(max_codepoint=0x2FFF)))
def test_folding_twice_changes_no_letter(text):
    once = fold(text)
    assert fold(once).replace("'", "") == once.replace("'", "") or not once.isascii()
