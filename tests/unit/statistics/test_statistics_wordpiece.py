# SPDX-License-Identifier: Apache-2.0
"""Text is cut as BERT's uncased tokenizer cuts it; the pieces below are what that one gives."""

from __future__ import annotations

import pytest
from agentstack_processors.security.statistics.reader_file import load
from agentstack_processors.security.statistics.wordpiece import WordPiece, words

VOCABULARY = load().vocabulary
CUT = WordPiece(VOCABULARY)


def _pieces(text: str) -> str:
    return " ".join(VOCABULARY[number] for number in CUT.ids(text))


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello world", "hello world"),
        ("embeddings", "em ##bed ##ding ##s"),
        ("don't", "don ' t"),
        ("R\u00e9sum\u00e9 na\u00efve", "resume naive"),
        ("[INST] $5_000", "[ ins ##t ] $ 5 _ 000"),
        ("\u4e2d\u56fd", "\u4e2d \u56fd"),
        ("a\u200bb\x00c \ufffd", "abc"),
        ("\u041f\u0440\u0438", "\u043f ##\u0440 ##\u0438"),
        ("x" * 101, "[UNK]"),
        (" \n\t ", ""),
    ],
)
def test_pieces_are_those_of_the_reference(text: str, pieces: str) -> None:
    assert _pieces(text) == pieces


def test_a_piece_that_was_left_out_is_spelled_in_others() -> None:
    assert "##ffa" not in VOCABULARY
    assert _pieces("unaffable") == "una ##ff ##able"


def test_a_sigma_at_the_end_of_a_word_is_one_like_any_other() -> None:
    assert list(words("\u03a0\u0391\u03a6\u039f\u03a3")) == ["\u03c0\u03b1\u03c6\u03bf\u03c3"]


def test_a_long_word_that_is_not_known_is_spelled_not_searched_forever() -> None:
    assert len(CUT.ids("qzx" * 33)) > 1
    assert CUT.ids("qzx" * 1000) == CUT.ids("y" * 5000)


def test_the_marks_are_known() -> None:
    assert VOCABULARY[CUT.first] == "[CLS]"
    assert VOCABULARY[CUT.last] == "[SEP]"
