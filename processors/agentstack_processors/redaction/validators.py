# SPDX-License-Identifier: Apache-2.0
"""What a regular expression cannot say: check digits, issued ranges, what is a placeholder.

Each takes the match and says whether it is the real thing. Pure, no allocation worth naming.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from ipaddress import AddressValueError, IPv6Address

from agentstack_processors.redaction.checksums import luhn

Match = re.Match[str]
Accept = Callable[[Match], bool]

_NOT_A_DIGIT = re.compile(r"[^0-9]+")
_IDENTIFIER_BEFORE = re.compile(r"(?i:(?:trace|span|request|response|run|message)_?id)\W{1,5}\Z")
_NUMBERED_BEFORE = re.compile(  # a plain number of this name is no card's
    r"(?i:(?:order|item|product|ticket|track(?:ing)?|invoice|shipment|transaction|parcel|post|tweet"
    r"|channel|guild|video)[ _\-]?(?:ids?|no|nr|num(?:ber)?|#)|(?<![a-z])(?:ean|gtin|upc|barcode)"
    r"(?:[ _\-]?(?:8|12|13|14|no|nr|code|number))?)\W{1,5}\Z"
)
_THING_BEFORE = re.compile(
    r"(?i:(?<![a-z])(?:invoice|inv|part|sku|ref(?:erence)?|orders?|item|product|model|serial|batch"
    r"|lot|shipment|tracking|catalog(?:ue)?|stock|seq(?:uence)?|ticket|case|docket|isbn|version|build)"
    r"(?:[ _\-]?(?:no|nr|num(?:ber)?|id|code))?)[.:#=\"' ]{1,4}\Z"
)
_MESSAGE_BEFORE = re.compile(
    r"(?i:message-id|in-reply-to|references|content-id)[\"']?[:=]\s{0,2}[\"']?[^\n]{0,80}<\Z"
)
_DATE = re.compile(
    r"(?:(?:19|20)[0-9]{2}([\-./ ])(?:0?[1-9]|1[0-2])\1[0-3]?[0-9]"  # 2026-03-14
    r"|[0-3]?[0-9]([\-./ ])[0-3]?[0-9]\2(?:19|20)[0-9]{2}"  # 14.03.2026, 3/14/2026
    r"|(?:19|20)[0-9]{2} ?[\-\u2013\u2014] ?(?:19|20)[0-9]{2}"  # 2012-2022
    r"|(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01]))(?![0-9])"  # 20260314
)
_NUMBER = re.compile(r"\+[0-9]+\.[0-9]+\Z")
_EXTENDED = re.compile(r"[ ]{0,2}(?:[xX#]|[eE][xX][tT]).*\Z", re.DOTALL)
_VERSION_BEFORE = re.compile(r"(?i:version|build|release|ver\.?|\bv|revision|firmware)\W{0,6}\Z")
_DOTTED = re.compile(r"\+?[0-9]{1,3}(?:\.[0-9]{1,3}){3}\Z")  # an address, or a version
_DECORATION = re.compile(r"(?i:png|jpe?g|gif|svg|webp|ico)\Z")
_VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]")
_MARKER = re.compile(
    r"\[(?:[A-Z][A-Z_]{1,30}:[0-9a-f]{4}(?:[0-9a-f]{12}|:[*0-9A-Za-z]{1,40})?|REDACTION_FAILED)\]\Z"
)
_PLACEHOLDER = re.compile(
    r"(?i:\W*|x{3,}|[<\[{].*|\$[{(].*|\$[a-z_][a-z_.]*|%\(?[a-z_]*\)?s?%?|your[_ -].*"
    r"|.*[_-]here|null|none|nil|undefined|true|false"
    r"|redacted|hidden|masked|filtered|placeholder|(?:change|replace)_?me|string|required|optional"
    r"|value|some[_-].*|todo|tbd|n/?a|sample|dummy|foo(?:bar)?|.*<[a-z_ ]{2,24}>.*"
    r"|my[_-].*(?:key|token|secret|password)|(?:api|access)[_-]key|client[_-]secret"
    r"|@{1,2}[a-z0-9_]+@{1,2}|%%[a-z0-9_]+%%|os\.(?:environ|getenv).*|.{0,12}\.{3}|/(?:[a-z0-9._\-]+/)+[a-z0-9._\-]*|(?:example|dummy|fake|not)[_\-].*|enc\[.*"
    r"|process\.env.*|env:.*|file:/.*|arn:aws.*|vault:.*|op://.*|\$\(.*"
    r"|(?:self|this|config|settings|args|options|request|req|params|secrets|vars?|local|module)"
    r"\.[a-z_.]+(?:\(.*|\[.*)?|[a-z_.]+\(.*\))\Z",
    re.DOTALL,
)


def digits(text: str) -> str:
    """Only the ASCII digits of `text`."""
    return _NOT_A_DIGIT.sub("", text)


def is_marker(text: str) -> bool:
    """True for text that is a marker of ours already, so that scrubbing twice changes nothing."""
    return text[:1] == "[" and _MARKER.match(text) is not None


def is_placeholder(text: str) -> bool:
    """True for `YOUR_API_KEY`, `********`, `${TOKEN}`, `null`: nobody's secret."""
    return _PLACEHOLDER.match(text) is not None


