# SPDX-License-Identifier: Apache-2.0
r"""Where in a request to look at all, by one pass of RE2 over its bytes.

One automaton asks for everything the table knows at once, 1.7 µs for a span of 1 KB however many
rows there are. Its expression is made of the rows' own (`derived`), so a new row is asked for on
the day it is written. What it says is never the answer: `requests.RequestFilter` judges the places
it names. A place too many costs time, one too few would cost a secret: every part here is a
necessary condition of what it stands for.

RE2 (BSD licence) comes with the server; without it nobody scouts.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import lru_cache
from importlib import import_module
from string import ascii_letters
from typing import Any

from agentstack_processors.redaction import encodings
from agentstack_processors.redaction.beginnings import may_begin
from agentstack_processors.redaction.derived import BEGIN, derive, narrowest, spelt
from agentstack_processors.redaction.folding import TABLE
from agentstack_processors.redaction.keys import SECRET_WORDS
from agentstack_processors.redaction.needles import Needles
from agentstack_processors.redaction.patterns import Pattern, assignments, phones
from agentstack_processors.redaction.patterns.row import LEAD, at_words, in_context

_BY_CONTEXT = (in_context, phones.in_context)  # a number, and a word not far from it
_DATE = 10  # characters of one
_REACH = 2048  # bytes from its begin in which a part of the expression has to hold
_WORD_BYTES = 16  # more than any word that another leads to
_WORD, _LITERAL = 3, 4  # characters after which a row's part of the question may end
_WIDTH = 160  # bytes that the name of a secret and what closes it take at most
_STRETCH = 512  # bytes that are in another script when their first letters are
_WIDE_WORD = 320  # bytes that a word in it takes, escaped again and again
_STRANGE = (  # letters of other scripts than Latin
    r"(?:[\xce-\xdb][\x80-\xbf]){3}|(?:[\xe0-\xed][\x80-\xbf]{2}){2}|(?:\\+u[0-9a-fA-F]{4}){2}"
)
_STRANGE_BEGINS = frozenset((*range(0xCE, 0xEE), ord("\\")))
# Followed by a value's worth of text: ids are bytes that may look like letters.
_IS_STRANGE = re.compile(
    b"(?:"
    + _STRANGE.encode("latin-1")
    + rb")(?:[\t\n\r -~]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}"
    rb"|[\xf0-\xf4][\x80-\xbf]{3}){6}"
)
_LETTERS = re.compile(rb"[a-z]*")
_TAG = ord("b")  # of a string in a log record; see BEGIN
_MEMORY = 64 << 20  # bytes RE2 may use for an automaton; ordinary traffic needs a few

# The last word of a secret's name (keys._ENDING), closed as an attribute's key (a value follows,
# field 2) or as a key in JSON. The Kelvin sign is no k in `keys`.
_SPACE = r"\s\x0b\x1c-\x1f\x80-\xff"  # in bytes
_NAME = (
    r"(?i:key|passw(?:or)?d|passwort|passphrase|passcode|pwd|secret|token|authorization|cookies?"
    r"|cred(?:ential)?s?)"
)
_NAMES = _NAME + r"(?:\x12|\\*[\x22'](?:[nrtbf\\" + _SPACE + r"]|u[0-9a-fA-F]{4}){0,24}[:=])"
# Escapes of ASCII characters that stand for themselves elsewhere; "<", ">" and "&", which many
# serialisers always escape, are spelt out where a row asks for them.
HIDING = r"\\u00(?:2[0-57-9a-fA-F]|3[0-9abdfABDF]|[4-7aA])|[0-9]\\+u20[0-2]"
# Accounts: two letters, two check digits, at least eleven more (Norway).
_ALONE = rf"(?:{BEGIN}|[\x00-\x2f\x3a-\x40\x5b-\x60\x7b-\xff])"
_IBAN_HEAD, _IBAN = (
    r"[A-Za-z]{2}[0-9]{2}"
    r"(?:(?:[ \-]|[\xc2\xe2][\x80-\xbf]{1,2}|\\+u[0-9a-fA-F]{4}){0,2}[A-Za-z0-9])"
    f"{{{more}}}"
    for more in (3, 11)
)

# A number of seven digits, or of six in groups; no decimal fraction (0.1234567).
_APART = r"(?:[ ()\-/_]|[\xc2-\xf4][\x80-\xbf]{1,3}|\\+u[0-9a-fA-F]{4})"
_SEP = rf"(?:\.|{_APART})"
_GROUPED = "|".join(
    rf"[0-9]{{{first}}}(?:{_APART}{_SEP}{{0,2}}[0-9](?:{_SEP}{{0,3}}[0-9]){{{5 - first}}}"
    rf"|\.(?:{_APART}{_SEP}?|[0-9]{{1,5}}{_SEP}{{1,3}})"
    rf"[0-9](?:{_SEP}{{0,3}}[0-9]){{{max(0, 4 - first)}}})"
    for first in range(1, 6)
)
_NUMBER = rf"(?:{BEGIN}|[^0-9A-Za-z_.\-]|[^0-9][.\-])(?:[0-9]{{6}}{_SEP}{{0,3}}[0-9]|{_GROUPED})"
# Nine digits as `ssn:` takes them, whatever stands before.
_NINE = rf"(?:{BEGIN}|[^0-9])[0-9]{{3}}{_APART}?[0-9]{{2}}{_APART}?[0-9]{{4}}(?:[^0-9]|\z)"
_TAKES_NINE = re.compile(
    r"\(\[0-9\]\{3\}\[[^\]]*\]\?\[0-9\]\{2\}\[[^\]]*\]\?\[0-9\]\{4\}\)\(\?!\[0-9\]\)\Z"
)
# Percent signs, base64 that says something in ASCII (layers._BASE64), parts of one message.
_PERCENT = r"%(?:25)*[2-7][0-9A-Fa-f]"
_QUANTUM = r"[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_\-]"
_BASE64 = (
    rf"(?:{BEGIN}|[^A-Za-z0-9+])(?:(?:{_QUANTUM}){{3}}[A-Za-z0-9+/_\-.=~]{{4}}|{encodings.OTHERS})"
)
_SOFT_BREAK = r"=(?:\r?\n|\\+[nr])"
_PART = (
    r"\\*\x22(?:text|content|delta|arguments|partial_json|output_text|thinking)\\*\x22"
    r"(?:\\+[nrt]|\s){0,4}:"
)
# AnyValues of seven digits or more as they stand on the wire, and arrays of more than one element.
_SIZE = r"(?:[\x02-\x7f]|[\x80-\xff]{1,4}[\x00-\x7f])"
_INT = r"[\x05-\x0b]\x18[\x80-\xff]{3,9}[\x01-\x7f]"
_DOUBLE = r"\x09!(?s:.){7}[\x41-\x43]"
_ARRAY = rf"[\n\x12*]{_SIZE}\*{_SIZE}\n"
_BYTES = rf"[\n\x12*]{_SIZE}:{_SIZE}"
_IN_TEXTS, _ON_THE_WIRE = (_PERCENT, _SOFT_BREAK, _BASE64, _PART), (_INT, _DOUBLE, _ARRAY, _BYTES)

_ASSIGNED = (assignments.passwords, assignments.tokens)
_BARE = r"|[ \t]{1,2}(?=\S))"  # as `assignments` has it
_BARE_VALUE = (
    r"[ \t]{1,2}\s{0,8}(?:[\"'`=]|(?:(?i:bearer|token|basic)[ \t])?"
    r"[^\s\"'`,;<>{}()\[\]|]{0,200}[0-9])"
)
_NOTHING = r"[^\x00-\xff]"  # matches nowhere
_FOLDED = {
    "0": "[0-9]",
    "-": r"(?:[ \-._?]|[\xc2-\xf4][\x80-\xbf]{1,3}|\\+u[0-9a-fA-F]{4})",
    '"': r"[\x22'\\\x00-\x1f]",
    "/": r"\\*/",
}
_FOREIGN = r"(?:[\xc4-\xf4][\x80-\xbf]{1,3}|\\+u[0-9a-fA-F]{4}){3}"  # folded: "---"


class Scout:
    """Names the places of a request that are worth a look.

    Args:
        patterns: The rows.
    """

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        rows = list(patterns)
        self.context = tuple(row for row in rows if _counts(row))
        """Rows that take a number and a word not far from it."""
        rest = [row for row in rows if not _counts(row) and row.words != SECRET_WORDS]
        self.spoken = tuple(row for row in rest if row.words and not row.literals)
        """Rows that begin with a word."""
        others = [row for row in rest if row not in self.spoken]
        self._led = [row for row in self.spoken if row.lead is not None]
        plain = [row for row in self.spoken if row.lead is None]
        firm, spoken = _joined(others, HIDING), _joined(plain)
        self.blind = "" in (firm, spoken)
        """Whether of some row nothing can be demanded: then requests are always opened."""
        numbers = [_NUMBER] if self.context else []
        numbers += [_NINE] if any(map(_takes_nine, rows)) else []
        self._firm, self._spoken = firm, spoken or _NOTHING
        brief = (_joined(self.spoken, brief=_WORD), _joined(others, HIDING, brief=_LITERAL))
        named = _NAME + r"[\x12\x22'\\]"
        self._numbers = "|".join(numbers) or _NOTHING
        self._texts = "|".join((*filter(None, brief), named, *numbers, *_IN_TEXTS))
        usual = "|".join((self._texts, *_ON_THE_WIRE))
        strange = [row for row in rows if row.asked]
        self._all = "|".join((usual, _STRANGE)) if strange else usual
        self._abroad = "|".join((usual, _joined(strange)))
        far = [row for row in rows if row.whole]
        self._whole, self._heads = _joined(far), _joined(far, brief=_WORD)
        self._lettered = "|".join((self._firm, self._spoken, _NAMES))
        found = [each for row in (*others, *plain) for each in expressions(row)]
        self._at_letters = (*sorted(_beginning_with_letters(found)), _NAMES)
        self._by_letters: dict[bytes, str] = {}
        self._dated = [row for row in self.context if _may_be_a_date(row)]
        near = sorted({word for row in self.context for word in row.words})
        self._near = Needles(near)
        self._words = "|".join(map(_unfolded, near)) or _NOTHING

    @property
    def ready(self) -> bool:
        """Whether RE2 is installed."""
        return compiled(self._all) is not None

    def places(self, data: bytes | memoryview) -> Generator[tuple[int, int], int | None, None]:
        """Where something that matters may begin, as (first, behind the last) offset, ascending.

        Whoever iterates may send back the offset from which to go on.
        """
        everywhere = compiled(self._all).search
        position = 0
        while (match := everywhere(data, position)) is not None:
            start, end = match.span()
            if data[start] in _STRANGE_BEGINS and _IS_STRANGE.match(data, start) is not None:
                position = yield from self._places_abroad(data, start)
            else:
                onwards = yield start, end
                position = start + 1 if onwards is None else onwards

    def _places_abroad(
        self, data: bytes | memoryview, start: int
    ) -> Generator[tuple[int, int], int | None, int]:
        """The places of a stretch in another script, whose words are asked for in there only.

        Each byte they are made of tells states of the automaton apart, and requests are full of
        random bytes.
        """
        search = compiled(self._abroad).search
        stop = start + _STRETCH
        match = search(data, start, min(len(data), stop + _WIDE_WORD))
        while match is not None and match.start() < stop:
            begin, end = match.span()
            onwards = yield begin, end
            start = begin + 1 if onwards is None else onwards
            match = search(data, start, min(len(data), stop + _WIDE_WORD))
        return max(start, stop)

    def a_row(self, data: bytes, start: int, *, letters: bool = False) -> bool:
        """Whether a row, or the name of a secret, may begin here: `firm`, `is_spoken` or `name`;
        or whether one stands here that begins before (`led`).

        Args:
            data: The request.
            start: The place.
            letters: What `only_a_row` said of it.
        """
        asked = self._of(data[start : start + _WORD]) if letters else self._lettered
        return (asked != "" and _begins(asked, data, start) is not None) or self.led(data, start)

    def _of(self, letters: bytes) -> str:
        """What may begin with three letters; empty when nothing does."""
        small = letters.lower()
        regex = self._by_letters.get(small)
        if regex is None:
            bodies = [each for each in self._at_letters if may_begin(each, small.decode())]
            regex = self._by_letters[small] = "|".join(bodies)
        return regex

    def led(self, data: bytes, start: int) -> bool:
        """Whether a word stands here that what stands before it may make a row of."""
        if data[start - 1 : start] != b" ":
            return False
        folded = data[start : start + _WORD_BYTES].translate(TABLE)
        return any(folded.startswith(row.words) and _leads(row, data, start) for row in self._led)

    @staticmethod
    def only_a_row(data: bytes, start: int) -> bool:
        """Whether nothing but a row or a name can begin here: three letters.

        Numbers, layers and what is on the wire begin with a byte of another kind before them; but
        for those with which the data begin, and behind `b`, which may be a tag.
        """
        return start > 0 and data[start] != _TAG and data[start : start + _WORD].isalpha()

    def a_text(self, data: bytes, start: int) -> bool:
        """Whether anything but what is on the wire may begin here."""
        return _begins(self._texts, data, start) is not None

    def a_number(self, data: bytes, start: int) -> bool:
        """Whether digits enough begin here."""
        return _begins(self._numbers, data, start) is not None

    def firm(self, data: bytes, start: int) -> bool:
        """Whether a row of its own form may begin here."""
        return _begins(self._firm, data, start) is not None

    def whole(self, data: bytes, start: int) -> bool:
        """Whether a row may begin here that says of what stands far from it."""
        return _begins(self._whole, data, start) is not None

    def next_head(self, data: bytes, start: int, end: int) -> int:
        """Where such a row may begin between two offsets; the latter when nowhere."""
        match = compiled(self._heads).search(data, start, min(len(data), end + _WIDTH))
        return end if match is None else min(end, int(match.start()))

    def is_spoken(self, data: bytes, start: int) -> bool:
        """Whether a row that begins with a word may begin here."""
        return _begins(self._spoken, data, start) is not None

    def rows_spoken(self, head: bytes) -> list[Pattern]:
        """Of the rows that begin with a word, those that may begin in the first bytes of `head`."""
        if b"\\" in head or not head.isascii():
            return list(self.spoken)
        folded = head.translate(TABLE)
        return [
            row
            for row in self.spoken
            if row.lead is not None or any(word in folded for word in row.words)
        ]

    def rows_in_context(self, folded: bytes) -> list[Pattern]:
        """Of the rows that take a number, those whose words stand in the text around it.

        Args:
            folded: The text, folded and closed by a quote.
        """
        return self._with_words(folded, self.context)

    def rows_of_dates(self, folded: bytes) -> list[Pattern]:
        """Those of them that might take a date that stands alone (`Reading.unnamed` does not)."""
        return self._with_words(folded, self._dated)

    def _with_words(self, folded: bytes, rows: Sequence[Pattern]) -> list[Pattern]:
        found = self._near.within(folded)
        return [row for row in rows if not found.isdisjoint(row.words)] if found else []

    def is_base64(self, data: bytes, start: int) -> bool:
        """Whether base64 that may say something begins here."""
        return _begins(_BASE64, data, start) is not None

    def name(self, data: bytes, start: int) -> int:
        """The offset behind the name of a secret and what closes it; 0 where none begins."""
        match = _begins(_NAMES, data, start)
        return 0 if match is None else int(match.end())

    def next_name(self, data: bytes, start: int, end: int) -> int:
        """Where the next name of a secret begins between two offsets; the latter when nowhere."""
        match = compiled(_NAMES).search(data, start, min(len(data), end + _WIDTH))
        return end if match is None else min(end, int(match.start()))

    def a_word(self, data: bytes, start: int, end: int) -> bool:
        """Whether a word that goes with numbers stands in these bytes."""
        return compiled(self._words).search(data, max(0, start), min(len(data), end)) is not None


def _leads(row: Pattern, data: bytes, start: int) -> bool:
    near = data[max(0, start - LEAD) : start]
    if b"\\" in near or not near.isascii():
        return True  # which characters these are is not told yet
    return row.lead is not None and row.lead.search(near.decode()) is not None


def _beginning_with_letters(found: Iterable[tuple[str, str]]) -> set[str]:
    """What demands nothing of the byte before, or has nothing against a letter there."""
    return {
        f"{head}(?:{body})" if head else body
        for head, body in found
        if not head or any(re.fullmatch(head, letter) for letter in ascii_letters)
    }


def _begins(regex: str, data: bytes, start: int) -> Any:
    return compiled(regex).match(data, start, min(len(data), start + _REACH))


def _counts(row: Pattern) -> bool:
    """Whether a row takes a number of seven digits or more that stands alone, and a word near it.

    A number is rarer than a word: that is where to begin to look.
    """
    return (
        row.search in _BY_CONTEXT
        or (row.search is at_words and "number" in row.regex.groupindex)
        or _takes_nine(row)
    )


def _may_be_a_date(row: Pattern) -> bool:
    """Whether the number a row takes may be `2026-11-21` and nothing more."""
    return row.search not in _BY_CONTEXT and narrowest(row.regex, "number") <= _DATE


def _takes_nine(row: Pattern) -> bool:
    return row.search is at_words and _TAKES_NINE.search(row.regex.pattern) is not None


def _joined(rows: Iterable[Pattern], *others: str, brief: int = 0) -> str:
    """One expression for rows: those that demand the same of the byte before demand it once.

    Empty when there are rows and one of them demands nothing. `brief`: see `derive`.
    """
    heads: dict[str, dict[str, None]] = {"": dict.fromkeys(others)}
    for row in rows:
        for head, body in expressions(row, brief):
            heads.setdefault(head, {})[body] = None
    if any("" in bodies for bodies in heads.values()):
        return ""
    return (
        "|".join(
            f"{head}(?:{'|'.join(sorted(bodies))})" for head, bodies in heads.items() if bodies
        )
        or _NOTHING
    )


def expressions(row: Pattern, brief: int = 0) -> list[tuple[str, str]]:
    """What RE2 has to find for one row; see `derive`."""
    if row.asked:
        texts = [text for text in row.asked if not brief or _has_latin(text)]
        return [
            ("", "".join(spelt(char, exact=not brief or not at) for at, char in enumerate(text)))
            for text in texts
        ]
    if row.name == "IBAN":
        return [(_ALONE, _IBAN_HEAD if brief else _IBAN)]
    if row.search in _ASSIGNED and _BARE in row.regex.pattern and not brief:
        return [each for regex in _assigned(row.regex.pattern) for each in derive(regex)]
    found = derive(row.regex, from_last_letter=bool(row.forms), brief=brief)
    stems = _stems(row)
    if not stems:
        return found
    heads = {head for head, _ in found}
    if len(heads) > 1:  # a word then is a place of its own, which the byte before is no part of
        return [("", stem) for stem in stems] if brief else [("", body) for _, body in found]
    return [(head, stem) for head in heads for stem in stems] if brief else found


def _has_latin(text: str) -> bool:
    """Whether two letters of ASCII tell a word, whatever is beside them."""
    return sum(char.isascii() and char.isalpha() for char in text) > 1


def _stems(row: Pattern) -> list[str]:
    """The words of a row of which each match begins with one, or follows what leads to one.

    They are all the automaton need know: what goes on while other words begin makes states without
    end.
    """
    if not row.words or row.literals or _counts(row):
        return []
    counted = {b"token": r"(?i:token(?:[^s]|\z))"} if row.uncounted else {}
    return sorted({counted.get(word) or _unfolded(word) for word in row.words})


def _assigned(pattern: str) -> Iterator[re.Pattern[str]]:
    """`password hunter2`: where only a space gives a name its value, prose is full of them.

    What then is a value has a digit in it, stands in quotes, or belongs to a flag (`assignments`).
    """
    name = pattern.partition("(?P<sign>")[0]
    yield re.compile(pattern.replace(_BARE, ")"))
    yield re.compile(name + _BARE_VALUE)
    yield re.compile(r"-[A-Za-z0-9\-]{0,20}" + name + r"[ \t]{1,2}\s{0,8}\S{4}")


def _unfolded(needle: bytes) -> str:
    """Every spelling that folds to `needle`."""
    if needle == b"---":
        return _FOREIGN
    return (
        "(?i:"
        + "".join(_FOLDED.get(char, re.escape(char)) for char in needle.decode("latin-1"))
        + ")"
    )


@lru_cache(maxsize=1024)
def compiled(regex: str) -> Any:
    """The expression, compiled once in each process; None without RE2."""
    try:
        re2 = import_module("re2")  # untyped, and only loaded where requests are judged
    except ImportError:
        return None
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes are bytes
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(regex.encode("latin-1"), options)


def _start_afresh() -> None:
    """In a forked child: a thread of the parent may have held a lock inside the automaton."""
    if compiled.cache_info().currsize:
        compiled.cache_clear()
        purge = getattr(sys.modules.get("re2"), "purge", None)
        if purge is not None:
            purge()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_afresh)
