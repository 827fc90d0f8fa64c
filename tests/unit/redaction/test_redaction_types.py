# SPDX-License-Identifier: Apache-2.0
"""Each type in the spellings people and programs give it, and what only looks like it."""

from __future__ import annotations

import random
import string

import pytest
from agentstack_processors.redaction import Redactor, evaluation_config
from agentstack_processors.redaction.aliases import group
from agentstack_processors.redaction.patterns import DEFAULT, NAMES

_EVERYTHING = Redactor(evaluation_config())
_USUAL = Redactor()
_RANDOM = random.Random(20261121)
_LETTERS, _DIGITS = string.ascii_letters, string.digits
_ANY, _HEX, _URL_SAFE = _LETTERS + _DIGITS, "0123456789abcdef", _LETTERS + _DIGITS + "_-"


def _drawn(size: int, alphabet: str = _ANY) -> str:
    # Never a run that could pass for "xxxxxxxx", and always a digit, as real ones nearly always.
    return "".join(_RANDOM.choices(alphabet, k=size - 1)) + _RANDOM.choice(_DIGITS)


def _found(text: str, redactor: Redactor = _EVERYTHING) -> list[tuple[str, str]]:
    return [(find.type, text[find.start : find.end]) for find in redactor.find(text)]


@pytest.mark.parametrize(
    ("kind", "before", "value", "behind"),
    [
        ("PHONE", "They're not answering at ", "785 8949", ""),
        ("PHONE", "Please call me at ", "(96) 627-277", " tomorrow"),
        ("PHONE", "Phone:\n", "88 165 40 96", "\nE-mail"),
        ("PHONE", "Vatican City\n", "69 987 88 37", " office"),
        ("PHONE", "53144\n", "06-10446904", "-Office"),
        ("PHONE", "or ", "001-748-088-2851x818", ""),
        ("PHONE", "ring ", "0049 30 12345678", ""),
        ("PHONE", "", "0044 20 7946 0958", ""),
        ("PHONE", "", "+44 (0)20 7946 0958", ""),
        ("PHONE", "", "+1-944-435-4352x04732", " mobile"),
        ("PHONE", "", "(978)645-9740x11144", ""),
        ("PHONE", "", "833.719.3994x1887", ""),
        ("PHONE", "", "06 12 34 56 78", ""),
        ("PHONE", "Meine Telefonnummer ist ", "0171/2345678", ""),
        ("PHONE", "Mi número de teléfono es ", "612 345 678", ""),
        ("PHONE", "Телефон: ", "8 (912) 345-67-89", ""),
        ("PHONE", "电话\uff1a", "138 1234 5678", ""),
        ("PHONE", '"customerPhone": "', "2813882583", '"'),
        ("PHONE", "phone: 555-1234, ", "555-4321", ""),
        ("CARD", "card ", "3064-007323-8773", ""),
        ("CARD", "pay with ", "5555 5555 5555 4444", " please"),
        ("IBAN", "to ", "GB82 WEST 1234 5698 7654 32", " today"),
        ("IBAN", "", "gb82west12345698765432", ""),
        ("IBAN", "", "NO93-8601-1117-947", ""),
        ("SSN", "SSN: ", "518 67 1704", ""),
        ("SSN", "my ITIN is ", "912-70-1234", ""),
        ("IP_ADDRESS", "from ", "86.231.85.193", " today"),
        ("IP_ADDRESS", "from ", "4f8a:c99e:dc86:faf9:5988:5f63:375e:8a2a", ""),
        ("IP_ADDRESS", "from ", "fe80::1ff:fe23:4567:890a", ""),
        ("MAC_ADDRESS", "at ", "ee:86:bd:bf:c4:de", ""),
        ("DATE_OF_BIRTH", '"dob": "', "1963-01-22", '"'),
        ("DATE_OF_BIRTH", "born on ", "12 March 1985", " in Bath"),
        ("DATE_OF_BIRTH", "Date of birth: ", "October 5, 1957", ""),
        ("DATE_OF_BIRTH", "geboren am ", "12.03.1985", ""),
        ("PASSPORT", "passport number: ", "X12345678", ""),
        ("PASSPORT", "her passport (no. ", "533380006", ")"),
        ("DRIVER_LICENSE", "My driver's license number is ", "A56319335", ""),
        ("DRIVER_LICENSE", "driving licence ", "MORGA657054SM9IJ", ""),
        ("UK_NHS", "NHS number ", "943 476 5919", ""),
        ("UK_NINO", "", "AB 12 34 56 C", ""),
        ("CA_SIN", "my SIN is ", "046 454 286", ""),
        ("ES_NIF", "DNI ", "12345678Z", ""),
        ("ES_NIF", "", "X1234567L", ""),
        ("FR_NIR", "", "2 55 08 14 168 025 38", ""),
        ("DE_TAX_ID", "Steuer-ID: ", "86 095 742 719", ""),
        ("IT_FISCAL_CODE", "", "RSSMRA85T10A562S", ""),
        ("NL_BSN", "BSN ", "111222333", ""),
        ("BE_NATIONAL_NUMBER", "", "85.07.30-033.28", ""),
        ("PL_PESEL", "PESEL: ", "44051401359", ""),
        ("SE_PERSONNUMMER", "personnummer ", "811228-9874", ""),
        ("FI_HETU", "", "131052-308T", ""),
        ("DK_CPR", "CPR: ", "211062-5629", ""),
        ("NO_FODSELSNUMMER", "fødselsnummer ", "13097248022", ""),
        ("CH_AHV", "", "756.9217.0769.85", ""),
        ("BR_CPF", "", "529.982.247-25", ""),
        ("MX_CURP", "", "HEGG560427MVZRRL04", ""),
        ("CL_RUT", "", "12.345.678-5", ""),
        ("IN_AADHAAR", "Aadhaar ", "2341 2341 2346", ""),
        ("IN_PAN", "", "ABCPE1234F", ""),
        ("CN_RESIDENT_ID", "", "11010519491231002X", ""),
        ("KR_RRN", "", "850101-1234566", ""),
        ("SG_NRIC", "", "S1234567D", ""),
        ("AU_TFN", "TFN ", "123 456 782", ""),
        ("AU_MEDICARE", "Medicare ", "2123 45670 1", ""),
        ("ZA_ID", "South African identity number ", "8001015009087", ""),
        ("PT_NIF", "NIF ", "123456789", ""),
    ],
)
def test_personal_data_is_found_exactly(kind, before, value, behind):
    assert (kind, value) in _found(f"{before}{value}{behind}")


