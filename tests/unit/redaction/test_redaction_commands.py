# SPDX-License-Identifier: Apache-2.0
"""Secrets that only a program, a call or a name beside them gives away; and what is none there."""

from __future__ import annotations

import json

import pytest
from agentstack_processors.redaction import Redactor
from agentstack_processors.redaction.aliases import group
from agentstack_processors.redaction.patterns import assignments

from tests.fakes.planted_secrets import a_request, a_span

_REDACTOR = Redactor()
_PASSWORD = "Falcon" + "68#kit"
_KEY = "a8F3kL9xQ2mZ7vR4" + "tY6wB1nC5d"
_HEX = "0a1b2c3d4e5f6071" * 2


def _secrets(text: str) -> list[str]:
    found = _REDACTOR.find(text)
    assert all(group(each.type) == "SECRET" for each in found), text
    if found:  # what is found in a text has to be seen in a request, too
        for spelling in (text, json.dumps({"content": text})):
            assert _REDACTOR.suspicious(a_request(a_span(spelling)).SerializeToString()), text
    return [text[each.start : each.end] for each in found]


@pytest.mark.parametrize(
    "text",
    ["net use Z: \\\\files\\share {} /user:CORP\\bob", "net use \\\\10.0.0.5\\c$ /user:bob {}",
     "net user bob {} /add", "zip -P {} out.zip a.txt", "7z x -p{} archive.7z",
     "openssl enc -aes-256-cbc -k {} -in a", "smbclient //srv/share -U bob%{}",
     "sqlplus scott/{}@orcl", "sqlcmd -S db -U sa -P {}", "evil-winrm -i 10.0.0.3 -u bob -p '{}'",
     "mongosh --host db -u bob -p {} admin", "ipmitool -H 10.0.0.8 -U ADMIN -P {} power status",
     "secretsdump.py corp/bob:{}@10.0.0.3", "useradd -p '{}' bob", "echo 'root:{}' | chpasswd",
     "chpasswd <<< 'root:{}'", "rsync --password-file=<(echo {}) a b", "plink -pw {} bob@host",
     "xfreerdp /u:bob /p:{} /v:host", "wpa_passphrase HomeNet {}", "see the flag -p'{}' there",
     "twine upload -p {} dist/*",
     "lftp -u bob,'{}' sftp://host", "http -a bob:{} GET host/api", "AUTH default {}",
     "curl -su 'bob:{}' https://host", "snmpwalk -v3 -u bob -A {} host",
     "mariadb -u root -p'{}' shop", 'expect "assword:" {{ send "{}\\r" }}',
     "child.expect('assword:')\nchild.sendline('{}')", "htpasswd -nb bob {}"],
)  # fmt: skip
def test_a_password_among_the_arguments_of_a_command_is_found(text):
    secret = _secrets(text.format(_PASSWORD))
    assert [each.rpartition(":")[2] for each in secret] == [_PASSWORD]


@pytest.mark.parametrize(
    "text",
    ["net use Z: \\\\files\\share2", "net user bob /active:yes", "net user growth2 is up",
     "unzip -p archive2.zip a.txt", "7z x archive.7z -o/tmp/out1", "mysql -p -h db01 shop2024",
     "mongodump --host db -p 27017", "openssl x509 -noout -in cert2.pem", "ps -p 1234",
     "smbclient //srv/share2 -U bob", "sqlplus / as sysdba", "docker run -p '8080:80' x2",
     "echo v1.2.3 | tee out", "curl -k https://host2", "make -p'Release'", "cp -p file1.txt b2"],
)  # fmt: skip
def test_flags_and_paths_of_commands_are_no_passwords(text):
    assert _secrets(text) == []


@pytest.mark.parametrize("value", [_KEY, _HEX])
@pytest.mark.parametrize(
    "text",
    ['client = Client("{}")', "const c = new AcmeClient('{}');", 'acme.NewClient("{}", opts)',
     "bot = Bot('{}')"],
)  # fmt: skip
def test_the_key_that_a_client_is_given_is_found(text, value):
    assert _secrets(text.format(value)) == [value]


