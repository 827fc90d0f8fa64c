# SPDX-License-Identifier: Apache-2.0
"""Text to folded code points: what looks alike is alike, and every one knows where it stood.

Letters lose case and accents, full-width and mathematical letters and Cyrillic or Greek look-alikes
become Latin, digits become `0`, what is invisible vanishes (but Unicode tag characters, which spell
text nobody sees, become that text), runs of one space or one mark of punctuation become one.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint32]
Kinds = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]

DROPPED, SPACE, MARK, LETTER, SIGN = range(5)
"""Kinds of code points; a SIGN (Chinese, Japanese, Thai, ...) is a word by itself."""

_MARK: Final = np.array(MARK, np.uint8)  # operations with it take half as long

_PLANES: Final = 0x20000
_TAGS: Final = 0xE0000
_LOOK_ALIKE: Final = dict(
    zip(
        "авекмнорстухіјѕԁӏԛԝһɡıοανκρτυχιγ’‘“”–—…",  # noqa: RUF001 - look-alikes are the point
        "abekmhopctyxijsdlqwhgioavkptuxiy''\"\"--.",
        strict=True,
    )
)
# Written without spaces: Thai to Burmese, kana, CJK, Hangul, CJK compatibility.
_SIGNS: Final = ((0x0E00, 0x10A0), (0x3040, 0x3100), (0x3400, 0xA000), (0xAC00, 0xD7B0))


class Folded(NamedTuple):
    """Folded text: `codes`, their `kinds`, and the `places` in the text they came from."""

    codes: Codes
    kinds: Kinds
    places: Places


def fold(text: str) -> Folded:
    """Code points of `text`, folded; any str, lone surrogates too."""
    return packed(*looked_up(text))


def looked_up(text: str) -> tuple[Codes, Kinds]:
    """Code and kind of each code point of `text`, those that are dropped too."""
    return _folded_ascii(text) if text.isascii() else _folded(text)


def packed(codes: Codes, kinds: Kinds) -> Folded:
    """Without what is dropped, and with runs of a space or a mark as one."""
    places: Places | None = None
    if np.count_nonzero(kinds) < len(kinds):
        places = kinds.nonzero()[0]
        codes, kinds = codes.take(places), kinds.take(places)
    again = codes[1:] == codes[:-1]
    again &= kinds[1:] <= _MARK
    if np.count_nonzero(again):
        kept = np.empty(len(codes), bool)
        kept[:1] = True
        np.logical_not(again, out=kept[1:])
        left = kept.nonzero()[0]
        codes, kinds = codes.take(left), kinds.take(left)
        places = left if places is None else places.take(left)
    return Folded(codes, kinds, np.arange(len(codes)) if places is None else places)


def _folded(text: str) -> tuple[Codes, Kinds]:
    raw = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    if len(raw) and raw.max() >= _PLANES:
        hidden = (raw >= _TAGS) & (raw < _TAGS + 0x80)
        raw = np.where(hidden, raw & 0x7F, np.where(raw >= _PLANES, 0xFFFD, raw))
    code_of, kind_of = _tables()
    return code_of.take(raw), kind_of.take(raw)


def _folded_ascii(text: str) -> tuple[Codes, Kinds]:
    """The same for ASCII, where a byte stands for a byte: most texts, at a third of the price."""
    code_of, kind_of = _ascii()
    data = text.encode("ascii")
    codes = np.frombuffer(data.translate(code_of), np.uint8).astype(np.uint32)
    return codes, np.frombuffer(data.translate(kind_of), np.uint8)


def fold_character(character: str) -> tuple[int, int]:  # noqa: PLR0911 - a table in words
    """Folded code and kind of one code point below 0x20000: the definition of the tables."""
    category = unicodedata.category(character)
    if category in ("Mn", "Me", "Cf") or (category == "Cc" and not character.isspace()):
        return 0, DROPPED
    if character.isspace():
        return ord(" "), SPACE
    if category[0] == "N" and character.isnumeric():
        return ord("0"), LETTER
    if any(first <= ord(character) < stop for first, stop in _SIGNS):
        return ord(character), SIGN
    folded = character.lower()[:1]
    folded = _LOOK_ALIKE.get(folded, folded)
    folded = unicodedata.normalize("NFKD", folded)[0].lower()[:1]
    folded = _LOOK_ALIKE.get(folded, folded)
    if folded.isspace():
        return ord(" "), SPACE
    if folded.isnumeric():
        return ord("0"), LETTER
    return ord(folded), LETTER if folded.isalpha() or category == "Mc" else MARK


@cache
def _tables() -> tuple[Codes, Kinds]:
    pairs = np.array([fold_character(chr(code)) for code in range(_PLANES)], np.uint32)
    return pairs[:, 0].copy(), pairs[:, 1].astype(np.uint8)


@cache
def _ascii() -> tuple[bytes, bytes]:
    pairs = [fold_character(chr(code)) for code in range(0x80)] + [(0, DROPPED)] * 0x80
    return bytes(code for code, _ in pairs), bytes(kind for _, kind in pairs)


__all__ = [
    "DROPPED", "LETTER", "MARK", "SIGN", "SPACE",
    "Codes", "Folded", "Kinds", "Places",
    "fold", "fold_character", "looked_up", "packed",
]  # fmt: skip
