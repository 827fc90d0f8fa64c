# SPDX-License-Identifier: Apache-2.0
"""Check digits against the examples their issuers publish, and against every single-digit slip."""

from __future__ import annotations

import pytest
from agentstack_processors.redaction import checksums


@pytest.mark.parametrize(
    ("check", "number"),
    [
        (checksums.luhn, "4539578763621486"),
        (checksums.verhoeff, "234123412346"),
        (checksums.iso7064_mod_11_10, "86095742719"),
        (checksums.iban, "GB82WEST12345698765432"),
        (checksums.iban, "NO9386011117947"),
        (checksums.iban, "MT84MALT011000012345MTLCAST001S"),
        (checksums.codice_fiscale, "RSSMRA85T10A562S"),
        (checksums.cpf, "52998224725"),
        (checksums.chinese, "11010519491231002X"),
        (checksums.fodselsnummer, "13097248022"),
        (checksums.nric, "S1234567D"),
        (checksums.nric, "G1234567X"),
        (checksums.nric, "M1234567K"),
    ],
)
def test_published_examples_pass_and_a_wrong_last_character_does_not(check, number):
    assert check(number)
    alphabet = "0123456789" if number[-1].isdigit() else "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    wrong = [number[:-1] + char for char in alphabet if char != number[-1]]
    passed = [candidate for candidate in wrong if check(candidate)]
    assert len(passed) <= len(wrong) // 10


def test_checks_of_two_parts_know_their_examples():
    assert checksums.dni("12345678", "Z")
    assert not checksums.dni("12345678", "A")
    assert checksums.nir("2550814168025", "38")
    assert not checksums.nir("2550814168025", "39")
    assert checksums.rut("12345678", "5")
    assert not checksums.rut("12345678", "K")


def test_an_iban_of_the_wrong_length_or_of_no_country_fails():
    assert not checksums.iban("GB82WEST1234569876543")
    assert not checksums.iban("ZZ82WEST12345698765432")
    assert checksums.iban_length("DE") == 22
    assert checksums.iban_length("US") == 0