@pytest.mark.parametrize(
    "text",
    ['jwt.sign(payload, "{}")', "jwt.decode(t, '{}')", 'createHmac("sha256", "{}")',
     '{{"auth": ["bob", "{}"]}}', 'find(By.ID, "password").send_keys("{}")',
     "page.getByLabel('Password').fill('{}')", '<input type="password" name="pw" value="{}">',
     'DriverManager.getConnection(url, "sa", "{}");', "*:5432:app:bob:{}\n",
     "Server=db;Uid=sa;Pwd={{{}}};", 'IDENTIFIED BY "{}";'],
)  # fmt: skip
def test_a_password_in_a_call_a_form_or_a_connection_is_found(text):
    assert _secrets(text.format(_PASSWORD)) == [_PASSWORD]


@pytest.mark.parametrize(
    "text",
    ['Client("https://api.acme.example/v1")', 'Client("acme-prod-analytics-2024")',
     'Client("0f996061-dbc0-4f08-971c-' + '0123456789ab")', 'Client("localhost")',
     'storage.Client("my-project-24150912345")', 'page.fill("#name", "Bob2Smith")',
     'find(By.ID, "user").send_keys("bob42")', 'jwt.decode(token, "RS256")',
     '<input type="password" placeholder="Password1!">', '{"auth": ["oauth2", "basic"]}',
     "postgres://db:5432:5432", "password={user.password}"],
)  # fmt: skip
def test_hosts_projects_and_fields_are_no_keys(text):
    assert _secrets(text) == []


@pytest.mark.parametrize(
    "text",
    ["Login: bob / {}", "credentials for the cache: bob / {}", "Creds for grafana \u2192 admin:{}",
     "Use basic auth admin:{} there", "prod creds in the repo: app / {}",
     "Expected login with bob/{} to succeed", "log into the portal as bob and {}",
     "Zugangsdaten: admin / {}", "it is root / {}", "admin/{}"],
)  # fmt: skip
def test_the_second_of_a_pair_is_a_password(text):
    assert _secrets(text.format(_PASSWORD)) == [_PASSWORD]


@pytest.mark.parametrize(
    "text",
    ["admin / viewer / editor-v2", "login / logout", "/home/admin/Photos2024", "root/src/Main2",
     "login: 2026-03-14 10:22", "credentials / tokens / keys v2", "admin/users/1042"],
)  # fmt: skip
def test_roles_paths_and_choices_are_no_pairs(text):
    assert _secrets(text) == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [("my PIN is {}", "4821"), ("The door PIN is {}.", "081679"), ("PIN: {}", "4821"),
     ("your one-time code is {}", "578187"), ("OTP: {}", "578187"),
     ("verification code for the login: {}", "578187"),
     ("My recovery code is {}", "Yo7RTOV3duk7"), ("try the password {} instead", "river60341"),
     ("enter password {} at the prompt", "marble6024"),
     ("use {} as password when it asks", "FALCON" + "violin"),
     ("unlock it with {} (that's the vault password)", _PASSWORD),
     ("bob uses {} as his password", _PASSWORD),
     ("the root password got reset, it's {} now", _PASSWORD),
     ("the password has been reset to {}", _PASSWORD),
     ("the root pw for the cache is {}", _PASSWORD),
     ("the password is still {}", _PASSWORD), ("the old password ({}) is void", _PASSWORD),
     ("I set it to {} (the wifi password)", _PASSWORD),
     ("bob has the password {}", "marble1852"),
     ("ssh bob@host, password {}", "river-comet-7786"), ("the code for the alarm is {}", "9558"),
     ("pin for the safe: {}", "096217"), ("le mdp du wifi est {}", _PASSWORD),
     ("mon mot de passe c'est {}", _PASSWORD),
     ("the vault's passphrase is {}", "rocket-lantern-river-tiger"),
     ("my password's {} by the way", _PASSWORD),
     ("password for the user account is {}", _PASSWORD),
     ('The passphrase for the key is "{}"', "river winter velvet orchid"),
     ("Mein Kennwort ist {}", "EjmjIM" + "KlaramqZ"), ("Login: root / {}", "comet" + "_Comet!"),
     ("user=root\npassword={}", "amber" + "rocket"), ("Login: sa\nPass: {}", "marble" + "Violin"),
     ('String password = "{}";', "copper" + "winter"),
     ('SESSION_SECRET="{}"', "copper-saddle-winter-violin"),
     ("could not authenticate with key {}", _KEY), ("the encryption key is {}", _HEX * 2),
     ("GET /weather?q=Paris&appid={}", _HEX)],
)  # fmt: skip
def test_what_is_told_by_a_verb_a_code_or_a_neighbour_is_found(text, secret):
    assert _secrets(text.format(secret)) == [secret]


