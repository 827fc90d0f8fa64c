# SPDX-License-Identifier: Apache-2.0
"""Cards and bank accounts.

An account that its country's length and check digits prove stands before a card, because digits of
a grouped account may pass for one. What no issuer's range or no country's length proves is taken
with a word for it near by.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from agentstack_processors.redaction import checksums, validators
from agentstack_processors.redaction.patterns.row import (
    END,
    FREE,
    SEP,
    Match,
    Pattern,
    Span,
    at_shapes,
    at_words,
)
from agentstack_processors.redaction.reading import Reading

_GAPS = re.compile(r"[ \u00a0\u202f\-]+")
# An account in capitals, in fours or in one, whatever its country.
_ANY_ACCOUNT = re.compile(
    r"[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?:[ \u00a0][A-Z0-9]{4}){2,7}(?:[ \u00a0][A-Z0-9]{1,3})?)"
    r"(?![A-Za-z0-9_])"
)
_BANKING = re.compile(
    r"(?i:iban|account|acct|bank|transfer|wire|payee|beneficiar|deposit|remit|konto|\u00fcberwei"
    r"|rekening|(?<![a-z])rib(?![a-z])|refund|virement|compte|cuenta|transfer|conto|bonific|conta\b|rachun|tilit)"
)
# Britain, Ireland, the Netherlands, Gibraltar…: a bank in four letters, then digits only.
_LETTERED = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z]{4}[0-9]{8,20}\Z")
_HEX = re.compile(r"[0-9a-f\- ]+\Z")
_IN_FOURS = re.compile(r"[A-Z]{2}[0-9]{2}(?:-[A-Z0-9]{4})+(?:-[A-Z0-9]{1,3})?\Z")
_NEAR = 64  # characters before an account in which a word may say what it is


def _account(text: str) -> str:
    return _GAPS.sub("", text).upper()


def _iban(pattern: Pattern, reading: Reading) -> Iterator[Span]:
    """From each `AA00` on: as many characters as that country's accounts have."""
    text, forms = reading.text, reading.forms
    position = forms.find(b"AA00")
    while position >= 0:
        end = -1
        if pattern.regex.match(text, position) is not None:
            size = checksums.iban_length(text[position : position + 2].upper())
            end = _end(text, position, size) if size else -1
            if end < 0 or not checksums.iban(_account(text[position:end])):
                end = _unusual(text, position, size)
            elif not _as_written(text, position, end) and not _is_named(text, position):
                end = -1
        if end >= 0:
            yield position, end
            position = end - 1
        position = forms.find(b"AA00", position + 1)


@lru_cache(maxsize=64)  # there are a dozen lengths
def _of_size(size: int) -> re.Pattern[str]:
    """`size` letters and digits, each with a gap before it or not."""
    return re.compile(rf"[A-Za-z0-9](?:[ \u00a0\u202f\-]?[A-Za-z0-9]){{{size - 1}}}(?![A-Za-z0-9])")


def _end(text: str, start: int, size: int) -> int:
    """Where `size` letters and digits, in groups or not, have been read; -1 where they end."""
    match = _of_size(size).match(text, start)
    return match.end() if match is not None else -1


def _as_written(text: str, start: int, end: int) -> bool:
    """Whether it looks like an account and not like a part of a UUID or a hash.

    One identifier in 6,000 has the letters, the length and the check digits of some country.
    """
    account = text[start:end]
    if text[max(0, start - 1) : start] in ("-", "_"):
        return False
    if account.upper() != account and (account.lower() != account or _HEX.match(account)):
        return False
    return "-" not in account or _IN_FOURS.match(account) is not None


def _is_named(text: str, start: int) -> bool:
    """Whether a word for accounts stands before it."""
    return _BANKING.search(text, max(0, start - _NEAR), start) is not None


def _unusual(text: str, start: int, size: int) -> int:
    """Where an account ends whose check digits hold and whose length does not; -1 where none is.

    Generators of test data leave a character out, and new countries join. One number in 97 has
    such check digits, so that a word for accounts has to stand near, or a bank's letters in it.
    """
    match = _ANY_ACCOUNT.match(text, start)
    if match is None:
        return -1
    account = _GAPS.sub("", match[0])
    if (size and abs(len(account) - size) > 1) or not checksums.mod_97(account):
        return -1
    if _is_named(text, start) or (size and _LETTERED.match(account)):
        return match.end()
    return -1


