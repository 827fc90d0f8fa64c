# SPDX-License-Identifier: Apache-2.0
r"""The table of what is redacted. A new type is a new row.

Each row says, cheapest question first:

=========== ======================================================================================
`name`      the word in the marker: `[EMAIL:7f3a]`
`literals`  at least one is in the text, or there is nothing to find
`words`     the same, asked of the folded text (`fold`): small letters, digits `0`, separators `-`
`shapes`    the same again; apart from `words` because some rows need one of each
`regex`     what to cut out; group `group`. Begins with a literal or one character class, because
            the engine skips to those quickly; what must *not* stand before comes after it as a
            look-behind (`sk-(?<![A-Za-z0-9]sk-)`). Every repeat is bounded or deterministic, so
            that time is linear in the text.
`accept`    what a regular expression cannot say
`canonical` the form the fingerprint is taken of, so that `4111 1111…` and `4111-1111…` correlate
=========== ======================================================================================

A row with several of `literals`, `words` and `shapes` needs one of each.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agentstack_processors.redaction import validators
from agentstack_processors.redaction.keys import SECRET_WORDS, names_a_secret

Span = tuple[int, int]


def _as_is(text: str) -> str:
    return text


def _always(_match: re.Match[str]) -> bool:
    return True


def _every(pattern: Pattern, text: str) -> Iterator[Span]:
    for match in pattern.regex.finditer(text):
        if pattern.accept(match):
            yield match.span(pattern.group)


@dataclass(frozen=True)
class Pattern:
    """One row of the table; see the module for what each field means."""

    name: str
    regex: re.Pattern[str]
    literals: tuple[str, ...] = ()
    words: tuple[bytes, ...] = ()
    shapes: tuple[bytes, ...] = ()
    group: int = 0
    accept: Callable[[re.Match[str]], bool] = _always
    canonical: Callable[[str], str] = _as_is
    search: Callable[[Pattern, str], Iterator[Span]] = _every

    def find(self, text: str) -> Iterator[Span]:
        """Where in `text` this row's secrets stand, in order, as (start, end)."""
        return self.search(self, text)


_LOCAL_CHARS = 64


def _email(pattern: Pattern, text: str) -> Iterator[Span]:
    """From each `@domain` backwards: looking for local parts would visit every word."""
    for match in pattern.regex.finditer(text):
        at = match.start()
        # Cut at the nearest place a local part cannot span, so that each try is short.
        local = _local_part(text, at)
        if local < at and text[local:at] != "git" and pattern.accept(match):
            yield local, match.end()


_BEFORE = re.compile(r"[A-Za-z0-9._%+\-À-ɏ]{0,64}")


def _local_part(text: str, at: int) -> int:
    reverse = text[max(0, at - _LOCAL_CHARS) : at][::-1]
    found = _BEFORE.match(reverse)
    assert found is not None  # {0,64} matches nothing at least
    return at - found.end()


def _keyed(pattern: Pattern, text: str) -> Iterator[Span]:
    """The value of `"password": "…"` inside JSON or a Python literal."""
    for match in pattern.regex.finditer(text):
        key, value = match[1], match[2]
        if names_a_secret(key) and _looks_secret(key, value):
            yield match.span(2)


def _looks_secret(key: str, value: str) -> bool:
    if validators.is_marker(value) or validators.is_placeholder(value):
        return False
    if key.lower().endswith(("authorization", "cookie", "cookies")):
        return True
    if " " in value:
        return False
    if key.lower().endswith("token"):  # log-probabilities name words of the answer so
        return len(value) >= 12 and any("0" <= char <= "9" for char in value)
    return True


_DASH = r" \-\u00a0\u2009-\u2015\u202f\u2212"  # separators people and models put into numbers
_SEP = rf"[{_DASH}.]"
_LABEL = r"[A-Za-z0-9À-ɏ][A-Za-z0-9À-ɏ\-]{0,62}"
_DOMAIN = rf"((?:{_LABEL}\.){{1,8}}(?:[A-Za-z]{{2,24}}|xn--[A-Za-z0-9\-]{{2,59}}))"
_FREE = r"(?<![A-Za-z0-9][0-9])(?<![0-9][\-.][0-9])(?<![_][0-9])"  # a number starts at this digit
_END = r"(?![A-Za-z0-9_])(?!-[0-9])"
_DIGITS_7 = b"0000000"

