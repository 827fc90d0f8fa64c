# SPDX-License-Identifier: Apache-2.0
"""Captured text never speaks to the terminal."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agentstack_otel.cli.text import (
    ago,
    clean,
    counted,
    duration,
    json_text,
    number,
    one_line,
    tokens,
)
from agentstack_otel.cli.view import tree_view
from agentstack_otel.query.trace import build
from tests.unit.cli.spans import llm, row

ATTACKS = [
    "\x1b]0;owned\x07",  # retitles the window
    "\x1b[2J\x1b[1;1H",  # wipes the screen
    "\x1b]52;c;cm0gLXJm\x07",  # writes the clipboard
    "\x1b[6n",  # makes the terminal type an answer
    "\x9b31mred",  # the same with one C1 character
    "\x90q\x9c",
    "a\rb",  # overwrites the line
    "back\x08\x08\x08\x08space",
    "\u202etxt.exe",  # runs backwards
    "zero\u200bwidth",
    "hid\U000e0041den",
    "bell\x07 nul\x00 del\x7f",
    "\u2028line",
    "lone \ud800 surrogate",
]


def dangerous(text: str) -> list[str]:
    return [
        c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"
    ]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_a_terminal_obeys_survives(attack):
    assert dangerous(clean(attack)) == []
    assert dangerous(one_line(attack)) == []


@given(st.text(st.characters(max_codepoint=0x10FFFF), max_size=80))
def test_no_text_at_all_gets_a_control_character_through(text):
    bad = [c for c in dangerous(clean(text)) if unicodedata.category(c) != "Cf"]
    assert bad == []
    assert "\n" not in one_line(text)


@pytest.mark.parametrize(
    "text", ["plain", "two\nlines", "grüße 漢字 🙂", "[bold]not markup[/bold]"]
)
def test_harmless_text_stays_as_it_is(text):
    assert clean(text) == text


def test_hidden_characters_are_shown_not_dropped():
    assert clean("a\u202eb\x1bc") == "a\\u202eb␛c"


def test_json_is_ascii():
    assert json_text({"a": "\x1b\x9b\u202e"}).isascii()


def test_a_trace_full_of_attacks_is_drawn_without_one_of_them():
    everything = "".join(ATTACKS) + "[red]markup[/red] [link=http://evil]x[/link]"
    rows = [
        row("a", name=everything, service_name=everything, conversation=everything),
        llm("b", "a", 1, 2, status="ERROR", status_message=everything, name=everything),
        row("c", "a", 3, 4, attributes={everything: everything}),
    ]
    rows[1]["model"] = everything
    screen = Console(file=io.StringIO(), width=120, markup=False, force_terminal=False)
    screen.print(tree_view(build(rows), 120, attributes=True))
    drawn = screen.file.getvalue()
    assert dangerous(drawn) == []
    assert "[red]markup[/red]" in drawn


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0.0004, "0 µs"), (0.85, "850 µs"), (12.4, "12 ms"), (999.6, "1.00 s"), (1240, "1.24 s"),
        (61_000, "1m 01s"), (3_720_000, "1h 02m"),
    ],
)  # fmt: skip
def test_durations_read_well(ms, text):
    assert duration(ms) == text


def test_one_of_a_thing_is_no_plural():
    assert [counted(n, "span") for n in (0, 1, 2)] == ["0 spans", "1 span", "2 spans"]


def test_numbers_tokens_and_ages_read_well():
    assert [number(n) for n in (7, 999, 1000, 51_200, 3_400_000)] == [
        "7",
        "999",
        "1.0k",
        "51.2k",
        "3.4M",
    ]
    assert (tokens(0, 0), tokens(512, 64)) == ("", "512→64")
    assert [ago(0, s * 10**9) for s in (5, 61, 7200, 200_000)] == [
        "5s ago",
        "1m ago",
        "2h ago",
        "2d ago",
    ]