# Words for cards in seven languages: what stands before a card's number.
_CARD_WORDS = (
    b"card", b"cart", b"kart", b"kort", b"kaart", b"tarjeta", b"visa", b"amex", b"maestro", b"jcb",
    b"discover", b"diners", b"unionpay", b"credit", b"debit", b"ccn", b"cc-", b"cc:", b"cc=",
    b'cc"', b"cc#", b"pan=", b"pan:", b'pan"',
)  # fmt: skip
_CARD_WORD = (
    r"(?i:cards?|carte|carta|cart[a\u00e3]o|karten?|karty|kort|kaart|tarjeta|visa|amex|maestro|jcb"
    r"|discover|diners|unionpay|credit|debit|ccn?|pan(?=[\"' ]{0,2}[:=]))"
)
# What such a word may end: `creditcard`, `Kreditkarte`, `betalkort`.
_JOINED = re.compile(
    r"(?i:(?<![a-z])(?:credit|debit|bank|payment|master|kredit|giro|ec|betal|bankomat|bet[aá]?ln))\Z"
)
# Words for numbers that are no card's, between the word and the number.
_OTHER_NUMBER = re.compile(
    r"(?i:order|track|(?<![a-z])ids?(?![a-z])|ref|invoice|ticket|case|serial|gift|sku|token|trace"
    r"|transact|request|customer|ship|parcel|library|member|sim\b|account|report|phone|call|tel\b"
    r"|uuid|hash|time|date)|[a-z]Id(?![a-z])"
)


def _named_card(match: Match) -> bool:
    """Luhn's check digit behind a word for cards, whoever may have issued it."""
    number = validators.digits(match["number"])
    if not 12 <= len(number) <= 19 or len(set(number)) < 3 or not checksums.luhn(number):
        return False
    text, start = match.string, match.start()
    before = text[start - 1 : start]
    hump = before.islower() and text[start].isupper()  # customerCard
    if before.isalpha() and not hump and not _JOINED.search(text, max(0, start - 12), start):
        return False
    return _OTHER_NUMBER.search(match["between"]) is None


ROWS: tuple[Pattern, ...] = (
    Pattern(
        "IBAN",
        re.compile(
            r"[A-Za-z](?<![A-Za-z0-9][A-Za-z])[A-Za-z][0-9]{2}[ \-\u00a0\u202f]{0,2}[A-Za-z0-9]{2}"
        ),
        forms=(b"AA00",),
        canonical=_account,
        search=_iban,
    ),
    Pattern(
        "CARD",
        re.compile(
            rf"[2-6]{FREE}(?:[0-9]{{12,18}}"
            rf"|[0-9]{{3}}({SEP})[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{1,4}}(?:\1[0-9]{{1,3}})?"
            rf"|[0-9]{{3}}({SEP})[0-9]{{6}}\2[0-9]{{4,5}}){END}"
        ),
        shapes=(b"0" * 13, b"0000-0000-0000-0", b"0000-000000-0000"),
        accept=validators.card,
        canonical=validators.digits,
        search=at_shapes,
    ),
    Pattern(
        "CARD",
        re.compile(
            rf"{_CARD_WORD}(?P<between>[^0-9\n]{{0,32}})(?P<number>[0-9]{FREE}(?:[0-9]{{11,18}}"
            rf"|[0-9]{{3}}(?P<gap>{SEP})[0-9]{{4}}(?P=gap)[0-9]{{4}}(?:(?P=gap)[0-9]{{1,4}}){{0,2}}"
            rf"|[0-9]{{3}}(?P<space>{SEP})[0-9]{{6}}(?P=space)[0-9]{{4,5}})){END}"
        ),
        words=_CARD_WORDS,
        shapes=(b"0" * 12, b"0000-0000-0000", b"0000-000000-0000"),
        group=2,
        accept=_named_card,
        canonical=validators.digits,
        search=at_words,
        near=True,
    ),
)
