# SPDX-License-Identifier: Apache-2.0
"""Made-up secrets by the thousand, each one of a kind, so that a find says where it was planted.

None was ever issued. They are drawn from a seeded generator and never stand in this file.
"""

from __future__ import annotations

import base64
import json
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

_WORD = string.ascii_lowercase + string.digits
_KEY = string.ascii_letters + string.digits
_B64URL = _KEY + "-_"
_UPPER = string.ascii_uppercase + string.digits


@dataclass(frozen=True)
class Secret:
    """One made-up secret.

    Attributes:
        text: As it is written, with the words around it that make it one.
        needle: The part that must be nowhere.
    """

    text: str
    needle: str


Maker = Callable[[random.Random], Secret]


def _some(r: random.Random, alphabet: str, length: int) -> str:
    return "".join(r.choices(alphabet, k=length))


def _mixed(r: random.Random, length: int) -> str:
    """Letters of both cases and digits for certain: what a generator of keys would give."""
    return _some(r, "bcdfghjk", 2) + _some(r, "QXZ", 1) + "7" + _some(r, _KEY, length - 4)


def _digits(r: random.Random, length: int) -> str:
    return _some(r, string.digits, length)


def luhn(payload: str) -> str:
    """The digits with their check digit."""
    total = 0
    for place, digit in enumerate(reversed(payload)):
        value = int(digit) * (1 if place % 2 else 2)
        total += value - 9 if value > 9 else value
    return payload + str(-total % 10)


def card_digits(r: random.Random) -> str:
    """A Visa number of 16 digits."""
    return luhn("4" + _digits(r, 14))


def _email(r: random.Random) -> Secret:
    local = f"{_some(r, string.ascii_lowercase, 4)}.{_some(r, _WORD, 6)}"
    return Secret(f"{local}@north-{_some(r, _WORD, 3)}.com", local)


def _ssn(r: random.Random) -> Secret:
    text = f"{r.randint(100, 665)}-{r.randint(10, 99)}-{r.randint(1000, 9999)}"
    return Secret(text, text)


def _card(r: random.Random) -> Secret:
    number = card_digits(r)
    text = " ".join(number[at : at + 4] for at in range(0, 16, 4))
    return Secret(text, text[2:])


def _card_plain(r: random.Random) -> Secret:
    number = card_digits(r)
    return Secret(f"card {number}", number[1:])


def _phone(r: random.Random) -> Secret:
    text = f"+44 20 7{_digits(r, 3)} {_digits(r, 4)}"
    return Secret(text, text[4:])


def _phone_us(r: random.Random) -> Secret:
    tail = f"{r.randint(200, 899)}-{r.randint(1000, 9999)}"
    return Secret(f"(212) {tail}", f"12) {tail}")


def _iban(r: random.Random) -> Secret:
    body = "37040044" + _digits(r, 10)
    check = 98 - int(body + "131400") % 97
    return Secret(f"DE{check:02}{body}", body[4:])


def _passport(r: random.Random) -> Secret:
    number = f"C{_digits(r, 8)}"  # a capital: nine digits alone may stand in an id by chance
    return Secret(f"passport number {number}", number)


def _licence(r: random.Random) -> Secret:
    number = f"D{_digits(r, 7)}"
    return Secret(f"California driver license number {number}", number)


def _birth(r: random.Random) -> Secret:
    date = f"19{r.randint(10, 99)}-{r.randint(1, 12):02}-{r.randint(1, 28):02}"
    return Secret(f"date of birth: {date}", date)


def _dni(r: random.Random) -> Secret:
    number = r.randint(10_000_000, 99_999_999)
    text = f"{number}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"
    return Secret(f"DNI {text}", text)


def _cpf(r: random.Random) -> Secret:
    digits = [int(digit) for digit in _digits(r, 9)]
    for length in (10, 11):
        total = sum(d * w for d, w in zip(digits, range(length, 1, -1), strict=True))
        digits.append(total * 10 % 11 % 10)
    plain = "".join(map(str, digits))
    text = f"{plain[:3]}.{plain[3:6]}.{plain[6:9]}-{plain[9:]}"
    return Secret(f"CPF {text}", text)


def _pesel(r: random.Random) -> Secret:
    head = f"8{r.randint(0, 9)}0{r.randint(1, 9)}{r.randint(10, 28)}{_digits(r, 4)}"
    total = sum(int(d) * w for d, w in zip(head, (1, 3, 7, 9) * 3, strict=False))
    text = head + str(-total % 10)
    return Secret(f"PESEL {text}", text)


