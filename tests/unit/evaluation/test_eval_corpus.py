# SPDX-License-Identifier: Apache-2.0
"""Labelled folders: what is read, and what is refused with file and line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agentstack_otel.evaluation.corpus import CorpusError, Span, parsed, sources


def read(*rows: object, raw: bytes | None = None) -> object:
    data = raw if raw is not None else b"\n".join(json.dumps(row).encode() for row in rows)
    return parsed(data, "name", "file.jsonl")


def test_labels_scopes_and_spans_are_read() -> None:
    found = parsed(
        b'{"text": "a\xe2\x80\xa8b", "label": 1, "scope": "tool_output", "cat": "x"}\r\n'
        b'\n{"text": "", "label": false}',
        "name",
        "f",
    )
    assert found.kind == "detection"
    assert [(line.number, line.attack, line.scope) for line in found.lines] == [
        (1, True, "tool_output"),
        (3, False, "user"),
    ]
    assert found.lines[0].text == "a\u2028b"
    assert parsed(b'\xef\xbb\xbf{"text": "", "label": 0}', "n", "f").lines[0].number == 1
    spans = [[0, 2, "EMAIL"], {"start": 1, "end": 3, "type": "PERSON", "value": "bc"}]
    pii = parsed(json.dumps({"text": "abc", "spans": spans}).encode(), "n", "f")
    assert pii.kind == "pii"
    assert pii.lines[0].spans == (Span(0, 2, "EMAIL"), Span(1, 3, "PERSON"))


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"text": "a", "label": 1}, {"text": "b"}], 'line 2: has no "label"'),
        ([{"text": "a", "label": 1}, {"text": "b", "spans": []}], 'line 2: has no "label"'),
        ([{"text": "a", "spans": []}, {"text": "b", "label": 0}], 'line 2: has no "spans"'),
        ([{"text": "a"}], 'line 1: has neither a "label" nor "spans"'),
        ([{"label": 1}], 'line 1: is not an object with a "text"'),
        ([["a"]], 'line 1: is not an object with a "text"'),
        ([{"text": "a", "label": 2}], 'line 1: "label" is 2'),
        ([{"text": "a", "label": "attack"}], 'line 1: "label" is'),
        ([{"text": "a", "label": 1, "scope": "me"}], 'line 1: "scope" is "me"'),
        ([{"text": "a", "spans": {}}], 'line 1: "spans" is not a list'),
        ([{"text": "abc", "spans": [[0, 4, "X"]]}], "span 0 to 4 is not within"),
        ([{"text": "abc", "spans": [[2, 2, "X"]]}], "span 2 to 2 is not within"),
        ([{"text": "abc", "spans": [[0, "1", "X"]]}], "two whole numbers"),
        ([{"text": "abc", "spans": [[True, 2, "X"]]}], "whole numbers"),
        ([{"text": "abc", "spans": [5]}], "a span is"),
    ],
)
def test_a_bad_line_is_named(rows: list[object], said: str) -> None:
    with pytest.raises(CorpusError) as error:
        read(*rows)
    assert "file.jsonl, " in str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize("raw", [b"", b"\n \n", b"{", b'{"text": "\xff", "label": 1}', b"[" * 9999])
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(CorpusError, match=r"file\.jsonl"):
        read(raw=raw)


def test_every_file_at_any_depth_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "deep" / "er").mkdir(parents=True)
    for name in ("b.jsonl", "deep/a.jsonl", "deep/er/c.jsonl", "deep/readme.txt"):
        (tmp_path / name).write_text('{"text": "x", "label": 0}\n', encoding="utf-8")
    assert [source.name for source in sources(tmp_path)] == ["b", "deep/a", "deep/er/c"]
    assert [source.name for source in sources(tmp_path / "b.jsonl")] == ["b"]


def test_a_folder_without_sources_says_what_a_source_is(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="label"):
        list(sources(tmp_path))
