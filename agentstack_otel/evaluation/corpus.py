# SPDX-License-Identifier: Apache-2.0
"""A folder of labelled texts: each `*.jsonl` file, at any depth, is a source.

A line is `{"text": "...", "label": 0 or 1}` (1: an attack) or `{"text": "...", "spans": [...]}`,
a span `[start, end, "TYPE"]` or `{"start": ..., "end": ..., "type": ...}` with offsets in
characters. A file has lines of one kind. A line with a label may say where its text stood:
`"scope": "user"` (the default), `system`, `assistant`, `tool_input` or `tool_output`; and what kind
of attack it is: `"cat"`. Further keys are ignored, blank lines too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agentstack_processors.security.verdict import SCOPES, Scope

Kind = Literal["detection", "pii"]


class CorpusError(Exception):
    """A corpus cannot be read; the sentence names the file and the line."""


@dataclass(frozen=True, slots=True)
class Span:
    """A labelled stretch of a text, in characters."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled text.

    Attributes:
        number: Of the line in its file, from 1.
        text: What is judged.
        attack: Its label; of no meaning in a `pii` source.
        spans: Its labelled stretches; of no meaning in a `detection` source.
        scope: Where the text stood.
        category: What the line calls its kind, or ''.
    """

    number: int
    text: str
    attack: bool = False
    spans: tuple[Span, ...] = ()
    scope: Scope = "user"
    category: str = ""


@dataclass(frozen=True, slots=True)
class Source:
    """One file: its name (path below the folder, without `.jsonl`), kind and lines."""

    name: str
    kind: Kind
    lines: list[Line] = field(repr=False)


def sources(folder: Path) -> Iterator[Source]:
    """Every source below `folder` in the order of names; `folder` may be one file.

    Raises:
        CorpusError: nothing there, or a line that is no labelled text.
    """
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.jsonl"))
    if not paths:
        raise CorpusError(
            f"{folder}: no *.jsonl file there; a source is a file with a line "
            '{"text": "...", "label": 0 or 1} or {"text": "...", "spans": [[start, end, "TYPE"]]} '
            "for each text"
        )
    for path in paths:
        below = path.relative_to(folder) if path != folder else Path(path.name)
        yield parsed(path.read_bytes(), str(below.with_suffix("").as_posix()), str(path))


def parsed(data: bytes, name: str, path: str) -> Source:
    """The source in a file's bytes; `path` is for error messages."""
    lines: list[Line] = []
    kind: Kind | None = None
    for number, raw in enumerate(data.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not raw.strip():
            continue
        try:
            row = _row(raw)
            kind = kind or _kind(row)
            lines.append(_line(row, kind, number))
        except ValueError as error:
            raise CorpusError(f"{path}, line {number}: {error}") from error
    if kind is None:
        raise CorpusError(f"{path}: holds no line")
    return Source(name, kind, lines)


def _row(raw: bytes) -> dict[str, Any]:
    try:
        row = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise ValueError(f"is not UTF-8 (byte {error.start + 1})") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"is not JSON ({error})") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise ValueError('is not an object with a "text"')
    return row


def _kind(row: dict[str, Any]) -> Kind:
    if "spans" in row:
        return "pii"
    if "label" in row:
        return "detection"
    raise ValueError('has neither a "label" nor "spans"')


def _line(row: dict[str, Any], kind: Kind, number: int) -> Line:
    read: dict[Kind, Callable[[dict[str, Any], int], Line]]
    read = {"detection": _labelled, "pii": _spanned}
    needed = "label" if kind == "detection" else "spans"
    if needed not in row:
        raise ValueError(f'has no "{needed}" as the lines before; a file holds one kind of lines')
    return read[kind](row, number)


def _labelled(row: dict[str, Any], number: int) -> Line:
    if row["label"] not in (0, 1):  # True and False are among these
        raise ValueError(f'"label" is {json.dumps(row["label"])[:40]}; use 1 for an attack, else 0')
    scope = row.get("scope", "user")
    if scope not in SCOPES:
        raise ValueError(f'"scope" is {json.dumps(scope)[:40]}; use one of {", ".join(SCOPES)}')
    category = row.get("cat", "")
    return Line(
        number,
        row["text"],
        attack=bool(row["label"]),
        scope=scope,
        category=category if isinstance(category, str) else "",
    )


def _spanned(row: dict[str, Any], number: int) -> Line:
    if not isinstance(row["spans"], list):
        raise ValueError('"spans" is not a list')
    size = len(row["text"])
    return Line(number, row["text"], spans=tuple(_span(one, size) for one in row["spans"]))


def _span(given: object, size: int) -> Span:
    if isinstance(given, dict):
        given = [given.get("start"), given.get("end"), given.get("type")]
    if not isinstance(given, list) or len(given) != 3:
        raise ValueError('a span is [start, end, "TYPE"]')
    start, end, name = given
    if isinstance(start, bool) or isinstance(end, bool):
        raise ValueError("a span's offsets are whole numbers")
    if not (isinstance(start, int) and isinstance(end, int) and isinstance(name, str)):
        raise ValueError('a span is [start, end, "TYPE"]: two whole numbers and a name')
    if not 0 <= start < end <= size:
        raise ValueError(f"span {start} to {end} is not within its text of {size} characters")
    return Span(start, end, name)


__all__ = ["CorpusError", "Kind", "Line", "Source", "Span", "parsed", "sources"]