@pytest.mark.parametrize(
    "text",
    ["PIN 13 is connected to GND", "LED_PIN = 1313", "pin: GPIO17", "PIN code: 560001",
     "the code is 4711", "error code: 4012", "promo code SPRING2025", "pin 4821 of the plug",
     "use password manager2 for this", "use HS256 as the algorithm", "enter password twice",
     "password: readInput,", "password = 'encrypted'", "user: bob\npassword: required",
     "password_hash: argon2id", "password_policy: NIST800-63B", "pass: GPT4All",
     "first pass: Llama3-8B", "pass: CheckStyle10", "PASS src/Login2.test.tsx",
     "pass --release2 to it", "ski pass: 3-Day2026", "the code for the map is 4711", "code of 2026",
     "user,pass,fail\nsuite1,Login2Page#3,0", "private key is P-256", "existingSecret: app-db-2024",
     "| password | VARCHAR2(30) |", "password = 'kennwort'", "type: string\npassword: string"],
)  # fmt: skip
def test_pins_of_plugs_states_and_products_are_no_secrets(text):
    assert _secrets(text) == []


def test_cells_that_hyphens_and_signs_are_in_are_found_whole():
    rows = ("river-tiger-5556", "River6431*", "**bold#68Kit**")
    text = "user,password\n" + "".join(f"bob,{row}\n" for row in rows)
    assert _secrets(text) == ["river-tiger-5556", "River6431*", "bold#68Kit"]


def test_sql_that_names_no_columns_keeps_the_one_cell_that_is_a_password():
    sql = f"INSERT INTO users VALUES (1, 'bob', 'Bob Smith', '{_PASSWORD}'), (2, 'eve2', 'x-2');"
    assert _secrets(sql) == [_PASSWORD]
    assert _secrets(sql.replace("users", "products")) == []
    assert _secrets(f"INSERT INTO users VALUES ('{_PASSWORD}', '{_PASSWORD}x')") == []


@pytest.mark.parametrize("scheme", ["postgres", "https"])
def test_the_sign_before_the_host_may_stand_in_the_password(scheme):
    secret = "P@ss" + "w0rd@77"
    found = _secrets(f"{scheme}://app:{secret}@db.internal/shop")
    assert len(found) == 1
    assert secret in found[0]


def test_each_of_many_passwords_below_one_another_is_found():
    lines = [f"password: {_PASSWORD}{index}" for index in range(60)]
    assert _secrets("\n".join(lines)) == [f"{_PASSWORD}{index}" for index in range(60)]
    tokens = [f"api_token={_KEY}{index}" for index in range(60)]
    assert _secrets(" ".join(tokens)) == [f"{_KEY}{index}" for index in range(60)]


def test_names_inside_a_value_are_weighed_a_few_times_only(monkeypatch):
    weighed = []
    monkeypatch.setattr(assignments, "_is_password", lambda *_: weighed.append(1) or 0)
    _REDACTOR.find("pwd:" * 4000)
    assert 16 < len(weighed) < 400
