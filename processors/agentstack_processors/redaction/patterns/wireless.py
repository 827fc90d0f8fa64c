# SPDX-License-Identifier: Apache-2.0
"""What lets somebody into a network, a mailbox, a program or a disk, by the form around it.

`Wi-Fi … Key: …`, `bob@acme.io:…` as stolen logins are listed, keys of five groups of programs,
BitLocker's eight groups of digits.
"""

from __future__ import annotations

import re

from agentstack_processors.redaction.patterns import nobodys, things, values
from agentstack_processors.redaction.patterns.row import FREE, Match, Pattern, at_shapes, at_words

_VALUE = r"([^\s\"'`,;<>{}()\[\]|]{6,64})"
_TAIL = ".,:;!?*"
_FILE = re.compile(r".*[/\\]|.*\.[a-z]{2,4}[0-9]?\Z|[0-9]+\Z")


def _lets_in(match: Match) -> bool:
    """Whether the key of a network is one: what no word for a key is followed by otherwise."""
    value = match[1].rstrip(_TAIL)
    if nobodys.is_dull(value) or values.is_code(value) or things.is_thing(value):
        return False
    return values.is_strong(value) or values.is_leet(value) or values.is_odd_case(value)


def _is_listed(match: Match) -> bool:
    """Whether behind an address and a sign a password stands, and no port, path or file."""
    value = match[1].rstrip(_TAIL)
    if nobodys.is_dull(value) or _FILE.match(value) is not None:
        return False
    if match.string[match.start(1) - 2] == ",":
        return _MARKS.search(value) is not None and values.is_strong(value)
    return values.is_strong(value, bare=True) or values.is_numbered(value)


_MARKS = re.compile(r"[A-Za-z0-9][#!$%^&*?~][A-Za-z0-9]")


def _is_worded(value: str) -> bool:
    """`hello-visitor-9`: words and a number, small."""
    return values.has_digit(value) and "-" in value


ROWS: tuple[Pattern, ...] = (
    Pattern(
        "PASSWORD",
        re.compile(
            r"(?i:ssid|wi-?fi)(?![A-Za-z])[^\n]{0,60}?(?:\n[^\n]{0,60}?){0,2}?"
            r"(?<=[\s/,|*(>])(?i:key|pass(?:word|phrase|code)?|pw|code)[\"*]{0,3}"
            rf"(?:[ \t]?[:=]|[ ]is|(?=[ ]))[ \t*]{{1,4}}[\"'`]?{_VALUE}"
        ),
        words=(b"ssid", b"wifi", b"wi-fi"),
        group=1,
        accept=_lets_in,
        search=at_words,
    ),
    Pattern(
        "PASSWORD",  # Guest wifi: Lobby / …
        re.compile(
            rf"(?i:ssid|wi-?fi)(?![A-Za-z])[^\n:]{{0,24}}:[ ][A-Za-z0-9_\-]{{2,32}}[ ]/[ ]{_VALUE}"
        ),
        words=(b"ssid", b"wifi", b"wi-fi"),
        group=1,
        accept=lambda match: _lets_in(match) or _is_worded(match[1]),
        search=at_words,
    ),
    Pattern(
        "PASSWORD",
        re.compile(
            r"@(?<=[A-Za-z0-9_+\-]@)(?:[A-Za-z0-9\-]{1,40}\.){1,4}[A-Za-z]{2,10}"
            rf"(?:[:|]|[ ]/[ ]|,[ ]){_VALUE}"
        ),
        literals=("@",),
        group=1,
        accept=_is_listed,
    ),
    Pattern(
        "SECRET",
        re.compile(
            r"(?i:licen[cs]e|activation|product|serial)(?:[ \-_]key)?"
            r"(?:[ \t]?[:=]|[ ]is)?[ \t]{1,3}[\"'`]?([A-Z0-9]{4,5}(?:-[A-Z0-9]{4,5}){3,5})"
            r"(?![A-Za-z0-9\-])"
        ),
        words=(
            b"license-key", b"activation-key", b"product-key", b"licence",
        ),
        group=1,
        accept=lambda match: values.has_digit(match[1]) and len(set(match[1])) > 8,
        search=at_words,
    ),
    Pattern(
        "SECRET",  # of a second factor, as it is shown to be typed
        re.compile(
            r"(?i:secret|setup)[ ](?i:key)(?:[ ]?:|[ ]is)?[ ]{1,2}[\"'`]?"
            r"((?:[A-Z2-7]{4}[ ]){3,15}[A-Z2-7]{4})(?![A-Za-z0-9])"
        ),
        words=(b"secret-key", b"setup-key"),
        group=1,
        accept=lambda match: values.has_digit(match[1]),
        search=at_words,
    ),
    Pattern(
        "SECRET",  # of BitLocker: each group is a multiple of 11
        re.compile(rf"[0-9]{FREE}(?<![\-.][0-9])([0-9]{{5}}(?:-[0-9]{{6}}){{7}})(?![0-9\-])"),
        shapes=(b"000000-000000-000000-000000-000000-000000-000000-000000",),
        accept=lambda match: all(int(group) % 11 == 0 for group in match[0].split("-")),
        search=at_shapes,
    ),
)  # fmt: skip
