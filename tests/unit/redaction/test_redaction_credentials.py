# SPDX-License-Identifier: Apache-2.0
"""Every provider's form in every surrounding, what only a name gives away, and what is neither."""

from __future__ import annotations

import random
import string

import pytest
from agentstack_processors.redaction import Config, Redactor, entropy
from agentstack_processors.redaction.patterns import nobodys

from tests.fakes.credential_forms import AROUND, FORMS, GIVEN, NAMED, Drawn

_REDACTOR = Redactor()


def _covered(text: str, value: str) -> bool:
    """Whether four fifths of a value are found."""
    start = text.index(value)
    found = {at for find in _REDACTOR.find(text) for at in range(find.start, find.end)}
    return len(found & set(range(start, start + len(value)))) >= 0.8 * len(value)


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_known_wherever_it_stands(name):
    drawn = Drawn()
    missed = []
    for around in AROUND:
        for _ in range(4):
            value = drawn.value(FORMS[name])
            text = around.format(value)
            if not _covered(text, value):
                missed.append(text)
    assert len(missed) <= 1, missed  # chance: a token may look like words


def test_what_has_no_form_is_known_by_the_name_that_gives_it():
    drawn = Drawn()
    missed, count = [], 0
    for service, form in NAMED.items():
        for given in GIVEN:
            value = drawn.value(form)
            text = given.format(i=service, I=service.upper(), s=value)
            count += 1
            if not _covered(text, value):
                missed.append(text)
    assert count > 1200
    assert len(missed) <= count / 100, missed


@pytest.mark.parametrize("password", ["Tr0ub4dor8x", "coffee$Window!", "iSpZjAqKhKex"])
@pytest.mark.parametrize(
    "around",
    [
        "- name: DB_PASSWORD\n  value: {}", '{{"name": "DB_PASSWORD", "value": "{}"}}',
        "password: |\n  {}", 'variable "db_password" {{\n  default = "{}"\n}}', "**Password:** {}",
        "**Password:** `{}`", "CREATE USER a IDENTIFIED BY '{}';", "contraseña: {}",
        "mot de passe : {}", "senha: {}", "wachtwoord: {}", "jdbc:oracle:thin:scott/{}@//h:1521/x",
        "docker login -u bob -p {} reg.example", "credentials: admin / {}", "pw: {}",
        "here are the creds: admin:{}",
    ],
)  # fmt: skip
def test_passwords_are_found_however_they_are_given(around, password):
    assert _covered(around.format(password), password)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("the password for the vpn is Tr0ub4dor8x", "Tr0ub4dor8x"),
        ("the new root password will be Tr0ub4dor8x.", "Tr0ub4dor8x"),
        ("password: correct-horse-battery-staple", "correct-horse-battery-staple"),
        ('passphrase: "correct horse battery staple"', "correct horse battery staple"),
        ("seed phrase: " + "apple river stone cloud " * 3 + "\n", "apple river stone cloud"),
        ("Cookie: a=b; session=aB3dE5fG7hI9jK1lM3nO5p", "aB3dE5fG7hI9jK1lM3nO5p"),
        ("PHPSESSID=q8v7n2k4m6p1r3t5w9x0y2z4", "q8v7n2k4m6p1r3t5w9x0y2z4"),
        ("https://" + "a8F3kL9xQ2mZ7vR4tY6w" + "@github.com/a/b.git", "a8F3kL9xQ2mZ7vR4tY6w"),
        ('gh secret set ACME_TOKEN --body "a8F3kL9xQ2mZ7v"', "a8F3kL9xQ2mZ7v"),
        ("ACME_PAT=a8F3kL9xQ2mZ7vR4tY6w", "a8F3kL9xQ2mZ7vR4tY6w"),
        ('get(url, auth=("bob", "Tr0ub4dor8x"))', "Tr0ub4dor8x"),
        ("machine git.example login bob password troub4dor", "troub4dor"),
        ('"auth": "Ym9iOlNlY3IzdFB3OTk5"', "Ym9iOlNlY3IzdFB3OTk5"),
        ("Private-Lines: 1\n" + "aB3dE5fG7hI9jK1lM3nO" * 3, "aB3dE5fG7hI9jK1lM3nO" * 3),
    ],
)
def test_what_people_and_programs_say_of_their_secrets(text, value):
    assert _covered(text, value)


def test_a_value_is_replaced_to_its_end_however_long():
    value = Drawn().value("{3000b}")
    assert value[-9:] not in _REDACTOR.scrub(f"AWS_SESSION_TOKEN={value} and")