def test_network_addresses_are_off_unless_asked_for():
    text = "from 86.231.85.193 and ee:86:bd:bf:c4:de"
    assert _found(text, _USUAL) == []
    assert sorted(NAMES - DEFAULT) == ["IP_ADDRESS", "MAC_ADDRESS"]


_TOKENS = {
    "GITHUB_TOKEN": lambda: "gh" + "p_" + _drawn(36),
    "GITHUB_TOKEN fine": lambda: "github" + "_pat_" + _drawn(82, _ANY + "_"),
    "GITLAB_TOKEN": lambda: "gl" + "pat-" + _drawn(20, _URL_SAFE),
    "SLACK_TOKEN": lambda: f"xo{'xb'}-{_drawn(12, _DIGITS)}-{_drawn(12, _DIGITS)}-{_drawn(24)}",
    "STRIPE_KEY": lambda: "sk_" + "live_" + _drawn(24),
    "SENDGRID_KEY": lambda: f"S{'G'}.{_drawn(22, _URL_SAFE)}.{_drawn(43, _URL_SAFE)}",
    "NPM_TOKEN": lambda: "np" + "m_" + _drawn(36),
    "PYPI_TOKEN": lambda: "pyp" + "i-AgEIcHlwaS5vcmc" + _drawn(70, _URL_SAFE),
    "HUGGINGFACE_TOKEN": lambda: "h" + "f_" + _drawn(34),
    "GOOGLE_API_KEY": lambda: "AI" + "za" + _drawn(35, _URL_SAFE),
    "GOOGLE_OAUTH_SECRET": lambda: "GOC" + "SPX-" + _drawn(28, _URL_SAFE),
    "AZURE_SECRET": lambda: _drawn(4) + "Q~" + _drawn(34, _ANY + "_."),
    "ANTHROPIC_KEY": lambda: "sk-" + "ant-api03-" + _drawn(93, _URL_SAFE) + "AA",
    "OPENAI_KEY": lambda: "sk-" + "proj-" + _drawn(74, _URL_SAFE),
    "AWS_ACCESS_KEY_ID": lambda: "AK" + "IA" + _drawn(16, string.ascii_uppercase + "234567"),
    "DATABRICKS_TOKEN": lambda: "dap" + "i" + _drawn(32, _HEX),
    "VAULT_TOKEN": lambda: "hv" + "s." + _drawn(92, _URL_SAFE),
    "TELEGRAM_TOKEN": lambda: f"{_drawn(10, '123456789')}:A{'A'}{_drawn(33, _URL_SAFE)}",
    "TWILIO_KEY": lambda: "S" + "K" + _drawn(32, _HEX),
    "SHOPIFY_TOKEN": lambda: "shp" + "at_" + _drawn(32, _HEX),
    "SLACK_WEBHOOK": lambda: f"hooks.slack{'.com'}/services/T{_drawn(8)}/B{_drawn(8)}/{_drawn(24)}",
}


