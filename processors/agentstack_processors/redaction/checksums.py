# SPDX-License-Identifier: Apache-2.0
"""Check digits, as the issuers publish them. Each takes a string of ASCII digits or letters."""

from __future__ import annotations

from collections.abc import Sequence

_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)  # digit sum of twice the digit


def luhn(number: str) -> bool:
    """The mod-10 check digit of ISO/IEC 7812."""
    values = [ord(char) - 48 for char in number]
    return (sum(values[-1::-2]) + sum(_DOUBLED[value] for value in values[-2::-2])) % 10 == 0


def weighted(number: str, weights: Sequence[int]) -> int:
    """The sum of the digits times their weights; digits beyond the weights do not count."""
    return sum((ord(char) - 48) * weight for char, weight in zip(number, weights, strict=False))


# D5, row by row, and the permutation of each position (J. Verhoeff, 1969).
_D5 = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_PERMUTED = (
    "0123456789", "1576283094", "5803796142", "8916043527",
    "9453126870", "4286573901", "2793806415", "7046913258",
)  # fmt: skip


def verhoeff(number: str) -> bool:
    """The check digit of an Aadhaar number."""
    check = 0
    for index, char in enumerate(reversed(number)):
        check = int(_D5[check][int(_PERMUTED[index % 8][int(char)])])
    return check == 0


def iso7064_mod_11_10(number: str) -> bool:
    """The check digit of a German tax number (ISO/IEC 7064, MOD 11,10)."""
    product = 10
    for char in number[:-1]:
        total = (int(char) + product) % 10 or 10
        product = 2 * total % 11
    return (11 - product) % 10 == int(number[-1])


# Characters of each country's IBAN (SWIFT IBAN registry, release 99).
_IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE", "BI"), 16),
    **dict.fromkeys(("DK", "FO", "FI", "GL", "NL", "SD", "FK"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "XK", "LT", "LU", "MN"), 20),
    **dict.fromkeys(("HR", "LV", "LI", "CH"), 21),
    **dict.fromkeys(("BH", "BG", "CR", "GE", "DE", "IE", "ME", "RS", "GB", "VA"), 22),
    **dict.fromkeys(("GI", "IQ", "IL", "OM", "SO", "TL", "AE"), 23),
    **dict.fromkeys(("AD", "CZ", "MD", "PK", "RO", "SA", "SK", "ES", "SE", "TN", "VG"), 24),
    **dict.fromkeys(("AO", "CV", "GW", "LY", "MZ", "PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR", "IR"), 26),
    **dict.fromkeys(("BF", "CF", "CG", "CM", "DJ", "FR", "GA", "GR", "IT", "KM", "MC", "MG"), 27),
    **dict.fromkeys(("MR", "SM", "TD", "TG"), 27),
    **dict.fromkeys(("AL", "AZ", "BJ", "BY", "CI", "CY", "DO", "DZ", "GT", "HN", "HU", "LB"), 28),
    **dict.fromkeys(("MA", "ML", "NE", "NI", "PL", "SN", "SV"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU", "YE"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
    **dict.fromkeys(("LC",), 32),
    **dict.fromkeys(("RU",), 33),
}  # fmt: skip


def iban_length(country: str) -> int:
    """How many characters an IBAN of this country has; 0 where there are none."""
    return _IBAN_LENGTHS.get(country, 0)


def iban(text: str) -> bool:
    """Length and check digits (ISO 13616, MOD 97-10) of an IBAN in capitals, without spaces."""
    return len(text) == iban_length(text[:2]) and mod_97(text)


_AS_NUMBERS = {ord(char): str(int(char, 36)) for char in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def mod_97(text: str) -> bool:
    """The check digits alone (ISO 7064, MOD 97-10) of an IBAN in capitals, without spaces."""
    return int((text[4:] + text[:4]).translate(_AS_NUMBERS)) % 97 == 1


def dni(number: str, letter: str) -> bool:
    """The letter of a Spanish DNI or NIE."""
    return "TRWAGMYFPDXBNJZSQVHLCKE"[int(number) % 23] == letter


_ODD = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3,
         6, 8, 12, 14, 16, 10, 22, 25, 24, 23),
        strict=True,
    )
)  # fmt: skip


def codice_fiscale(code: str) -> bool:
    """The last letter of an Italian fiscal code, in capitals."""
    odd = sum(_ODD[char] for char in code[0:15:2])
    even = sum(int(char) if char.isdigit() else ord(char) - 65 for char in code[1:15:2])
    return chr(65 + (odd + even) % 26) == code[15]


def nir(number: str, key: str) -> bool:
    """The key of a French NIR; `2A` and `2B` are Corsica."""
    plain = number.replace("2A", "19").replace("2B", "18")
    return plain.isdigit() and 97 - int(plain) % 97 == int(key)


def cpf(number: str) -> bool:
    """Both check digits of a Brazilian CPF."""
    if len(set(number)) == 1:
        return False
    first = weighted(number, range(10, 1, -1)) * 10 % 11 % 10
    second = weighted(number, range(11, 1, -1)) * 10 % 11 % 10
    return number[9:] == f"{first}{second}"


def chinese(number: str) -> bool:
    """The last character of a Chinese resident identity number (ISO/IEC 7064, MOD 11-2)."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return "10X98765432"[weighted(number, weights) % 11] == number[17].upper()


def rut(number: str, check: str) -> bool:
    """The check character of a Chilean RUT."""
    total = sum(int(char) * (2 + index % 6) for index, char in enumerate(reversed(number)))
    return "0123456789K"[(11 - total % 11) % 11] == check.upper()


def nric(code: str) -> bool:
    """The letter of a Singapore NRIC or FIN, in capitals."""
    total = weighted(code[1:8], (2, 7, 6, 5, 4, 3, 2))
    total += {"T": 4, "G": 4, "M": 3}.get(code[0], 0)
    letters = {"S": "JZIHGFEDCBA", "T": "JZIHGFEDCBA", "M": "KLJNPQRTUWX"}
    table = letters.get(code[0], "XWUTRQPNMLK")
    return table[(10 - total % 11) if code[0] == "M" else total % 11] == code[8]


def fodselsnummer(number: str) -> bool:
    """Both check digits of a Norwegian national identity number."""
    first = -weighted(number, (3, 7, 6, 1, 8, 9, 4, 5, 2)) % 11
    second = -weighted(number, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return number[9:] == f"{first}{second}"
