# SPDX-License-Identifier: Apache-2.0
r"""From a regular expression over text to one over bytes that every match of it meets.

RE2 knows no look-around and no back-references, and what it reads are the bytes of a request:
UTF-8, in which JSON escapes may stand for characters. So the expression is taken apart (`re`'s
own parser) and written again, each time a little weaker: what RE2 cannot say is left out,
optional parts repeat without end, long repeats end early (an expression that begins like another
one finds whatever that finds). Weaker costs a look too many; it can never cost a secret.

Characters of ASCII are taken to stand as they are: whoever asks has to look for escapes of them
apart (`framing.HIDING`), but for those that serialisers escape as a matter of course.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

try:
    from re import _parser as sre  # type: ignore[attr-defined]  # no stub: it is re's own
except ImportError:  # Python 3.10
    import sre_parse as sre

_ASCII = range(0x80)
_WIDE = r"[\xc2-\xf4][\x80-\xbf]{1,3}"  # a character beyond ASCII
_HEX = r"\\+u[0-9a-fA-F]{4}"
# Escapes of JSON with a letter of their own, and those that HTML-safe serialisers always write.
_LETTERS = {'"': '"', "'": "'", "/": "/", "\n": "n", "\r": "r", "\t": "t", "\b": "b", "\f": "f"}
_CONTROL = r"\\+u00[01][0-9a-fA-F]"
_OFTEN_HEX = {"&": "26", "<": "3[cC]", ">": "3[eE]"}
# What IGNORECASE takes for a letter of ASCII: the long s, the Kelvin sign, two Turkish letters.
_TWINS = {
    "s": r"\xc5\xbf|\\+u017[fF]",
    "k": r"\xe2\x84\xaa|\\+u212[aA]",
    "i": r"\xc4[\xb0\xb1]|\\+u013[01]",
}
_LETTERS_ONLY = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_MOST_COPIES = 16  # of what a repeat demands; the expression ends there
_SMALL = frozenset(b"abcdefghijklmnopqrstuvwxyz")
_ALNUM = _LETTERS_ONLY | frozenset(b"0123456789")
_A_LETTER = next(iter(sre.parse("[A-Za-z]")))
# What stands before the first byte of a string of OTLP: its tag and its length, which may be a
# letter; and what ends like one in the text and is an escape.
# `\"`, `\'` and `\/` end in the very character they stand for: what stands before is that.
BEGIN = r"\A|[\n\x12\x1a\x22*:b][\x80-\xff]{0,4}[\x00-\x7f]|\\[bfnrt]|\\u[0-9a-fA-F]{4}"


def _is_word(char: str) -> bool:
    return char.isalnum() or char == "_"


_CATEGORY: dict[str, Callable[[str], bool]] = {
    "CATEGORY_DIGIT": str.isdigit,
    "CATEGORY_SPACE": str.isspace,
    "CATEGORY_WORD": _is_word,
}


class _Ended(Exception):
    """Enough has been demanded: the rest of the expression is left out."""


class _Set:
    """Characters: which of ASCII, whether any beyond it, and twins of letters."""

    __slots__ = ("ascii", "twins", "wide")

    def __init__(self, chars: Iterable[int], *, wide: bool, twins: str = "") -> None:
        self.ascii = frozenset(chars)
        self.wide = wide
        self.twins = twins

    def inverted(self) -> _Set:
        return _Set(set(_ASCII) - self.ascii, wide=True)

    def bytes(self) -> str:
        """A class of bytes; of a character beyond ASCII it is each byte."""
        more = set(range(0x80, 0x100)) if self.wide or self.twins else set()
        members = set(self.ascii) | more
        return _bytes(members)

    def regex(self) -> str:
        """One character, in any spelling a serialiser may give it."""
        return _regex(self.ascii, self.wide, self.twins)


@lru_cache(maxsize=1024)  # rows are made of the same few hundred
def _regex(ascii_: frozenset[int], wide: bool, twins: str) -> str:
    ways = [_bytes(ascii_)] if ascii_ else []
    if wide:
        ways.append(_WIDE)
    backslash = ord("\\") in ascii_
    letters = {_LETTERS[chr(c)] for c in ascii_ if chr(c) in _LETTERS}
    if letters or backslash:
        ways.append(r"\\+" + _bytes(ord(letter) for letter in letters or {"\\"}))
    if wide:
        ways.append(_HEX)
    else:
        codes = [_OFTEN_HEX[chr(c)] for c in sorted(ascii_) if chr(c) in _OFTEN_HEX]
        ways += [_TWINS[letter] for letter in twins]
        if any(c < 0x20 for c in ascii_):
            ways.append(_CONTROL)
        if codes:
            ways.append(rf"\\+u00(?:{'|'.join(codes)})")
    if not ways:
        return r"[^\x00-\xff]"  # no character at all
    return ways[0] if len(ways) == 1 else f"(?:{'|'.join(ways)})"


def derive(
    pattern: re.Pattern[str], *, from_last_letter: bool = False, brief: int = 0
) -> list[tuple[str, str]]:
    """Expressions for RE2 (Latin-1, bytes), one of which holds in whatever `pattern` matches.

    Args:
        pattern: The expression over text.
        from_last_letter: Begin with the last of the letters it begins with. Every word begins with
            letters, and an automaton that counts them for several rows at once grows and is slow.
        brief: End before what repeats letters, once so many characters have been demanded: words
            that go on while others begin make states without end. 0: demand all there is.

    Returns:
        Pairs of what the byte before has to be, and what follows it; "" demands nothing.
        Apart, because a hundred rows that demand the same of the byte before are one demand.
    """
    parsed = sre.parse(pattern.pattern, pattern.flags & ~re.UNICODE)
    writer = _Writer(parsed.state.flags | pattern.flags, brief)
    return writer.whole(list(parsed), from_last_letter=from_last_letter)


def spelt(char: str, *, exact: bool = True) -> str:
    """One character as it may stand in the bytes: beyond ASCII, JSON may escape it.

    Args:
        char: The character.
        exact: Whether beyond ASCII it has to be this one: whoever tells them apart tells apart
            all bytes above 0x7f.
    """
    if char.isascii():
        return _bytes(char.encode())
    if not exact:
        return f"(?:{_WIDE}|{_HEX})"
    units = char.encode("utf-16-be").hex()
    escaped = "".join(rf"\\+u(?i:{units[at : at + 4]})" for at in range(0, len(units), 4))
    plain = "".join(rf"\x{byte:02x}" for byte in char.encode())
    return f"(?:{plain}|{escaped})"


def narrowest(pattern: re.Pattern[str], group: str) -> int:
    """The fewest characters that a named group takes; 0 when there is no such group."""
    number = pattern.groupindex.get(group)
    return _group_width(list(sre.parse(pattern.pattern, pattern.flags & ~re.UNICODE)), number)


def _group_width(items: list[Any], number: int | None) -> int:
    for item in items:
        op, value = str(item[0]), item[1]
        inner: list[Any] = []
        if op == "SUBPATTERN":
            if value[0] == number is not None:
                return sum(map(_width, value[3]))
            inner = list(value[3])
        elif op == "BRANCH":
            inner = [each for way in value[1] for each in way]
        elif "REPEAT" in op:
            inner = list(value[2])
        found = _group_width(inner, number)
        if found:
            return found
    return 0


class _Writer:
    def __init__(self, flags: int, brief: int = 0) -> None:
        self._flags = flags
        self._brief = brief
        self._groups: dict[int, Any] = {}

    def whole(self, items: list[Any], *, from_last_letter: bool) -> list[tuple[str, str]]:
        if self._brief:
            items = self._head(items)
        if from_last_letter:
            shorter = self._last_letter(items)
            if shorter is not items:
                return [("", self._sequence(self._alike(shorter), self._flags, tail=True))]
        return [self._apart(self._alike(way)) for way in self._ways(items)]

    def _alike(self, items: list[Any]) -> list[Any]:
        """In brief, any letter for a letter that `items` begin with: after which letters a row
        may begin would be a state each."""
        if self._brief and len(items) > 1 and "ASSERT" not in str(items[1][0]):
            single = self._single(items[:1], self._flags)
            letters = single is not None and not single.wide and single.ascii <= _LETTERS_ONLY
            if single is not None and letters and len(single.ascii) > 3:
                return [_A_LETTER, *items[1:]]
        return items

    def _head(self, items: list[Any]) -> list[Any]:
        """`items` up to what repeats letters, if that demands enough."""
        width = 1 if any(map(_looks_back, items)) else 0  # what stands before tells as much
        for index, item in enumerate(items):
            if width >= self._brief and self._repeats_letters([item], self._flags):
                return items[:index]
            width += _width(item)
        return items

    def _repeats_letters(self, items: Any, flags: int) -> bool:
        """Whether an automaton would have to stay in here while words pass by."""
        for op, value in items:
            name = str(op)
            if name == "BRANCH":
                if any(self._repeats_letters(way, flags) for way in value[1]):
                    return True
            elif name == "SUBPATTERN":
                if self._repeats_letters(value[3], (flags | value[1]) & ~value[2]):
                    return True
            elif "REPEAT" in name:
                least, most, inner = value
                if most - least > 1 and self._takes_letters(inner, flags):
                    return True
                if self._repeats_letters(inner, flags):
                    return True
        return False

    def _takes_letters(self, items: Any, flags: int) -> bool:
        """Whether any of `items` is a class that most small letters are in."""
        for op, value in items:
            name = str(op)
            if name in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
                if len(self._set(name, value, flags).ascii & _SMALL) > len(_SMALL) // 2:
                    return True
            elif name == "BRANCH":
                if any(self._takes_letters(way, flags) for way in value[1]):
                    return True
            elif name == "SUBPATTERN":
                if self._takes_letters(value[3], (flags | value[1]) & ~value[2]):
                    return True
            elif "REPEAT" in name and self._takes_letters(value[2], flags):
                return True
        return False

    def _ways(self, items: list[Any]) -> list[list[Any]]:
        """A choice at the begin, taken apart."""
        if items and str(items[0][0]) == "SUBPATTERN":
            group, add, remove, inner = items[0][1]
            if group is None and not add and not remove:
                return [way for each in self._ways(list(inner)) for way in [[*each, *items[1:]]]]
        if items and str(items[0][0]) == "BRANCH":
            return [[*way, *items[1:]] for way in items[0][1][1]]
        return [items]

    def _apart(self, items: list[Any]) -> tuple[str, str]:
        if items and str(items[0][0]) == "ASSERT_NOT" and items[0][1][0] < 0:
            rest = self._sequence(items[1:], self._flags, tail=True)
            return self._free(items[0][1][1], self._flags), rest
        return self._alone(items), self._sequence(items, self._flags, tail=True)

    def _last_letter(self, items: list[Any]) -> list[Any]:
        """`items` from the last of their leading letters on."""
        kept = items
        for index, (op, value) in enumerate(items):
            repeat = "REPEAT" in str(op)
            inner = value[2] if repeat else [(op, value)]
            single = self._single(inner, self._flags)
            letters = single is not None and not single.wide and single.ascii <= _LETTERS_ONLY
            if (
                single is not None
                and letters
                and len(single.ascii) > 3
                and (not repeat or value[0])
            ):
                kept = [*inner, *items[index + 1 :]]
                continue
            if "ASSERT" not in str(op):
                break
        return kept

    def _alone(self, items: list[Any]) -> str:
        """What `sk-(?<![A-Za-z0-9]sk-)` says of the byte before; empty when nothing."""
        head: list[_Set] = []
        barred: set[int] = set()
        for op, value in items:
            if str(op) in ("LITERAL", "IN"):
                if barred:
                    break
                head.append(self._set(str(op), value, self._flags))
            elif str(op) == "ASSERT_NOT" and value[0] < 0 and head:
                barred |= self._barred(list(value[1]), head)
            else:
                break
        return self._behind(_Set(barred, wide=False).inverted()) if barred else ""

    def _behind(self, before: _Set) -> str:
        """The begin of the string, or one of `before`; in brief, the same for many rows.

        Brief or not, it demands something or nothing: it is the place's first byte.
        """
        if before.ascii >= _ALNUM:
            return ""
        if self._brief and not before.ascii & _ALNUM:
            before = _Set(_ALNUM, wide=False).inverted()
        return f"(?:{BEGIN}|{before.bytes()})"

    def _barred(self, inner: list[Any], head: list[_Set]) -> set[int]:
        """Of a look-behind over `head` and one character more: which that one must not be."""
        sets = [self._single([item], self._flags) for item in inner]
        if len(sets) != len(head) + 1 or any(each is None for each in sets):
            return set()
        first, *rest = sets
        covered = all(
            each is not None and known.ascii <= each.ascii
            for each, known in zip(rest, head, strict=True)
        )
        return set(first.ascii) if covered and first is not None and not first.wide else set()

    def _sequence(self, items: Any, flags: int, *, tail: bool = False) -> str:
        """`tail`: nothing follows, so that what may be there or not demands nothing."""
        return self._written(items, flags, tail=tail)[0]

    def _written(self, items: Any, flags: int, *, tail: bool = False) -> tuple[str, bool]:
        """The same, and whether it ends early: then nothing may be demanded behind it."""
        kept = list(items)
        while tail and kept and _demands_nothing(*kept[-1]):
            kept.pop()
        written: list[str] = []
        for index, (op, value) in enumerate(kept):
            last = tail and index == len(kept) - 1
            try:
                written.append(self._item(str(op), value, flags, first=not written, tail=last))
            except _Ended as end:
                return "".join((*written, str(end))), True
        return "".join(written), False

    def _item(  # noqa: PLR0911 - one for each kind of item
        self, op: str, value: Any, flags: int, *, first: bool, tail: bool
    ) -> str:
        if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self._set(op, value, flags).regex()
        if op == "BRANCH":
            return self._branch([self._written(way, flags, tail=tail) for way in value[1]])
        if op == "SUBPATTERN":
            group, add, remove, inner = value
            self._groups[group] = inner, (flags | add) & ~remove
            return self._branch([self._written(inner, (flags | add) & ~remove, tail=tail)])
        if op == "ATOMIC_GROUP":
            return self._branch([self._written(value, flags)])
        if op in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            return self._repeat(value, flags, tail=tail)
        if op == "GROUPREF" and value in self._groups:
            inner, inner_flags = self._groups[value]
            text, ended = self._written(inner, inner_flags)
            if ended:
                raise _Ended("")
            return f"(?:{text})?"
        if op == "ASSERT_NOT" and first and value[0] < 0:
            return self._free(value[1], flags)
        return ""  # look-around, positions: left out

    @staticmethod
    def _branch(ways: list[tuple[str, bool]]) -> str:
        """One of several; where one of them ends early, so does the expression."""
        texts = [text for text, _ in ways]
        # an empty way demands nothing itself, but what follows is demanded behind the others, too
        text = f"(?:{'|'.join(texts)})" if any(texts) else ""
        if any(ended for _, ended in ways):
            raise _Ended(text)
        return text

    def _repeat(self, value: Any, flags: int, *, tail: bool) -> str:
        least, most, inner = value
        single = self._single(inner, flags)
        text, ended = (single.regex(), False) if single is not None else self._written(inner, flags)
        one = text if single is not None else f"(?:{text})"
        if ended:
            raise _Ended(one if least else "")
        if one in ("(?:)", ""):
            return ""
        if least >= _MOST_COPIES:
            raise _Ended(f"(?:{one}){{{_MOST_COPIES}}}")
        if least == 0 and most == 1:
            return f"(?:{one})?"
        copies = f"(?:{one}){{{least}}}" if least else ""
        if least == most or tail:
            return copies
        loop = single.bytes() if single is not None else one
        # Escapes begin with a backslash: where one may stand, any may.
        return f"{copies}(?:{loop}|{one})*"

    def _single(self, inner: Any, flags: int) -> _Set | None:
        if len(inner) == 1 and str(inner[0][0]) in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
            return self._set(str(inner[0][0]), inner[0][1], flags)
        return None

    def _free(self, inner: Any, flags: int) -> str:
        """`(?<![…])` at the begin: a byte of another kind, or the begin of the string."""
        single = self._single(inner, flags)
        if single is None:
            return ""
        return self._behind(single.inverted())

    def _set(self, op: str, value: Any, flags: int) -> _Set:
        if op == "ANY":
            return _Set(set(_ASCII) - ({10} if not flags & re.DOTALL else set()), wide=True)
        if op == "LITERAL":
            found = _Set((value,) if value < 0x80 else (), wide=value >= 0x80)
        elif op == "NOT_LITERAL":
            found = _Set((value,) if value < 0x80 else (), wide=False).inverted()
        else:
            found = _members(value)
        return _any_case(found) if flags & re.IGNORECASE else found


def _looks_back(item: Any) -> bool:
    return str(item[0]) == "ASSERT_NOT" and item[1][0] < 0


def _width(item: Any) -> int:
    """The fewest characters an item takes."""
    op, value = str(item[0]), item[1]
    if op in ("LITERAL", "NOT_LITERAL", "ANY", "IN"):
        return 1
    if op == "BRANCH":
        return min(sum(map(_width, way)) for way in value[1])
    if op == "SUBPATTERN":
        return sum(map(_width, value[3]))
    if op == "ATOMIC_GROUP":
        return sum(map(_width, value))
    return value[0] * sum(map(_width, value[2])) if "REPEAT" in op else 0


def _demands_nothing(op: Any, value: Any) -> bool:
    name = str(op)
    return name in ("ASSERT", "ASSERT_NOT", "AT", "GROUPREF", "GROUPREF_EXISTS") or (
        "REPEAT" in name and value[0] == 0
    )


def _members(items: Any) -> _Set:
    chars: set[int] = set()
    wide = negate = False
    for op, value in items:
        name = str(op)
        if name == "NEGATE":
            negate = True
        elif name == "LITERAL":
            chars.add(value)
        elif name == "RANGE":
            chars.update(range(value[0], min(value[1], 0x80) + 1))
            wide = wide or value[1] >= 0x80
        else:
            category = str(value)
            test = _CATEGORY[category.replace("_NOT_", "_")]
            chars.update(c for c in _ASCII if test(chr(c)) is not ("_NOT_" in category))
            wide = True
    wide = wide or any(c >= 0x80 for c in chars)
    found = _Set(chars & set(_ASCII), wide=wide)
    return found.inverted() if negate else found


def _any_case(found: _Set) -> _Set:
    chars = {ord(way) for c in found.ascii for way in (chr(c).lower(), chr(c).upper())}
    twins = "".join(letter for letter in _TWINS if ord(letter) in chars)
    return _Set(chars, wide=found.wide, twins=twins)


def _bytes(members: Iterable[int]) -> str:
    """A class of bytes, as ranges."""
    ordered = sorted(set(members))
    if len(ordered) == 1:
        return f"\\x{ordered[0]:02x}"
    ranges: list[list[int]] = []
    for byte in ordered:
        if ranges and byte == ranges[-1][1] + 1:
            ranges[-1][1] = byte
        else:
            ranges.append([byte, byte])
    written = (f"\\x{low:02x}" + (f"-\\x{high:02x}" if high > low else "") for low, high in ranges)
    return f"[{''.join(written)}]"


__all__ = ["BEGIN", "derive", "narrowest", "spelt"]