@pytest.mark.parametrize("name", _TOKENS)
@pytest.mark.parametrize(
    "around",
    ["{}", "key: {}", '"{}"', "use {}.", "`{}`", "a\n{}\nb", '{{\\"k\\": \\"\\n{}\\"}}', "({})"],
)
def test_tokens_of_providers_are_found_wherever_they_stand(name, around):
    token = _TOKENS[name]()
    text = around.format(token)
    found = _found(text, _USUAL)
    assert any(kind == name.split()[0] and value == token for kind, value in found), text


@pytest.mark.parametrize(
    "around",
    [
        "{}", "PASSWORD={}", "export DB_PASSWORD='{}'", "password: {}", '{{"password": "{}"}}',
        "my password is {}", "the new password: {}", "https://x.io/login?user=a&password={}&b=1",
        "mysql -u root -p{}", "curl -u admin:{} https://x", "redis://:{}@host:6379/0",
        "<password>{}</password>", '<add key="Password" value="{}" />', "--password {}",
        "User Id=sa;Password={};Database=x", "spring.datasource.password={}",
        '{{\\"passwd\\": \\"{}\\"}}', "passphrase => '{}'", "PGPASSWORD={} psql",
    ],
)  # fmt: skip
def test_passwords_are_found_in_prose_shells_files_and_queries(around):
    if around == "{}":
        assert _found("Tr0ub4dor8x", _USUAL) == []  # nothing says that it is one
        return
    for password in ("Tr0ub4dor8x", "hunter2hunter2", "x9!kQ2#mZ"):
        text = around.format(password)
        found = _found(text, _USUAL)
        assert any(group(kind) == "SECRET" and password in value for kind, value in found), text