_ISSUERS = re.compile(
    r"(?:4(?:[0-9]{12}|[0-9]{15})"  # Visa
    r"|(?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}"
    r"|3[47][0-9]{13}"  # American Express
    r"|3(?:0|[689])[0-9]{12}"  # Diners Club
    r"|(?:6011|64[4-9][0-9]|65[0-9]{2})[0-9]{12}(?:[0-9]{3})?"  # Discover
    r"|35(?:2[89]|[3-8][0-9])[0-9]{12}(?:[0-9]{3})?"  # JCB
    r"|62[0-9]{14}(?:[0-9]{3})?"  # UnionPay
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{8,15})\Z"  # Maestro
)


def card(match: Match) -> bool:
    """A number some issuer could have printed, with its check digit, not named as an identifier."""
    number = digits(match[0])
    if _ISSUERS.match(number) is None or not luhn(number):
        return False
    text, start = match.string, match.start()
    if text[start - 1 : start] == "+" and len(number) <= 15:
        return False  # a telephone number (E.164)
    if match[0].isdigit() and _NUMBERED_BEFORE.search(text, max(0, start - 32), start) is not None:
        return False
    return _IDENTIFIER_BEFORE.search(text, max(0, start - 32), start) is None


def ssn_number(text: str) -> bool:
    """Area, group and serial as the Social Security Administration may issue them."""
    number = digits(text)
    if number[:3] in ("000", "666") or number[0] == "9":
        return False
    return number[3:5] != "00" and number[5:] != "0000"


def is_numbered_otherwise(match: Match) -> bool:
    """Whether the word before says that it numbers a thing: an invoice, a part, an order."""
    start = match.start()
    return _THING_BEFORE.search(match.string, max(0, start - 32), start) is not None


def itin(text: str) -> bool:
    """A taxpayer identification number: 9 first, and one of the groups that were issued."""
    number = digits(text)
    group = int(number[3:5])
    return number[0] == "9" and group >= 50 and group not in (66, 67, 68, 69, 89, 93)


def is_date(text: str) -> bool:
    """Whether `text` begins with a date, in any of the usual orders."""
    return _DATE.match(text) is not None


def international_phone(match: Match) -> bool:
    """8 to 15 digits (ITU-T E.164); without any separator at least 10. No signed decimal, date."""
    text = _EXTENDED.sub("", match[0])
    count = len(digits(text))
    if _NUMBER.match(text) or _DATE.match(text, 1) or (_DOTTED.match(text) and count < 10):
        return False
    return 8 <= count <= 15 and (count >= 10 or count + 1 < len(text))


def ipv4(match: Match) -> bool:
    """Four octets that no word calls a version."""
    text, start = match[0], match.start()
    if any(int(octet) > 255 or (octet[0] == "0" < octet[1:]) for octet in text.split(".")):
        return False
    return _VERSION_BEFORE.search(match.string, max(0, start - 24), start) is None


def ipv6(match: Match) -> bool:
    """What the standard library takes for an address, with more than a group or two in it."""
    text = match[0]
    try:
        IPv6Address(text)
    except (AddressValueError, ValueError):
        return False
    groups = [group for group in text.split(":") if group]
    return len(groups) >= 3 or text == "::1" or (len(groups) == 2 and len(text) >= 7)


def mixed_hex(match: Match) -> bool:
    """Hexadecimal with letters and digits in it, so that no decimal number is one."""
    text = match[0]
    return any(char.isalpha() for char in text) and any(char.isdigit() for char in text)


def email(match: Match) -> bool:
    """Not `logo@2x.png`, not `react@18.0.0-rc.canary`, not the `git@` of a clone address."""
    domain = match[1]
    return _DECORATION.search(domain.rpartition(".")[2]) is None and not _VERSION.match(domain)


def is_of_a_message(text: str, start: int) -> bool:
    """Whether what looks like an address is what a mail is called: `Message-ID: <…@…>`."""
    before = text[max(0, start - 120) : start]
    return before[-1:] == "<" and _MESSAGE_BEFORE.search(before) is not None


def mixed(match: Match) -> bool:
    """A token drawn by a machine: a digit in it, or capitals after the first letter."""
    value = match[1]
    return any("0" <= char <= "9" for char in value) or (
        value[1:] != value[1:].lower() and value != value.upper()
    )


def provider_key(match: Match) -> bool:
    """`sk-` and a random part; `sk-learn-from-scratch-tutorial` is prose."""
    value = match[1]
    if is_placeholder(value):
        return False
    return any("0" <= char <= "9" for char in value) or value != value.lower()


def basic_credentials(match: Match) -> bool:
    """Base64 of printable `user:password` (RFC 7617), which no English word happens to be."""
    value = match[1]
    try:
        decoded = base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return b":" in decoded and decoded.decode("utf-8", "replace").isprintable()


def private_key(match: Match) -> bool:
    """A header with key material behind it; the header alone is what scanners search for."""
    return re.search(r"[A-Za-z0-9+/=]{16}", match[1]) is not None
