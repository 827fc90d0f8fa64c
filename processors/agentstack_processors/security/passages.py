# SPDX-License-Identifier: Apache-2.0
"""Where in a text from outside somebody gives orders: the passages taint is followed from.

A text is cut into pieces (sentences, lines, keys, tags). A piece is an order when it begins with a
verb of doing, or says please, must, now before one. In a text the detectors found suspicious, the
passage is what stands in the same leaf of the data: the finding itself and the orders near it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from agentstack_processors.security.verdict import Finding

_BREAK = re.compile(
    r"(?<=[.!?])[\"')\]]*\s+"  # sentences
    r"|(?:\s*\\n)+\s*"  # line feeds that YAML or JSON wrote as \n
    r"|\n[ \t]*\n\s*"  # paragraphs
    r"|\n(?=[ \t]*(?:[-*•#>]|\d{1,3}[.)]\s|[\w'\"-][\w '\"-]{0,30}:(?:\s|$)))"  # items and keys
    r"|\n(?![ \t]{2,}\S)"  # lines, but not those YAML has folded
    r"|(?<=[:;])\s+"
    r"|<!--|-->|</?[A-Za-z][\w:-]{1,30}>"
)
_LEAF = re.compile(r"\n[ \t]*(?:- )?['\"]?[A-Za-z_][\w]{0,30}['\"]?:(?=\s)")
_TAG = re.compile(r"<(/?)([A-Za-z][\w-]{2,30})>")
_WORD = re.compile(r"[a-z][a-z']*")

VERBS = frozenset(
    """send email mail forward message dm reply respond notify text tweet post publish pay transfer
    wire purchase buy order refund deposit withdraw donate invest trade sell delete remove erase
    drop wipe clear cancel purge destroy uninstall terminate revoke kill share grant invite permit
    allow authorize approve unlock add create make schedule save register write insert append
    upload update change set modify edit reset rename disable enable move replace overwrite rotate
    configure turn toggle run execute eval install deploy launch visit fetch open browse download
    navigate click curl wget crawl book reserve rent call dial control start stop submit apply sign
    subscribe unsubscribe follow comment rate vote like put push commit merge import export get
    find retrieve search look read list tell use include concatenate provide give collect extract
    print output say ask copy append gather go access check show summarize translate compile
    generate schedule arrange initiate enter fill disclose reveal submit contact recommend hire
    remind invoke perform""".split()  # noqa: SIM905  # a table of words
)
_LEADS = frozenset(
    """please kindly now then also first next finally immediately instead must should shall will
    always just simply do to and need assistant ai agent you todo task urgently additionally
    afterwards can could would gotta let lets let's""".split()  # noqa: SIM905
)
_REACH = 1500
_LONGEST = 4000
_MOST_PIECES = 400


class Piece(NamedTuple):
    """A part of a text, by offsets."""

    start: int
    end: int


def pieces(text: str) -> Iterator[Piece]:
    """Sentences, lines, keys and what stands between tags; at most 400."""
    begin, count = 0, 0
    for found in _BREAK.finditer(text):
        if found.start() > begin:
            yield Piece(begin, found.start())
            count += 1
            if count >= _MOST_PIECES:
                return
        begin = max(begin, found.end())
    if begin < len(text):
        yield Piece(begin, len(text))


def is_order(text: str) -> bool:
    """Whether a sentence tells somebody to do something."""
    words = _WORD.findall(text[:400].lower())
    if len(words) < 3:
        return False
    for index, word in enumerate(words[:40]):
        if word in VERBS and (index == 0 or words[index - 1] in _LEADS):
            return True
    return False


def orders(text: str, most: int = 8) -> list[Piece]:
    """Orders anywhere in `text`, each with the piece that follows it."""
    found: list[Piece] = []
    after = False
    for piece in pieces(text[: _LONGEST * 4]):
        if is_order(text[piece.start : piece.end]):
            if after:
                found[-1] = Piece(found[-1].start, piece.end)
            elif len(found) < most:
                found.append(piece)
            after = True
        elif after:
            if piece.end - found[-1].start < 400:
                found[-1] = Piece(found[-1].start, piece.end)
            after = False
    return found


def suspicious(text: str, findings: Sequence[Finding]) -> str:
    """What an attacker wrote, as far as can be told: around the findings, within their leaf."""
    taken: dict[Piece, None] = {}
    for finding in findings[:4]:
        left, right = _leaf(text, finding.start, finding.end)
        after = False
        for piece in pieces(text[left:right]):
            here = Piece(left + piece.start, left + piece.end)
            touches = here.start < finding.end and here.end > finding.start
            order = is_order(text[here.start : here.end])
            if touches or order or after:
                taken[here] = None
            after = order or touches
    found = sorted(taken)
    return "\n".join(text[piece.start : piece.end] for piece in found)[:_LONGEST]


def _leaf(text: str, start: int, end: int) -> tuple[int, int]:
    """The bounds of the value that holds a finding; of the element, where a tag encloses it."""
    left, right = max(0, start - _REACH), min(len(text), end + _REACH)
    for found in _LEAF.finditer(text, left, right):
        if found.end() <= start:
            left = found.end()
        elif found.start() >= end:
            right = found.start()
            break
    opened: dict[str, int] = {}
    for tag in _TAG.finditer(text, left, right):
        name = tag.group(2).lower()
        if not tag.group(1):
            opened.setdefault(name, tag.start())
        elif name in opened and opened[name] <= start and tag.end() >= end:
            return opened[name], tag.end()
    return left, right


__all__ = ["VERBS", "Piece", "is_order", "orders", "pieces", "suspicious"]