_NAMES = ("API_KEY", "token", "secret", "password", "client_secret", "accessToken", "passwd")
_NOBODYS = (
    "<YOUR_KEY>", "${ACME_KEY}", "$ACME_TOKEN", "{{ acme_token }}", "${{ secrets.ACME_TOKEN }}",
    "process.env.ACME_TOKEN", "os.getenv('ACME_KEY')", "xxxxxxxxxxxxxxxx", "****************",
    "your-api-key-here", "YOUR_API_KEY", "REPLACE_ME", "changeme", "placeholder", "example-key",
    "null", "TODO", "sk-...", "my-secret-token", "/run/secrets/key", "config.get('token')",
    "self._token", "settings.api_key", "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-B",
    "vault:secret/data/app", "op://vault/item/field", "$(cat token.txt)", "await fetchToken(user)",
)  # fmt: skip
_GIVES = ('{}="{}"', "{}={}", "{}: {}", '"{}": "{}"', "--{} {}", "the {} is {}", "{} = '{}'")
_PUBLIC = (
    "commit {40h}", "request_id={8h}-{4h}-{4h}-{4h}-{12h}", "sha256:{64h}", 'ETag: "{32h}"',
    '"integrity": "sha512-{86b}=="', "golang.org/x/net v0.17.0 h1:{43b}=", "trace_id: {32h}",
    "traceparent: 00-{32h}-{16h}-01", "call_{24b}", "chatcmpl-{29b}", "msg_01{22b}",
    "toolu_01{22b}", "cus_{14b} pi_{24b}", 'public_key = "{43b}"', "csrf-token={44b}",
    "next_page_token: {32b}", "cache_key: {32h}", "primaryKey={30b}", "idempotency_key: {32h}",
    "data:image/png;base64,{200b}", "color: #{6h}", "app.{8h}.js.map", "/home/bob/.cache/pip/{52h}",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{43b} bob@h", "container {64h}", "tx 0x{64h}",
    "pod web-{9h}-{5l}", "channel C0{9u}", "https://x.com/u/status/{19d}", "6L{38s}",
    "pk_live_{24b}", "session.id = {8h}-{4h}-{4h}-{4h}-{12h}", "order #W{7d}", "VIN {17u}",
    'redis.set("token:{8h}-{4h}-{4h}-{4h}-{12h}", 1)', 'getSecret("prod/db/password{1d}")',
    '"kid": "{40h}"', 'credentialsId: "{8h}-{4h}-{4h}-{4h}-{12h}"', "issuerKeyHash={40h}",
    "Set-Cookie: lang=en-US; Path=/", "| password | string | The password, 8 chars |",
    "the token is base64-encoded", "o.keySelector=n,o.haKey=!1,a.tokenType='Bearer'",
    "max_tokens={4d} total_tokens: {4d}", "curl -i -u 'test:test' h", "s.makeKubeController = a",
    "fingerprint SHA256:{43b}", "X-Request-Id: {32h}", "arn:aws:iam::{12d}:role/TokenRole",
    "claude-3-5-sonnet-20241022 gpt-4o-2024-08-06", "xoxp-1234-1234-1234-{32h}",
    "keyVaultToStoreSecrets: cmp2-qat-{10d}", "seed: {10d}", "passphrase: a word or two you like",
    "https://user@host.example/{8l}", "SOME_PATH=/srv/{32h}", "auth=(user, password)",
    "the login page asks for a password twice{1d}",
    "s3://bucket/{8h}/{32h}.parquet", "doi:10.{4d}/{8l}", "version {1d}.{2d}.{1d} build {8d}",
)  # fmt: skip


def test_placeholders_identifiers_and_hashes_are_left_alone():
    drawn, rng = Drawn(), random.Random(5)
    texts = [give.format(name, nobody) for give in _GIVES for name in _NAMES for nobody in _NOBODYS]
    texts += [drawn.value(public) for public in _PUBLIC for _ in range(40)]
    texts += ["".join(rng.choices(string.ascii_lowercase + "    ", k=120)) for _ in range(100)]
    assert len(texts) > 3000
    hits = sorted({text for text in texts if _REDACTOR.find(text)})
    assert hits == []


def test_a_run_of_assignments_is_not_weighed_again_from_each_of_its_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    whole = nobodys.is_dull

    def counted(value: str) -> bool:
        asked.append(value)
        return whole(value)

    monkeypatch.setattr(nobodys, "is_dull", counted)
    text = "auth=1" * 2000 + " and " + "pwd=" * 2000
    assert Redactor(Config(key="k")).scrub(text) == text
    assert len(asked) < 500  # of 4,000 names, those near the end


def test_signs_inside_a_value_do_not_save_it() -> None:
    secret = "q7Zt=" + "Lw9x==" + "Vb3kR8nP=="
    assert secret not in Redactor(Config(key="k")).scrub(f"API_TOKEN={secret} next")
    assert secret not in Redactor(Config(key="k")).scrub(f"DB_PASSWORD={secret} next")


def test_the_path_of_a_file_is_no_token():
    for path in ("uploads/2024/03/report-final-v2.pdf", "exports/2024-03/Run7/table-A1.csv"):
        text = f's3_key = "{path}"'
        assert Redactor().scrub(text) == text


def test_a_run_of_prefixes_is_not_weighed_to_its_end_from_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []
    whole = entropy.is_example

    def counted(text: str) -> bool:
        asked.append(text)
        return whole(text)

    monkeypatch.setattr(entropy, "is_example", counted)
    Redactor().scrub("-fm1r_/" * 3000)
    assert len(asked) < 600


def test_a_token_behind_a_run_of_prefixes_is_found():
    token = "fm1r" + "_Zq8" + "w3RtY7uB2xK9mN4vC6sD1fG5hJ0kL8pQ3zX7aW2eT9" + "rY4"
    assert token not in Redactor().scrub("-fm1r_/" * 600 + " and then " + token)