def _nir(r: random.Random) -> Secret:
    head = f"18{r.randint(0, 9)}0{r.randint(1, 9)}75{_digits(r, 6)}"
    text = f"{head}{97 - int(head) % 97:02}"
    return Secret(f"numéro de sécurité sociale {text}", text)


def _fiscal_code(r: random.Random) -> Secret:
    body = f"RSSMR{_some(r, 'ABCDEFG', 1)}{r.randint(10, 99)}A{r.randint(10, 31)}H{_digits(r, 3)}"
    odd = "BAKPLCQDREVOSFTGUHMINJWZYX"
    values = [int(c) if c.isdigit() else ord(c) - 65 for c in body]
    total = sum(odd.index(chr(65 + v)) if not at % 2 else v for at, v in enumerate(values))
    text = body + chr(65 + total % 26)
    return Secret(f"codice fiscale {text}", text)


def _nhs(r: random.Random) -> Secret:
    while True:
        head = "4" + _digits(r, 8)
        check = 11 - sum(int(d) * w for d, w in zip(head, range(10, 1, -1), strict=True)) % 11
        if check != 10:
            text = head + str(check % 11)
            return Secret(f"NHS number {text}", text)


def _aws_id(r: random.Random) -> Secret:
    tail = _some(r, string.ascii_uppercase + "234567", 16)
    return Secret(f"AKIA{tail}", tail)


def _aws_secret(r: random.Random) -> Secret:
    tail = _mixed(r, 40)
    return Secret(f"aws_secret_access_key = {tail}", tail)


def _prefixed(head: str, length: int, alphabet: str = _KEY, tail: str = "") -> Maker:
    def make(r: random.Random) -> Secret:
        body = _mixed(r, length) if alphabet is _KEY else _some(r, alphabet, length)
        return Secret(f"{head}{body}{tail}", body[:20])

    return make


def _openai(r: random.Random) -> Secret:
    first, second = _mixed(r, 20), _mixed(r, 20)
    return Secret(f"sk-proj-{first}T3BlbkFJ{second}", first)


def _sendgrid(r: random.Random) -> Secret:
    first, second = _mixed(r, 22), _mixed(r, 43)
    return Secret(f"SG.{first}.{second}", second)


def _slack_hook(r: random.Random) -> Secret:
    tail = _mixed(r, 24)
    head = "https://hooks.slack" + ".com/services"
    return Secret(f"{head}/T{_some(r, _UPPER, 8)}/B{_some(r, _UPPER, 8)}/{tail}", tail)


def _slack(r: random.Random) -> Secret:
    tail = _mixed(r, 24)
    return Secret(f"xoxb-{_digits(r, 12)}-{_digits(r, 12)}-{tail}", tail)


def _azure(r: random.Random) -> Secret:
    tail = _mixed(r, 86)
    text = f"DefaultEndpointsProtocol=https;AccountName=shop;AccountKey={tail}=="
    return Secret(f"{text};EndpointSuffix=core.windows.net", tail[:30])


def _jwt(r: random.Random) -> Secret:
    parts = [json.dumps({"alg": "HS256", "typ": "JWT"}), json.dumps({"sub": _digits(r, 10)})]
    head = ".".join(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts)
    tail = _some(r, _KEY, 43)
    return Secret(f"{head}.{tail}", tail)