PATTERNS: tuple[Pattern, ...] = (
    Pattern(
        "PRIVATE_KEY",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----"
            # Headers such as Proc-Type hold single dashes. Without an END all that follows goes.
            r"([^-]*(?:-[^-]+){0,16})"
            r"(?:-----END [A-Z0-9 ]{0,24}PRIVATE KEY(?: BLOCK)?-----)?"
        ),
        literals=("PRIVATE KEY",),
        accept=validators.private_key,
    ),
    Pattern(
        "JWT",
        re.compile(
            r"eyJ(?<![A-Za-z0-9_\-]eyJ)[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}"
            r"(?:\.[A-Za-z0-9_\-]*){1,3}"
        ),
        literals=("eyJ",),
    ),
    Pattern(
        "ANTHROPIC_KEY",
        re.compile(r"sk-ant-(?<![A-Za-z0-9]sk-ant-)[A-Za-z0-9_\-]{16,}"),
        literals=("sk-",),
    ),
    Pattern(
        "OPENAI_KEY",
        re.compile(
            r"sk-(?<![A-Za-z0-9]sk-)(?!ant-)"
            r"((?:proj-|svcacct-|admin-|None-)?[A-Za-z0-9_\-]{16,})"
        ),
        literals=("sk-",),
        accept=validators.provider_key,
    ),
    Pattern(
        "AWS_ACCESS_KEY_ID",
        re.compile(r"A(?<![A-Za-z0-9]A)(?:KIA|SIA)[A-Z0-9]{16}(?![A-Za-z0-9])"),
        literals=("AKIA", "ASIA"),
    ),
    Pattern(
        "AWS_SECRET_KEY",
        re.compile(
            r"(?i:secret[_ \-]{0,2}(?:access[_ \-]{0,2})?key)[\"'\s:=]{1,8}"
            r"([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
        words=(b"secret",),
        group=1,
    ),
    Pattern(
        "AUTHORIZATION",
        re.compile(
            r"(?i:authorization)[\"']?\s{0,4}[:=]\s{0,4}[\"']?"
            r"(?i:bearer|basic|token|digest|apikey)\s{1,4}([^\s\"',;\[<{]{6,})"
        ),
        words=(b"authorization",),
        group=1,
    ),
    Pattern(
        "BEARER_TOKEN",
        re.compile(r"[Bb](?<![A-Za-z0-9][Bb])(?i:earer)\s{1,4}([A-Za-z0-9\-._~+/]{12,}={0,2})"),
        words=(b"bearer",),
        group=1,
        accept=validators.mixed,
    ),
    Pattern(
        "BASIC_CREDENTIALS",
        re.compile(r"[Bb](?<![A-Za-z0-9][Bb])(?i:asic)\s{1,4}([A-Za-z0-9+/]{8,}={0,2})"),
        words=(b"basic",),
        group=1,
        accept=validators.basic_credentials,
    ),
    Pattern(
        "SECRET",
        re.compile(
            r"[\"']([A-Za-z0-9_.\- ]{2,64})[\"']\s{0,4}[:=]\s{0,4}[\"']([^\"'\n]{4,4096})(?=[\"'])"
        ),
        words=SECRET_WORDS,
        group=2,
        search=_keyed,
    ),
    Pattern(
        "EMAIL",
        re.compile("@" + _DOMAIN),
        literals=("@",),
        accept=validators.email,
        canonical=str.lower,
        search=_email,
    ),
    Pattern(
        "EMAIL",
        re.compile("%40" + _DOMAIN),
        literals=("%40",),
        accept=validators.email,
        canonical=lambda text: text.replace("%40", "@").lower(),
        search=_email,
    ),
    Pattern(
        "CARD",
        re.compile(
            rf"[2-6]{_FREE}(?:[0-9]{{12,18}}"
            rf"|[0-9]{{3}}({_SEP})[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{1,4}}(?:\1[0-9]{{1,3}})?"
            rf"|[0-9]{{3}}({_SEP})[0-9]{{6}}\2[0-9]{{4,5}}){_END}"
        ),
        shapes=(b"0" * 13, b"0000-0000-0000-0", b"0000-000000-0000"),
        accept=validators.card,
        canonical=validators.digits,
    ),
    Pattern(
        "SSN",
        re.compile(
            rf"[0-8]{_FREE}(?<!-[0-8])[0-9]{{2}}([\-\u2010-\u2015\u2212])[0-9]{{2}}\1[0-9]{{4}}{_END}"
        ),
        shapes=(b"000-00-0000",),
        accept=lambda match: validators.ssn_number(match[0]),
        canonical=validators.digits,
    ),
    Pattern(
        "SSN",
        re.compile(
            r"(?i:ssn|social[ _\-]security|tax[ _\-]id)[^0-9\n]{0,32}"
            rf"([0-9]{{3}}[{_DASH}]?[0-9]{{2}}[{_DASH}]?[0-9]{{4}})(?![0-9])"
        ),
        words=(b"ssn", b"social-s", b"tax-id"),
        shapes=(b"000-00-0000", _DIGITS_7),
        group=1,
        accept=lambda match: validators.ssn_number(match[1]),
        canonical=validators.digits,
    ),
    Pattern(
        "PHONE",
        re.compile(
            rf"\+(?<![0-9A-Za-z+]\+)(?:1{_SEP}{{0,2}}\(?[2-9][0-9]{{2}}\)?{_SEP}{{0,2}}[0-9]{{3}}"
            rf"{_SEP}?[0-9]{{4}}|[2-9](?:[{_DASH}.()/]{{0,3}}[0-9]){{7,14}})(?![0-9])"
        ),
        literals=("+",),
        accept=validators.international_phone,
        canonical=validators.digits,
    ),
    Pattern(
        "PHONE",
        re.compile(rf"\([2-9][0-9]{{2}}\){_SEP}{{0,2}}[0-9]{{3}}{_SEP}[0-9]{{4}}(?![0-9A-Za-z])"),
        shapes=(b"(000)",),
        canonical=validators.digits,
    ),
    Pattern(
        "PHONE",
        re.compile(
            rf"[1-9]{_FREE}(?<![\-.+/(][1-9])(?:(?<=1){_SEP}[2-9]|(?<=[2-9]))[0-9]{{2}}"
            rf"([\-.\u2010-\u2015])[0-9]{{3}}\1[0-9]{{4}}{_END}"
        ),
        shapes=(b"000-000-0000",),
        canonical=validators.digits,
    ),
    Pattern(
        "PHONE",
        re.compile(
            r"(?i:(?<![A-Za-z])(?:tele|cell|smart)?phone|mobile|whatsapp)"
            r"[^0-9\n]{0,24}?"
            rf"(\+?\(?[0-9](?:[{_DASH}.()/]{{0,3}}[0-9]){{6,14}})(?![0-9A-Za-z])"
        ),
        words=(b"phone", b"mobile", b"whatsapp"),
        shapes=(_DIGITS_7, b"000-000"),
        group=1,
        accept=validators.phone_in_context,
        canonical=validators.digits,
    ),
)

NAMES: frozenset[str] = frozenset(pattern.name for pattern in PATTERNS)
