# SPDX-License-Identifier: Apache-2.0
"""JSON escapes are read alike, however often their backslashes were escaped themselves."""

from __future__ import annotations

import json
import re

from agentstack_processors.redaction.escapes import View, meant
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.effort import times

_MEANINGS = {"b": "\b", "f": "\f", "n": "\n", "r": "\n", "t": "\t"}
_TEXTS = st.text(alphabet="\\\\\\u005cnbfrt\"'/ax0 é", max_size=24)


def _one_by_one(text: str) -> str:
    """The reference: from left to right, each run of backslashes with what follows it."""
    said, at = [], 0
    for run in re.finditer(r"\\+", text):
        escape = re.compile(r"u([0-9a-fA-F]{4})|[bfnrt\"'/]").match(text, run.end())
        if escape is None:
            continue
        letter = escape[0][0]
        said += [text[at : run.start()], _MEANINGS.get(letter, letter)]
        if escape[1]:
            said[-1] = chr(int(escape[1], 16))
        at = escape.end()
    return "".join((*said, text[at:]))


@settings(max_examples=times(1000))
@given(_TEXTS)
def test_each_escape_is_the_character_it_stands_for(text: str) -> None:
    assert meant(text) == _one_by_one(text)


@given(st.text(max_size=40).filter(lambda text: "\\" not in text and "\r" not in text))
def test_what_json_escaped_twice_is_what_was_said(text: str) -> None:
    once = json.dumps(text)[1:-1]
    assert meant(json.dumps(once)[1:-1]).encode("utf-16", "surrogatepass") == text.encode("utf-16")


@given(_TEXTS)
def test_the_way_back_leads_to_where_each_character_stood(text: str) -> None:
    view = View(text)
    places = [view.original(position) for position in range(len(view.text) + 1)]
    assert places == sorted(places)
    assert all(
        text[place] == char or text[place] == "\\"
        for place, char in zip(places, view.text, strict=False)
    )
