# SPDX-License-Identifier: Apache-2.0
"""National identity numbers, passports, driving licences, dates of birth.

Where the check digits prove little, a word before the number has to say what it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from agentstack_processors.redaction import checksums, validators
from agentstack_processors.redaction.patterns.row import (
    DASH,
    END,
    FREE,
    SEP,
    Match,
    Pattern,
    at_forms,
    at_number_forms,
    at_shapes,
    at_words,
    in_context,
)

_DIGITS_7 = b"0000000"
_ALONE = r"(?<![A-Za-z0-9_].)"  # behind the first character: nothing like it stands before
_LAST = r"(?![A-Za-z0-9_])"
_digits = validators.digits


def _grouped(*groups: int) -> str:
    """Digits in groups, with one separator or none between."""
    return f"{SEP}?".join(f"[0-9]{{{size}}}" for size in groups)


def _checked(check: Callable[[str], bool]) -> Callable[[Match], bool]:
    return lambda match: check(_digits(match[0]))


def _date(year: str, month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31 and len(year) in (2, 4)


def _nhs(number: str) -> bool:
    check = 11 - checksums.weighted(number, range(10, 1, -1)) % 11
    return check % 11 == int(number[9])


def _bsn(number: str) -> bool:
    return checksums.weighted(number, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def _belgian(number: str) -> bool:
    body, check = number[:9], int(number[9:])
    return _date("00", number[2:4], number[4:6]) and check in (
        97 - int(body) % 97,
        97 - int("2" + body) % 97,
    )


def _pesel(number: str) -> bool:
    month = int(number[2:4]) % 20
    check = checksums.weighted(number, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3))
    return (
        1 <= month <= 12 and _date("00", "1", number[4:6]) and (10 - check) % 10 == int(number[10])
    )


def _swedish(number: str) -> bool:
    number = number[-10:]
    day = int(number[4:6]) % 60  # coordination numbers add 60
    return _date("00", number[2:4], str(day)) and checksums.luhn(number)


def _hetu(match: Match) -> bool:
    code = match[0].upper()
    rest = int(code[:6] + code[7:10]) % 31
    return _date("00", code[2:4], code[:2]) and "0123456789ABCDEFHJKLMNPRSTUVWXY"[rest] == code[10]


def _norwegian(number: str) -> bool:
    day = int(number[:2]) % 40  # D-numbers add 40
    return _date("00", number[2:4], str(day)) and checksums.fodselsnummer(number)


def _ahv(number: str) -> bool:
    return (10 - checksums.weighted(number, (1, 3) * 6)) % 10 == int(number[12])


def _chinese(match: Match) -> bool:
    code = match[0]
    year, month, day = code[6:10], code[10:12], code[12:14]
    return 1900 <= int(year) <= 2099 and _date(year, month, day) and checksums.chinese(code)


def _korean(number: str) -> bool:
    check = 11 - checksums.weighted(number, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)) % 11
    # Since October 2020 the last digits are drawn at random.
    known = check % 10 == int(number[12]) or (number[6] in "3478" and "20" <= number[:2] < "40")
    return _date("00", number[2:4], number[4:6]) and known


def _south_african(number: str) -> bool:
    return _date("00", number[2:4], number[4:6]) and checksums.luhn(number)


def _tfn(number: str) -> bool:
    return checksums.weighted(number, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def _medicare(number: str) -> bool:
    return checksums.weighted(number, (1, 3, 7, 9, 1, 3, 7, 9)) % 10 == int(number[8])


def _pt_nif(number: str) -> bool:
    check = 11 - checksums.weighted(number, range(9, 1, -1)) % 11
    return number[0] in "1235689" and (0 if check > 9 else check) == int(number[8])


def _dni(match: Match) -> bool:
    code = match[0].upper().replace("-", "").replace(" ", "")
    return not validators.is_date(code[:-1]) and checksums.dni(
        code[:-1].translate({ord("X"): "0", ord("Y"): "1", ord("Z"): "2"}), code[-1]
    )


def _nino(match: Match) -> bool:
    return match[0][:2].upper() not in ("BG", "GB", "NK", "KN", "TN", "NT", "ZZ")


def _curp(match: Match) -> bool:
    code = match[0]
    return _date("00", code[6:8], code[8:10])


def _nir(match: Match) -> bool:
    code = re.sub(r"[^0-9AB]", "", match[0])
    return code[3:5] not in ("00",) and checksums.nir(code[:13], code[13:])


def _rut(match: Match) -> bool:
    return checksums.rut(_digits(match[1]), match[2])


def _pan(match: Match) -> bool:
    return match[0][3] in "ABCFGHJLPT" and (match[0][3] == "P" or _called(match, "pan"))


def _called(match: Match, word: str) -> bool:
    near = match.string[max(0, match.start() - 40) : match.start()].lower()
    return re.search(rf"(?<![a-z]){word}(?![a-z])", near) is not None


def _numbered(
    name: str,
    words: tuple[bytes, ...],
    shapes: tuple[bytes, ...],
    groups: tuple[int, ...],
    check: Callable[[str], bool],
) -> Pattern:
    """A row for digits in groups behind a word."""
    return Pattern(
        name,
        re.compile(rf"[0-9]{FREE}(?<=[0-9]){_grouped(groups[0] - 1, *groups[1:])}{END}"),
        words=words,
        shapes=shapes,
        accept=_checked(check),
        canonical=_digits,
        search=in_context,
        context=frozenset(words),
    )


def _born(match: Match) -> bool:
    """A date: three numbers, or eight digits."""
    return len(re.split(r"\D+", match[1])) == 3 or match[1].isdigit()


def _holder(match: Match) -> bool:
    """The number of a document: five digits at least, and a date is none."""
    value = match[1]
    count = sum(char.isdigit() for char in value)
    plain = len(value.replace("-", "").replace(" ", ""))
    return count >= 5 and 6 <= plain <= 20 and not validators.is_date(value)


_MONTH = (
    r"(?i:jan|feb|m[aä]r|apr|ma[iy]|ju[nl]|aug|sep|o[ck]t|nov|de[cz]|ene|abr|ago|dic|f[eé]v|avr"
    r"|ao[uû]|d[eé]c|gen|mag|giu|lug|set|ott|out)[a-zà-ÿ]{0,7}\.?"
)
_GAP = r"[^0-9\n\]]{0,32}?"
_DATE = (
    r"((?:[0-9]{4}([\-./ ])[01]?[0-9]\2[0-3]?[0-9]"
    r"|[0-3]?[0-9]([\-./ ])[0-3]?[0-9]\3(?:[0-9]{4}|[0-9]{2})|(?:19|20)[0-9]{6})(?![0-9A-Za-z]))"
)
_WRITTEN = (
    rf"((?:[0-3]?[0-9](?:st|nd|rd|th|\.)?[ \-]{{1,2}}(?:of |de )?{_MONTH}(?: de)?,?[ \-]{{1,2}}"
    rf"|(?<![A-Za-z]){_MONTH}[ ]{{1,2}}[0-3]?[0-9](?:st|nd|rd|th)?,?[ ]{{1,2}})"
    r"[12][0-9]{3}(?![0-9A-Za-z]))"
)
_IN_NUMBER = (
    r"(?<![A-Za-z0-9])([A-Za-z]{0,5}[0-9][A-Za-z0-9]{0,15}(?:[\- ][0-9][A-Za-z0-9]{0,8}){0,6})"
)

ROWS: tuple[Pattern, ...] = (
    Pattern(
        "SSN",
        re.compile(
            rf"[0-8]{FREE}(?<!-[0-8])[0-9]{{2}}([\-\u2010-\u2015\u2212])[0-9]{{2}}\1[0-9]{{4}}{END}"
        ),
        shapes=(b"000-00-0000",),
        accept=lambda match: validators.ssn_number(match[0]),
        canonical=_digits,
        search=at_shapes,
    ),
    Pattern(
        "SSN",
        re.compile(
            r"(?i:ssn|social[ _\-]sec(?:urity)?|tax[ _\-]id|itin\b|taxpayer)[^0-9\n\]]{0,32}"
            rf"([0-9]{{3}}[{DASH}]?[0-9]{{2}}[{DASH}]?[0-9]{{4}})(?![0-9])"
        ),
        words=(b"ssn", b"social-s", b"tax-id", b"itin", b"taxpayer"),
        shapes=(b"000-00-0000", _DIGITS_7),
        group=1,
        accept=lambda match: validators.ssn_number(match[1]) or validators.itin(match[1]),
        canonical=_digits,
        search=at_words,
    ),
    Pattern(
        "DATE_OF_BIRTH",
        re.compile(
            rf"(?i:birth(?!time|place|er)|born|dob|gebo|gebu|naiss|naci|nasci){_GAP}{_DATE}"
        ),
        words=(b"birth", b"born", b"dob", b"gebo", b"gebu", b"naiss", b"naci", b"nasci"),
        group=1,
        accept=_born,
        search=at_words,
        near=True,
    ),
    Pattern(
        "DATE_OF_BIRTH",
        re.compile(rf"(?i:birth(?!time|place|er)|born|dob|gebo){_GAP}{_WRITTEN}"),
        words=(b"birth", b"born", b"dob", b"gebo"),
        group=1,
        search=at_words,
    ),
    Pattern(
        "PASSPORT",
        re.compile(
            r"(?i:passport|reisepass|pasaporte|passeport|passaport)(?!\.[a-z])[^0-9\n\]]{0,40}?"
            rf"{_IN_NUMBER}{_LAST}"
        ),
        words=(b"passport", b"reisepass", b"pasaporte", b"passeport", b"passaport"),
        group=1,
        accept=lambda match: _holder(match) and len(match[1]) <= 12,
        canonical=str.upper,
        search=at_words,
        near=True,
    ),
    Pattern(
        "DRIVER_LICENSE",
        re.compile(
            r"(?i:driv(?:er|ing)(?:['\u2019\\ ]{0,2}s)?['\u2019]?[ _\-]{0,2}"
            r"(?:licen[cs]e|permit|lic\b|id\b|l\b)|hrerschein|permis de conduire"
            r"|licencia de conduc|carteira de motorista|patente di guida|driver_?licen[cs]e)"
            rf"[^0-9\n\]]{{0,40}}?{_IN_NUMBER}{_LAST}"
        ),
        words=(b"driv", b"hrerschein", b"permis-de", b"licencia", b"carteira", b"patente"),
        group=1,
        accept=_holder,
        canonical=str.upper,
        search=at_words,
        near=True,
    ),
    _numbered("UK_NHS", (b"nhs",), (b"0" * 10, b"000-000-0000"), (3, 3, 4), _nhs),
    Pattern(
        "UK_NINO",
        re.compile(
            rf"[A-CEGHJ-PR-TW-Za-ceghj-pr-tw-z]{_ALONE}[A-CEGHJ-NPR-TW-Za-ceghj-npr-tw-z]"
            rf"[ \-]?[0-9]{{2}}([ \-]?)[0-9]{{2}}\1[0-9]{{2}}[ \-]?[A-Da-d]{_LAST}"
        ),
        forms=(b"AA000000A", b"AA-00-00-00-A", b"AA-000000-A", b"AA000000-A"),
        accept=_nino,
        canonical=lambda text: re.sub(r"[ \-]", "", text).upper(),
        search=at_number_forms,
    ),
    _numbered(
        "CA_SIN",
        (b"sin", b"insurance", b"nas"),
        (b"0" * 9, b"000-000-000"),
        (3, 3, 3),
        checksums.luhn,
    ),
    Pattern(
        "ES_NIF",
        re.compile(
            rf"(?:[XYZxyz]{_ALONE}-?[0-9]{{7}}|[0-9]{FREE}[0-9]{{7}})[\- ]?"
            rf"[A-HJ-NP-TV-Za-hj-np-tv-z]{_LAST}(?!-[0-9])"
        ),
        forms=(b"00000000A", b"00000000-A", b"A0000000A", b"A0000000-A", b"A-0000000-A"),
        accept=_dni,
        canonical=lambda text: re.sub(r"[ \-]", "", text).upper(),
        search=at_number_forms,
    ),
    Pattern(
        "FR_NIR",
        re.compile(
            rf"[12]{FREE}(?:([ .])[0-9]{{2}}\1(?:[0-9]{{2}})\1[0-9]{{2}}\1[0-9]{{3}}\1[0-9]{{3}}\1"
            rf"[0-9]{{2}}|[0-9]{{14}}){END}"
        ),
        shapes=(b"0-00-00-00-000-000-00", b"0" * 15),
        accept=_nir,
        canonical=_digits,
        search=at_shapes,
    ),
    _numbered(
        "DE_TAX_ID",
        (
            b"steuer",
            b"steueridentifikationsnummer",
            b"steuernummer",
            b"steuerid",
            b"idnr",
            b"tin",
            b"tax",
            b"identifikationsnummer",
            b"steueridnr",
        ),
        (b"0" * 11, b"00-000-000-000"),
        (2, 3, 3, 3),
        lambda number: number[0] != "0" and checksums.iso7064_mod_11_10(number),
    ),
    Pattern(
        "IT_FISCAL_CODE",
        re.compile(
            rf"[A-Za-z]{_ALONE}[A-Za-z]{{5}}[0-9]{{2}}[A-EHLMPR-Ta-ehlmpr-t][0-9]{{2}}[A-Za-z]"
            rf"[0-9]{{3}}[A-Za-z]{_LAST}"
        ),
        forms=(b"AAAAAA00A00A000A",),
        accept=lambda match: checksums.codice_fiscale(match[0].upper()),
        canonical=str.upper,
        search=at_forms,
    ),
    _numbered(
        "NL_BSN",
        (b"bsn", b"burgerservicenummer", b"burgerservice", b"sofinummer", b"sofi"),
        (b"0" * 9, b"000-000-000"),
        (3, 3, 3),
        _bsn,
    ),
    Pattern(
        "BE_NATIONAL_NUMBER",
        re.compile(rf"[0-9]{FREE}[0-9]\.[0-9]{{2}}\.[0-9]{{2}}-[0-9]{{3}}\.[0-9]{{2}}{END}"),
        shapes=(b"00-00-00-000-00",),
        accept=_checked(_belgian),
        canonical=_digits,
        search=at_shapes,
    ),
    _numbered("PL_PESEL", (b"pesel",), (b"0" * 11,), (11,), _pesel),
    Pattern(
        "SE_PERSONNUMMER",
        re.compile(rf"[0-9]{FREE}(?:[0-9]{{2}})?[0-9]{{5}}-?[0-9]{{4}}{END}"),
        words=(b"personnummer", b"personnr", b"samordningsnummer"),
        shapes=(b"000000-0000", b"0" * 10),
        accept=_checked(_swedish),
        canonical=_digits,
        search=in_context,
        context=frozenset((b"personnummer", b"personnr", b"samordningsnummer")),
    ),
    Pattern(
        "FI_HETU",
        re.compile(
            rf"[0-3]{FREE}[0-9]{{5}}[\-+A-FU-Ya-fu-y][0-9]{{3}}[0-9A-FHJ-NPR-Ya-fhj-npr-y]{_LAST}"
        ),
        forms=(b"000000-000A", b"000000A000A", b"000000-0000", b"000000A0000"),
        accept=_hetu,
        canonical=str.upper,
        search=at_number_forms,
    ),
    Pattern(
        "DK_CPR",
        re.compile(rf"[0-3]{FREE}[0-9]{{5}}-?[0-9]{{4}}{END}"),
        words=(b"cpr", b"personnummer"),
        shapes=(b"000000-0000", b"0" * 10),
        accept=_checked(lambda number: _date("00", number[2:4], number[:2])),
        canonical=_digits,
        search=in_context,
        context=frozenset((b"cpr", b"personnummer")),
    ),
    _numbered(
        "NO_FODSELSNUMMER",
        (b"fodselsnummer", b"dselsnummer", b"fodselsnr", b"dselsnr", b"personnummer", b"fnr"),
        (b"0" * 11, b"000000-00000"),
        (6, 5),
        _norwegian,
    ),
    Pattern(
        "CH_AHV",
        re.compile(rf"7{FREE}56\.[0-9]{{4}}\.[0-9]{{4}}\.[0-9]{{2}}{END}"),
        shapes=(b"000-0000-0000-00",),
        accept=_checked(_ahv),
        canonical=_digits,
        search=at_shapes,
    ),
    Pattern(
        "BR_CPF",
        re.compile(rf"[0-9]{FREE}[0-9]{{2}}\.[0-9]{{3}}\.[0-9]{{3}}-[0-9]{{2}}{END}"),
        shapes=(b"000-000-000-00",),
        accept=_checked(checksums.cpf),
        canonical=_digits,
        search=at_shapes,
    ),
    _numbered("BR_CPF", (b"cpf",), (b"0" * 11,), (11,), checksums.cpf),
    Pattern(
        "MX_CURP",
        re.compile(
            rf"[A-Z]{_ALONE}[AEIOUX][A-Z]{{2}}[0-9]{{6}}[HMX][A-Z]{{5}}[0-9A-Z][0-9]{_LAST}"
        ),
        forms=(b"AAAA000000AAAAAA",),
        accept=_curp,
        search=at_forms,
    ),
    Pattern(
        "CL_RUT",
        re.compile(rf"([0-9]{FREE}[0-9]?\.[0-9]{{3}}\.[0-9]{{3}})-([0-9Kk]){_LAST}(?!-)"),
        shapes=(b"00-000-000-", b"0-000-000-"),
        accept=_rut,
        canonical=str.upper,
        search=at_shapes,
    ),
    _numbered(
        "IN_AADHAAR",
        (b"aadhaar", b"aadhar", b"adhaar", b"uidai"),
        (b"0" * 12, b"0000-0000-0000"),
        (4, 4, 4),
        lambda number: number[0] not in "01" and checksums.verhoeff(number),
    ),
    Pattern(
        "IN_PAN",
        re.compile(rf"[A-Z]{_ALONE}[A-Z]{{4}}[0-9]{{4}}[A-Z]{_LAST}"),
        forms=(b"AAAAA0000A",),
        accept=_pan,
        search=at_forms,
    ),
    Pattern(
        "CN_RESIDENT_ID",
        re.compile(rf"[1-9]{FREE}[0-9]{{16}}[0-9Xx]{_LAST}(?!-[0-9])"),
        shapes=(b"0" * 17,),
        accept=_chinese,
        canonical=str.upper,
        search=at_shapes,
    ),
    Pattern(
        "KR_RRN",
        re.compile(rf"[0-9]{FREE}[0-9]{{5}}-[1-8][0-9]{{6}}{END}"),
        shapes=(b"000000-0000000",),
        accept=_checked(_korean),
        canonical=_digits,
        search=at_shapes,
    ),
    Pattern(
        "SG_NRIC",
        re.compile(rf"[STFGMstfgm]{_ALONE}[0-9]{{7}}[A-Za-z]{_LAST}"),
        forms=(b"A0000000A",),
        accept=lambda match: checksums.nric(match[0].upper()),
        canonical=str.upper,
        search=at_number_forms,
    ),
    _numbered("AU_TFN", (b"tfn", b"tax"), (b"0" * 9, b"000-000-000"), (3, 3, 3), _tfn),
    _numbered("AU_MEDICARE", (b"medicare",), (b"0" * 10, b"0000-00000-0"), (4, 5, 1), _medicare),
    _numbered(
        "ZA_ID",
        (b"identity", b"rsa", b"african"),
        (b"0" * 13, b"000000-0000-00-0"),
        (6, 4, 2, 1),
        _south_african,
    ),
    _numbered("PT_NIF", (b"nif", b"contribuinte"), (b"0" * 9, b"000-000-000"), (3, 3, 3), _pt_nif),
)
