# SPDX-License-Identifier: Apache-2.0
"""Numbers and words that let somebody in: PINs, codes, `try the password …`.

`spoken` knows passwords that something gives: a colon, `is`. Here stand those that a code's name
or a verb gives. A number behind `code` may be anything, so that the code is named in full.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentstack_processors.redaction.patterns import nobodys, spoken, things, values
from agentstack_processors.redaction.patterns.row import Match, Pattern, Span, at_words
from agentstack_processors.redaction.reading import Reading

_ONCE = (
    r"(?i:one[ \-]time|verification|security|2fa|otp|door|gate|alarm|access|recovery|backup|wi-?fi)"
)
_ABOUT = r"(?:[ \t](?i:for|of|to|on|at)(?:[ \t][A-Za-z0-9'\-]{1,16}){1,4}?)?"
_GIVES = (
    r"(?:[ \t]?[:=][ \t]{0,2}|(?:'|\u2019)s[ ]"
    r"|[ \t](?i:is|was|ist|est|es)(?:[ \t]now)?(?:[ \t]?:)?[ \t]{1,2}"
    r"|[ \t](?i:set|changed|reset)[ \t]to[ \t]|[ \t](?=#?[0-9]))"
)
_IS = (" is ", " ist ", " est ", " es ", " was ", " to ")
_WHOSE = re.compile(
    r"(?i:(?<![a-z])(?:my|your|his|her|our|their|card|door|alarm|gate|garage|safe|atm|bank|sim|debit"
    r"|credit|security|access|entry|voicemail|phone|new|old|temporary|current)[ \t](?:[a-z]{2,12}"
    r"[ \t])?)\Z"
)
_VERB = re.compile(
    r"(?i:[,(;][ ]?\Z|(?<![a-z])(?:enter|try|tried|trying|uses?|using|used|with|typed?|typing|gave"
    r"|give|supply|set|has|have|had|got|chose|choose)[ \t]"
    r"(?:(?:the|my|his|her|their|our|this|a|new|old|same)[ \t]){0,2}(?:[a-z]{2,10}[ \t])?)\Z"
)


def _is_code(match: Match) -> bool:
    """Whether a number, or what is strong, is behind a name for codes that let somebody in."""
    text, start, value = match.string, match.start(), match[1].rstrip(".,:;!?#*")
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
    given = not bare or text.endswith(_IS, 0, match.start(1))
    return match[0].startswith("PIN") and given and not postal


# login bob password …: who logs in stands before.
_BESIDE = re.compile(
    r"(?i:(?<![a-z])(?:user(?:[_ ]?name)?|login|account|log ?in as|signed? in as)[ :=]{1,3}"
    r"[\"'`]?[A-Za-z0-9_.@\\\-]{2,32}[\"'`]?[ ,;/&]{1,3}(?:and |with )?(?:the |a )?)\Z"
)
_OWN = re.compile(r"(?i:(?<![a-z])(?:my|his|her|their|our) (?:(?:old|new|current|usual) )?)\Z")
_CHOSEN = re.compile(
    r"[A-Za-z]{4,}[0-9]{2,6}[!#$%&*?]{0,2}\Z|.*[!#$%&*?@].*[0-9]|.*[0-9].*[!#$%&*?@]"
)


def _is_number_said(match: Match) -> bool:
    """`the passcode is 441902`; not "is 12 characters long"."""
    text, start, value = match.string, match.start(), match[1]
    before = text[start - 1 : start]
    return not (before.isalnum() or before in ("_", "-", "$", ".")) and not (
        len(value) == 4 and value[:2] in ("19", "20")
    )


def _is_combination(match: Match) -> bool:
    """Three numbers or four of a lock; not of colours, of which one says so."""
    return all(int(number) <= 99 for number in re.findall(r"[0-9]+", match[1]))


_ONE_OF = re.compile(r"[A-Za-z0-9]{4,10}(?:-[A-Za-z0-9]{4,10}){0,2}")


def _listed(pattern: Pattern, reading: Reading) -> Iterator[Span]:
    """Each of the codes in a list: `backup codes: …, …`."""
    text, done = reading.text, 0
    for start, end in at_words(pattern, reading):
        for one in _ONE_OF.finditer(text, max(start, done), max(end, done)):
            if values.has_digit(one[0]):
                yield one.span()
        done = max(end, done)


def _is_tried(match: Match) -> bool:
    """Whether a verb gives a password: `enter password …`, `try the password …`."""
    text, value = match.string, match["value"].rstrip(".,:;?)")
    if text[match.start("value") - 1] == "(":  # the old password (…) no longer works
        enclosed = text[match.end() : match.end() + 1] == ")"
        return enclosed and values.is_strong(value, bare=True) and spoken.is_password(value)
    if things.is_thing(value) or nobodys.is_dull(value) or values.is_code(value):
        return False
    return _is_given(match, value)


def _is_given(match: Match, value: str) -> bool:
    """Whether what stands before gives the value: who logs in, whose it is, a verb."""
    text, start = match.string, match.start()
    if _BESIDE.search(text, max(0, start - 64), start) is not None or match["typed"]:
        return values.is_strong(value) and spoken.is_password(value)
    if _OWN.search(text, max(0, start - 24), start) is not None:
        return _CHOSEN.match(value) is not None and spoken.is_password(value)
    if _VERB.search(text, max(0, start - 40), start) is None:
        return False
    odd = values.is_odd_case(value) or values.is_two_words(value)
    return odd or (values.is_numbered(value) and spoken.is_password(value))


ROWS: tuple[Pattern, ...] = (
    Pattern(
        "SECRET",
        re.compile(
            r"(?:[Pp][Ii][Nn](?<![A-Za-z0-9][Pp][Ii][Nn])|[Oo][Tt][Pp](?<![A-Za-z0-9][Oo][Tt][Pp]))"
            r"(?:[ \-](?i:code|number))?"
            r"(?:[ ]f(?:\u00fc|ue|u)r[ ](?:[A-Za-z\u00c0-\u024f]{2,16}[ ]?){1,3}?)?"
            rf"{_GIVES}[\"'`*]{{0,3}}([0-9]{{4,8}})"
            r"(?![A-Za-z0-9/\-])"
        ),
        words=(
            b"pin-0", b"pin-is", b"pin-was", b"pin-code", b"pin-number", b"pin-set", b"pin:",
            b"pin=", b"pin\"s", b"pin-f", b"otp-0", b"otp-is", b"otp:", b"otp=",
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
            rf"{_ONCE}[ \-](?i:pass)?(?i:code){_ABOUT}{_GIVES}[\"'`*#]{{0,3}}"
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
            r"(?i:passwords?|passphrase|passcode)(?P<typed>[ ,]{1,2}(?i:please )?"
            r"(?i:type(?: in)?|enter|give|supply|put(?: in)?|answer(?: with)?|say))?[ \t]"
            r"[\"'`*\u201c(]{0,2}(?P<value>[^\s\"'`,;<>{}()\[\]|]{6,64})"
        ),
        words=(b"password-", b"passwords-", b"password,", b"passphrase-", b"passcode-"),
        group=2,
        accept=_is_tried,
        search=at_words,
    ),
    Pattern(
        "PASSWORD",
        re.compile(
            r"(?i:passcode|password)(?:[ ](?i:for|to|of)(?:[ ][A-Za-z0-9'\-]{1,16}){1,4}?)?"
            r"[ ](?i:is|was)(?i: now)?(?:[ ]?:)?[ ][\"'`*]{0,2}([0-9]{4,10})"
            r"(?![A-Za-z0-9\-]|[.,][0-9]"
            r"|[ ](?i:char|digit|letter|day|hour|min|sec|symbol|time|bit|byte|%))"
        ),
        words=(b"passcode", b"password"),
        group=1,
        accept=_is_number_said,
        search=at_words,
    ),
    Pattern(
        "PASSWORD",  # changed the root password from … to …
        re.compile(
            r"(?i:passw(?:or)?d|passcode|pwd)[ ]from[ ][\"'`]?([^\s\"'`,;<>{}()\[\]|]{6,64})"
            r"(?=[\"'`]?[ ]to[ ])"
        ),
        words=(b"passw", b"passcode", b"pwd"),
        group=1,
        accept=lambda match: values.is_strong(match[1]) and spoken.is_password(match[1]),
        search=at_words,
    ),
    Pattern(
        "PASSWORD",  # type into [password] the text "…"
        re.compile(
            r"(?i:password|passphrase|passcode)[\])\"'>*]{0,2}(?:[ ](?:field|box|input))?"
            r"[\])]?[ ,]{1,2}"
            r"(?:with|(?:the )?(?:text|value))[ :]{1,2}[\"'`]([^\s\"'`]{5,64})[\"'`]"
        ),
        words=(b"password", b"passphrase", b"passcode"),
        group=1,
        accept=lambda match: values.is_typed(match[1]),
        search=at_words,
    ),
    Pattern(
        "SECRET",  # of a lock: 38-12-05
        re.compile(
            r"(?i:combination|combo)(?:[ ](?i:for|to|of|on)(?:[ ][A-Za-z0-9'\-]{1,16}){1,4}?)?"
            rf"{_GIVES}[\"'`*]{{0,3}}([0-9]{{1,2}}(?:[ \-/][0-9]{{1,2}}){{2,3}})(?![0-9A-Za-z/\-])"
        ),
        words=(b"combination-", b"combination:", b"combo-", b"combo:"),
        group=1,
        accept=_is_combination,
        search=at_words,
    ),
    Pattern(
        "SECRET",  # backup codes: …, …
        re.compile(
            r"(?i:backup|recovery|one-time)[ \-](?i:codes)[^\n:=]{0,24}[:=][\s`*\-]{0,8}"
            r"((?:[A-Za-z0-9]{4,10}(?:-[A-Za-z0-9]{4,10}){0,2}"
            r"(?:[ \t]{0,2}[,;|\n]?[\s*\-]{1,6}|(?=[^A-Za-z0-9]|\Z))){1,16})"
        ),
        words=(b"backup-code", b"recovery-code", b"one-time-code"),
        group=1,
        search=_listed,
    ),
)  # fmt: skip