def _pem(r: random.Random) -> Secret:
    lines = ["MII" + _some(r, _KEY, 61), _some(r, _KEY, 64), _some(r, _KEY, 30)]
    kind = "RSA PRIVATE " + "KEY"
    body = "\n".join(lines)
    return Secret(f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----", lines[1][:40])


def _url(r: random.Random) -> Secret:
    password = _mixed(r, 14)
    return Secret(f"postgres://shop:{password}@db-1.internal:5432/orders", password)


def _bearer(r: random.Random) -> Secret:
    token = _mixed(r, 32)
    return Secret(f"Authorization: Bearer {token}", token)


def _basic(r: random.Random) -> Secret:
    word = _mixed(r, 14)
    token = base64.b64encode(f"deploy:{word}".encode()).decode()
    return Secret(f"Authorization: Basic {token}", token.rstrip("="))


def _password(r: random.Random) -> Secret:
    word = _mixed(r, 14)
    return Secret(f"password={word}", word)


def _json_password(r: random.Random) -> Secret:
    word = _mixed(r, 14)
    return Secret(f'{{"user": "shop", "db_password": "{word}"}}', word)


def _keyword(r: random.Random) -> Secret:
    token = _mixed(r, 40)
    return Secret(f"api_key: {token}", token)


KINDS: dict[str, Maker] = {
    "email": _email,
    "ssn": _ssn,
    "card": _card,
    "card plain": _card_plain,
    "phone": _phone,
    "phone us": _phone_us,
    "iban": _iban,
    "passport": _passport,
    "driver licence": _licence,
    "date of birth": _birth,
    "es dni": _dni,
    "br cpf": _cpf,
    "pl pesel": _pesel,
    "fr nir": _nir,
    "it codice fiscale": _fiscal_code,
    "uk nhs": _nhs,
    "aws id": _aws_id,
    "aws secret": _aws_secret,
    "azure": _azure,
    "google": _prefixed("AI" + "za", 35),
    "openai": _openai,
    "anthropic": _prefixed("sk-" + "ant-api03-", 90, tail="AA"),
    "github": _prefixed("gh" + "p_", 36),
    "gitlab": _prefixed("glp" + "at-", 20),
    "slack": _slack,
    "slack hook": _slack_hook,
    "stripe": _prefixed("sk_" + "live_", 24),
    "sendgrid": _sendgrid,
    "npm": _prefixed("np" + "m_", 36),
    "pypi": _prefixed("pypi-" + "AgEIcHlwaS5vcmc", 80),
    "huggingface": _prefixed("h" + "f_", 34, string.ascii_letters),
    "jwt": _jwt,
    "pem": _pem,
    "url": _url,
    "bearer": _bearer,
    "basic": _basic,
    "password": _password,
    "json password": _json_password,
    "keyword": _keyword,
}


def _url_encoded(text: str) -> str:
    return f"https://shop.test/next?to={quote(text, safe='')}&page=2"


def _base64(text: str) -> str:
    return "body " + base64.b64encode(f"the login is {text} as ever".encode()).decode()


def _base64url(text: str) -> str:
    encoded = base64.urlsafe_b64encode(f"the login is {text} as ever".encode()).decode()
    return f"body {encoded.rstrip('=')}"


FORMS: dict[str, Callable[[str], str]] = {
    "plain": lambda text: f"please note {text} , and go on",
    "json": lambda text: json.dumps({"to": "x", "deep": [{"note": text}]}),
    "json twice": lambda text: json.dumps(json.dumps({"note": f"see {text} there"})),
    "json escapes": lambda text: (
        '{"note": "' + "".join(f"\\u{ord(sign):04x}" for sign in text) + '"}'
    ),
    "url-encoded": _url_encoded,
    "base64": _base64,
    "base64url": _base64url,
}


class Planter:
    """Hands out secrets and remembers what must be nowhere.

    Attributes:
        needles: Name of each plant → its needle.
    """

    def __init__(self, kinds: tuple[str, ...] = tuple(KINDS)) -> None:
        self.kinds = kinds
        self.needles: dict[str, str] = {}
        self._drawn: set[str] = set()

    def plant(self, kind: str, where: str, form: str = "plain") -> str:
        """A text that carries a new secret."""
        secret = self.secret(kind, f"{where}, {form}")
        return FORMS[form](secret.text)

    def secret(self, kind: str, where: str) -> Secret:
        """A new secret, unwrapped."""
        name = f"{where}: {kind}"
        assert name not in self.needles, name
        generator = random.Random(name)
        secret = KINDS[kind](generator)
        while secret.needle in self._drawn:  # there are few dates
            secret = KINDS[kind](generator)
        self._drawn.add(secret.needle)
        self.needles[name] = secret.needle
        return secret

    def cut(self, kind: str, where: str) -> str:
        """A secret that will be cut in the middle; what comes before the cut must be nowhere."""
        secret = self.secret(kind, where)
        before = secret.text[: len(secret.text) // 2]
        self.needles[f"{where}: {kind}"] = before[secret.text.index(secret.needle) :]
        return secret.text

    def card(self, where: str) -> str:
        """The digits of a card, to be sent as a number."""
        name = f"{where}_value: card"
        self.needles[name] = card_digits(random.Random(name))
        return self.needles[name]

    def everywhere(self, where: str, forms: tuple[str, ...] = ("plain",)) -> Iterator[str]:
        """One text for every kind in each of the forms."""
        for form in forms:
            for kind in self.kinds:
                yield self.plant(kind, where, form)


__all__ = ["FORMS", "KINDS", "Planter", "Secret", "card_digits", "luhn"]
