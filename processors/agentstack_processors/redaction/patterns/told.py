# SPDX-License-Identifier: Apache-2.0
"""Numbers and words that let somebody in: PINs, codes, `try the password …`.

`spoken` knows passwords that something gives: a colon, `is`. Here stand those that a code's name
or a verb gives. A number behind `code` may be anything, so that the code is named in full.
"""

from __future__ import annotations

import re

from agentstack_processors.redaction.patterns import nobodys, spoken, things, values
from agentstack_processors.redaction.patterns.row import Match, Pattern, at_words

_ONCE = (
    r"(?i:one[ \-]time|verification|security|2fa|otp|door|gate|alarm|access|recovery|backup|wi-?fi)"
)
_ABOUT = r"(?:[ \t](?:for|of|to|on)(?:[ \t][A-Za-z0-9'\-]{1,16}){1,4}?)?"
_GIVES = (
    r"(?:[ \t]?[:=][ \t]{0,2}|[ \t](?i:is|was)(?:[ \t]now)?(?:[ \t]?:)?[ \t]{1,2}"
    r"|[ \t](?i:set|changed|reset)[ \t]to[ \t]|[ \t](?=[0-9]))"
)
_NUMBER = re.compile(r"[0-9]{3}[ \-]?[0-9]{1,5}\Z")
_WHOSE = re.compile(
    r"(?i:(?<![a-z])(?:my|your|his|her|our|their|card|door|alarm|gate|garage|safe|atm|bank|sim|debit"
    r"|credit|security|access|entry|voicemail|phone|new|old|temporary|current)[ \t](?:[a-z]{2,12}"
    r"[ \t])?)\Z"
)
_VERB = re.compile(
    r"(?i:[,(;][ ]?\Z|(?<![a-z])(?:enter|try|tried|trying|use|using|used|with|typed?|typing|gave"
    r"|give|supply|set|has|have|had|got|chose|choose)[ \t]"
    r"(?:(?:the|my|his|her|their|our|this|a|new|old|same)[ \t]){0,2}(?:[a-z]{2,10}[ \t])?)\Z"
)


def _is_code(match: Match) -> bool:
    """Whether a number, or what is strong, is behind a name for codes that let somebody in."""
    text, start, value = match.string, match.start(), match[1].rstrip(".,:;!?")
    if text[start - 1 : start].isalnum() or text[start - 1 : start] in ("_", "-", "$", "."):
        return False
    if match[0][:3].lower() == "pin":
        return _is_pin(text, match, value)
    if value.isdigit():
        return 4 <= len(value) <= 8
    return values.is_strong(value, bare=True) and spoken.is_password(value)


def _is_code_of(match: Match) -> bool:
    """Not a part of a name: `LED_PIN`, `zip-code`."""
    before = match.string[max(0, match.start() - 1) : match.start()]
    return before not in ("_", "-", "$", ".") and 4 <= len(match[1]) <= 8


def _is_pin(text: str, match: Match, value: str) -> bool:
    """`my PIN is …`, `PIN: …`; not the pin of a plug, and not the postal code of India."""
    if not value.isdigit() or not 4 <= len(value) <= 8:
        return False
    start = match.start()
    if _WHOSE.search(text, max(0, start - 32), start) is not None:
        return True
    postal = len(value) == 6 and "code" in match[0].lower()
    bare = text[match.start(1) - 1] == " " and text[match.start(1) - 2].isalpha()
    given = not bare or text.endswith((" is ", " was ", " to "), 0, match.start(1))
    return match[0].startswith("PIN") and given and not postal


def _is_tried(match: Match) -> bool:
    """Whether a verb gives a password: `enter password …`, `try the password …`."""
    text, start, value = match.string, match.start(), match[1].rstrip(".,:;?)")
    if text[match.start(1) - 1] == "(":  # the old password (…) no longer works
        enclosed = text[match.end() : match.end() + 1] == ")"
        return enclosed and values.is_strong(value, bare=True) and spoken.is_password(value)
    if _VERB.search(text, max(0, start - 40), start) is None or things.is_thing(value):
        return False
    if nobodys.is_dull(value) or values.is_code(value):
        return False
    if values.is_odd_case(value) or values.is_two_words(value):
        return True
    return values.is_numbered(value) and spoken.is_password(value)


ROWS: tuple[Pattern, ...] = (
    Pattern(
        "SECRET",
        re.compile(
            r"(?:[Pp][Ii][Nn](?<![A-Za-z0-9][Pp][Ii][Nn])|[Oo][Tt][Pp](?<![A-Za-z0-9][Oo][Tt][Pp]))"
            rf"(?:[ \-](?i:code|number))?{_GIVES}[\"'`*]{{0,3}}([0-9]{{4,8}})"
            r"(?![A-Za-z0-9/\-])"
        ),
        words=(
            b"pin-0", b"pin-is", b"pin-was", b"pin-code", b"pin-number", b"pin-set", b"pin:",
            b"pin=", b"otp-0", b"otp-is", b"otp:", b"otp=",
        ),
        group=1,
        accept=_is_code,
        search=at_words,
    ),
    Pattern(
        "SECRET",  # the code for the alarm is …
        re.compile(
            r"(?:[Pp][Ii][Nn](?<![A-Za-z0-9][Pp][Ii][Nn])|[Cc]ode(?<![A-Za-z0-9][Cc]ode))"
            r"[ ](?i:for|of|to)[ ](?:(?i:the|my|our|your|his|her)[ ])?(?:[a-z]{2,10}[ ])?"
            r"(?i:alarm|door|gate|safe|garage|lock|vault|lockbox|entrance|house|flat|building|card"
            r"|account|phone|voicemail|bank|sim)"
            rf"{_GIVES}[\"'`*]{{0,3}}([0-9]{{4,8}})(?![A-Za-z0-9/\-])"
        ),
        words=(b"pin-for", b"pin-of", b"pin-to", b"code-for", b"code-of", b"code-to"),
        group=1,
        accept=_is_code_of,
        search=at_words,
    ),
    Pattern(
        "SECRET",
        re.compile(
            rf"{_ONCE}[ \-](?i:pass)?(?i:code){_ABOUT}{_GIVES}[\"'`*]{{0,3}}"
            r"([A-Za-z0-9!#$%&*+\-@^_~]{4,32})(?![A-Za-z0-9/\-])"
        ),
        words=(
            b"one-time-code", b"one-time-passcode", b"verification-code", b"security-code",
            b"0fa-code", b"otp-code", b"door-code", b"gate-code", b"alarm-code", b"access-code",
            b"recovery-code", b"backup-code", b"wifi-code", b"wi-fi-code",
        ),
        group=1,
        accept=_is_code,
        search=at_words,
    ),
    Pattern(
        "PASSWORD",
        re.compile(
            r"(?i:passwords?|passphrase|passcode)[ \t][\"'`*\u201c(]{0,2}"
            r"([^\s\"'`,;<>{}()\[\]|]{8,64})"
        ),
        words=(b"password-", b"passwords-", b"passphrase-", b"passcode-"),
        group=1,
        accept=_is_tried,
        search=at_words,
    ),
)  # fmt: skip
