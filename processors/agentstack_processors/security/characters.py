# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: RUF001 - letters that look like others are what this file is about
"""Which characters stand for which: the table behind `normalise.fold`.

Sources: Unicode NFKC (UAX #15), the confusables of UTS #39 as far as they imitate basic Latin
letters, the tag block U+E0020 to U+E007E.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

INVISIBLE = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200d\u200e\u200f"
    "\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\u2064\u2066\u2067\u2068\u2069"
    "\ufeff\ufff9\ufffa\ufffb"
)
_LETTERS = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l",
    "ħ": "h", "ı": "i", "ŋ": "n", "ƒ": "f", "ə": "e", "ɑ": "a", "ɡ": "g", "ɩ": "i",
    "İ": "i", "Ø": "o", "Ł": "l", "Đ": "d", "Æ": "ae", "Œ": "oe",
}  # fmt: skip
_SMALL_CAPITALS = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=False))
_SIGNS = {
    "‘": "'", "’": "'", "‚": "'", "‛": "'", "ʼ": "'", "′": "'", "“": '"', "”": '"', "„": '"',
    "‟": '"', "«": '"', "»": '"', "‐": "-", "‑": "-", "‒": "-", "–": "-", "—": "-", "―": "-",
    "−": "-", "…": "...", "\u00a0": " ", "\u2028": "\n", "\u2029": "\n", "\u0085": "\n",
    "أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ـ": "", "ё": "е", "Ё": "е",
}  # fmt: skip
CONFUSABLE = {
    # Cyrillic, Greek, Armenian and Cherokee letters that look like a Latin one; after `lower`.
    "а": "a", "в": "b", "с": "c", "ԁ": "d", "е": "e", "ғ": "f", "ԍ": "g", "һ": "h", "н": "h",
    "і": "i", "ї": "i", "ј": "j", "к": "k", "ӏ": "l", "м": "m", "о": "o", "р": "p", "ԛ": "q",
    "г": "r", "ѕ": "s", "т": "t", "ц": "u", "ѵ": "v", "ѡ": "w", "ԝ": "w", "х": "x", "у": "y",
    "з": "3", "ь": "b", "п": "n", "и": "u", "я": "r", "є": "e",
    "α": "a", "β": "b", "ϲ": "c", "ε": "e", "η": "n", "ι": "i", "κ": "k", "ν": "v", "ο": "o",
    "ρ": "p", "σ": "o", "τ": "t", "υ": "u", "χ": "x", "γ": "y", "ω": "w", "μ": "m", "ζ": "z",
    "ա": "w", "օ": "o", "ս": "u", "հ": "h", "ո": "n", "ց": "g", "զ": "q",
    "ꭺ": "a", "ꮯ": "c", "ꭰ": "d", "ꭼ": "e", "ꮋ": "h", "ꭻ": "j", "ꮶ": "k", "ꮮ": "l",
    "ꮇ": "m", "ꮲ": "p", "ꮪ": "s", "ꭲ": "t", "ꮩ": "v", "ꮃ": "w", "ꮓ": "z",
}  # fmt: skip


@lru_cache(maxsize=1)
def folds() -> dict[str, str]:
    """What each character outside ASCII becomes; those that stay as they are are left out."""
    table: dict[str, str] = {}
    for low, high in ((0x80, 0x3400), (0xA000, 0xAC00), (0xF900, 0x10000), (0x1D400, 0x1D800)):
        for code in range(low, high):
            plain = _plain(chr(code))
            if plain != chr(code):
                table[chr(code)] = plain
    table.update({chr(code): _plain(chr(code)) for code in range(0x1F100, 0x1F190)})
    table.update({chr(0xE0000 + code): chr(code) for code in range(0x20, 0x7F)})
    table.update({"\U000e0001": "", "\U000e007f": ""})
    table.update(dict.fromkeys(map(chr, range(0xE0100, 0xE01F0)), ""))
    table.update(dict.fromkeys(map(chr, range(0xFE00, 0xFE10)), ""))
    table.update(dict.fromkeys(map(chr, range(0x064B, 0x0653)), ""))
    # Thai and Lao AM: NFKC takes apart what people write as one. The two Arabic phrases that are
    # one character would make a text eight and eighteen times as long, and as slow.
    for whole in "\u0e33\u0eb3\ufdfa\ufdfb":
        table.pop(whole, None)
    for more in (_LETTERS, _SMALL_CAPITALS, _SIGNS, dict.fromkeys(INVISIBLE, "")):
        table.update(more)
    table = {char: plain for char, plain in table.items() if plain != char}
    # What one becomes may be another: else it would depend on which of them is replaced first.
    for _ in range(3):
        for char, plain in table.items():
            if not table.keys().isdisjoint(plain):
                table[char] = "".join(table.get(each, each) for each in plain)
    return table


def _plain(char: str) -> str:
    """NFKC, then without accents where a basic Latin letter carries them."""
    if "\u0300" <= char <= "\u036f":
        return ""
    code = ord(char)
    for first, count in ((0x1F130, 26), (0x1F150, 26), (0x1F170, 26)):  # boxed letters
        if first <= code < first + count:
            return chr(97 + code - first)
    compatible = unicodedata.normalize("NFKC", char)
    base = unicodedata.normalize("NFD", compatible)
    if base[0].isascii() and base[0].isalpha():
        compatible = "".join(each for each in base if not unicodedata.combining(each))
    return compatible.lower() if len(compatible.lower()) == len(compatible) else compatible


__all__ = ["CONFUSABLE", "INVISIBLE", "folds"]
