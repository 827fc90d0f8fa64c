# SPDX-License-Identifier: Apache-2.0
"""Other people's names for what is redacted, so that labelled data can be compared.

`group("EMAIL_ADDRESS") == group("EMAIL") == "EMAIL"`; every credential is one group, `SECRET`,
because data sets name them as they please. Names and addresses of people have no group: they are
not looked for.
"""

from __future__ import annotations

import re

# group: its names in Presidio, presidio-research, scanners and data sets
_NAMES = {
    "EMAIL": "EMAIL_ADDRESS E_MAIL MAIL",
    "PHONE": "PHONE_NUMBER TELEPHONE TELEPHONE_NUMBER TELEPHONENUM PHONENUMBER MOBILE FAX_NUMBER",
    "CARD": "CREDIT_CARD CREDIT_CARD_NUMBER CREDITCARDNUMBER CREDIT_DEBIT_CARD CARD_NUMBER",
    "SSN": "US_SSN SOCIAL_SECURITY_NUMBER SOCIALNUM US_ITIN ITIN",
    "IBAN": "IBAN_CODE",
    "IP_ADDRESS": "IP IPV4 IPV6 IP_V4 IP_V6",
    "MAC_ADDRESS": "MAC",
    "PASSPORT": "US_PASSPORT PASSPORT_NUMBER IN_PASSPORT IT_PASSPORT UK_PASSPORT PASSPORTNUM",
    "DRIVER_LICENSE": "US_DRIVER_LICENSE DRIVERS_LICENSE DRIVER_LICENCE IT_DRIVER_LICENSE"
    " DRIVERLICENSENUM",
    "DATE_OF_BIRTH": "DOB BIRTH_DATE DATE_OF_BIRTH BIRTHDATE",
    "UK_NHS": "NHS_NUMBER NHS",
    "UK_NINO": "NINO",
    "CA_SIN": "SIN CANADIAN_SIN",
    "ES_NIF": "ES_NIE ES_DNI NIF NIE DNI",
    "FR_NIR": "FR_INSEE INSEE NIR",
    "DE_TAX_ID": "DE_STEUER_ID",
    "IT_FISCAL_CODE": "CODICE_FISCALE",
    "NL_BSN": "BSN",
    "BE_NATIONAL_NUMBER": "BE_NRN",
    "PL_PESEL": "PESEL",
    "SE_PERSONNUMMER": "PERSONNUMMER",
    "FI_HETU": "FI_PERSONAL_IDENTITY_CODE HETU",
    "DK_CPR": "CPR",
    "NO_FODSELSNUMMER": "FODSELSNUMMER",
    "CH_AHV": "AHV",
    "BR_CPF": "CPF",
    "MX_CURP": "CURP",
    "CL_RUT": "RUT",
    "IN_AADHAAR": "AADHAAR",
    "IN_PAN": "",
    "CN_RESIDENT_ID": "CN_ID",
    "KR_RRN": "RRN",
    "SG_NRIC": "SG_NRIC_FIN NRIC",
    "AU_TFN": "TFN",
    "AU_MEDICARE": "",
    "ZA_ID": "",
    "PT_NIF": "",
    "SECRET": "PASSWORD PASSWORD_ASSIGN API_KEY TOKEN CREDENTIAL ACCESS_KEY BEARER BASIC_AUTH"  # nosec B105 - names of types
    " URL_CREDENTIALS HIGH_ENTROPY WEBHOOK DB_URL DATABASE_URL CONNECTION_STRING BASIC_AUTH_URL"
    " AUTH_URL DSN",
}  # fmt: skip
_GROUPS = {name: group for group, names in _NAMES.items() for name in (group, *names.split())}
# A credential by any other name: GITHUB_TOKEN, AWS_SECRET_KEY, SLACK_WEBHOOK, OPENAI_API_KEY.
_CREDENTIAL = re.compile(
    r"(?:\A|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIALS?|WEBHOOK|JWT|AUTHORIZATION|PEM"
    r"|BEARER|AUTH|COOKIE|PAT|DSN|CONNECTION_STRING|SIGNATURE|CREDS|URL_CREDENTIAL)(?:\Z|_)"
)


def group(name: str) -> str | None:
    """The type that `name`, ours or somebody else's, stands for; None for what is not looked for.

    >>> group("CREDIT_CARD"), group("GITHUB_TOKEN"), group("PERSON")
    ('CARD', 'SECRET', None)
    """
    plain = name.strip().upper().replace("-", "_").replace(" ", "_")
    if plain in _GROUPS:
        return _GROUPS[plain]
    return "SECRET" if _CREDENTIAL.search(plain) is not None else None