@pytest.mark.parametrize(
    "around",
    [
        "acmeToken = \"{}\"", "acme_token: {}", "var acmeToken string = \"{}\"",
        "val acmeToken: String = \"{}\"", "acmeToken := `{}`", "ACME_TOKEN ?= \"{}\"",
        "<acmeToken>\n    {}\n</acmeToken>", "\"acmeToken\" => \"{}\"", "--token {}",
        "define(\"ACME_TOKEN\", \"{}\");", "my acme api key is {}", "the token is {}.",
        "curl -H \"X-Api-Key: {}\" x", "?api_key={}&limit=3", "client_secret={}",
        "Authorization: {}", "Authorization: Token {}", "os.environ[\"ACME_SECRET_KEY\"] = \"{}\"",
    ],
)  # fmt: skip
def test_long_random_values_of_names_for_secrets_are_found(around):
    for alphabet, size in ((_ANY, 32), (_HEX, 40), (string.ascii_lowercase + _DIGITS, 20)):
        value = _drawn(size, alphabet)
        text = around.format(value)
        found = _found(text, _USUAL)
        assert any(group(kind) == "SECRET" and value in part for kind, part in found), text


@pytest.mark.parametrize(
    "text",
    [
        "password = ********", "password: <your-password>", "password=${DB_PASSWORD}",
        'password = os.environ["DB_PASSWORD"]', "password = getpass.getpass()",
        "Password must be at least 8 characters long", 'login(user, password="password")',
        "if password == user.password:", "user_password_changed_at: 2024-01-01T10:00:00Z",
        "MYSQL_PASSWORD: {{ .Values.mysql.password }}", "AKIA" + "IOSFODNN7EXAMPLE",
        'api_key = "your-api-key-here"', "OPENAI_API_KEY=sk-...", "ghp_" + "x" * 36,
        "sk-" + "x" * 32, "xoxb-not-a-real-token-at-all", "Authorization: Bearer $TOKEN",
        "curl -u username:password https://x", "curl --user ${USER}:${PASS} https://x",
        "https://<user>:<password>@host/path", "postgres://user:${DB_PASS}@localhost/db",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        '"integrity": "sha512-dWe4nWO/ruEOY7HkUJ5gFt1DCFV9zPRoJr8pV0/ASQermOZjtq8jMjOprC0Kd10GLN"',
        "commit 1c9bf1f6d9e0a5f3a7f8c8b1f7d2e3c4b5a69788", "max_tokens=4096",
        "input_token_count: 128000", "next_page_token: CAoQAA3Xn2k1ZzQ0YWJjZGVmZw",
        "csrf-token=Mj2qykJO5rELyHgezQ69nzUX0i3OH67V7", 'public_key: "9Cnzj4p4WGeKLs1Pt8QuKUpRKf"',
        "cache_key: 5d41402abc4b2a76b9719d911017c592", 'secret_name = "prod/db/password1"',
        "kms_key_id = arn:aws:kms:us-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        'author: "jane_doe_2024"', "token = await getToken(user123);", "chatcmpl-9aBcDeFgHiJkLmNoP",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQ",
        "order number 123-456-789", "ISBN 978-3-16-148410-0", "call 12345678 times",
        "12 345 678 people live there", "at 2024-03-14 10:30:00 the call ended",
        '"Headphones": "6992792935"', "contact id 1234567", "mac os 10.15.7", "S1234567 batch",
        "The mobile app has 5000000 downloads", "timestamp 1700000000 1700000000000",
        "GB123456789012", "+2024-03-14 10:30 changed", "12345678A is no DNI", "987-65-4321",
        "call the function with 1000000 iterations", "version 1.2.3.4 build 20240101.1",
    ],
)  # fmt: skip
def test_placeholders_hashes_identifiers_and_prose_are_left_alone(text):
    assert _found(text, _USUAL) == []


def test_names_of_others_are_known_and_every_name_of_ours_has_a_group():
    assert group("CREDIT_CARD") == group("CARD") == "CARD"
    assert group("EMAIL_ADDRESS") == "EMAIL"
    assert group("US_DRIVER_LICENSE") == "DRIVER_LICENSE"
    assert group("GITHUB_FINE_PAT") == group("password") == group("DB_URL") == "SECRET"
    assert group("PERSON") is None
    assert group("LOCATION") is None
    assert [name for name in NAMES if group(name) is None] == []
