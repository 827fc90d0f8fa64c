# SPDX-License-Identifier: Apache-2.0
"""Whatever scrubbing would change is suspicious, in every field, spelling, layer and framing."""

from __future__ import annotations

import base64
import gzip
import json
from urllib.parse import quote

import pytest
from agentstack_processors.otlp.scrub import scrub_logs, scrub_traces
from agentstack_processors.redaction import Config, Redactor
from agentstack_processors.redaction.custom import Custom
from agentstack_processors.redaction.folding import fold
from agentstack_processors.redaction.patterns import NAMES, PATTERNS
from agentstack_processors.redaction.requests import RequestFilter
from agentstack_processors.redaction.scout import Scout
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.fakes.corpora import corpus
from tests.fakes.effort import times
from tests.fakes.planted_secrets import (
    LOG_FIELDS,
    SECRETS,
    TRACE_FIELDS,
    a_request,
    a_span,
    logs_with,
)

pytest.importorskip("re2")


class _OpensEverything(Redactor):
    """The oracle: scrubs each string, without asking first whether that is worth it."""

    def suspicious(self, data: bytes) -> bool:
        return True


_EVERYTHING = Config(key="test", types=tuple(sorted(NAMES)))
_ORACLE, _REDACTOR = _OpensEverything(_EVERYTHING), Redactor(_EVERYTHING)
_UNAIDED = RequestFilter(PATTERNS, _REDACTOR, scout=False)
_MORE = (
    "bob@m\u00fcller.example", "bob@\u00e9cole.fr", "bob%40example.com", "+44 (20)\u20117946 0958",
    "+1\u2009(415) 555-2671", "(555)\u2011123-4567", "1-800-555-1234", "1\u2011800-555-1234",
    "4111\u00a01111\u00a01111\u00a01111", "3782 822463 10005", "social security: 123456789",
    "tax-id 123 45 6789", "my mobile is 0171 2345678", "whatsapp\u2014555\u20111234",
    "phone: 555-1234", "Basic\tdXNlcjpwYXNzd29yZA==", "bearer\u2003abcdef1234567890xyz",
    "secret-access-key: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYzQ8vLmR2Tx'",
    '{"api-key"\n:\t"hunter2hunter2"}', "{'accessToken' : 'hunter2hunter2'}",
    '{"db.passwort":"hunter2hunter2"}', '{"set-cookie": "a=1; b=2"}', "123\u201345\u20136789",
    '"authorization" = "digest hunter2hunter2"', "ASIA" + "IOSFODNN7QRSTUV2",
    "DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432", "NHS number 943 476 5919",
    "pesel 44051401359", "born on 1984-03-12", "passport no. X1234567", "DNI 12345678Z",
    "PASSWORD=hunter2!x", "password is Hunter22!x", "-u admin:Hunter22x https://a.example",
    "postgres://bob:hunter2x@db.internal/x", "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a",
    "hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ1234567890", "call me: 06 12 34 56 78",
    "api_key: 'a8F3kL9xQ2mZ7vR4tY6w'", "?sig=" + "aB3%2FdE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5%3D",
    "192.168.17.4", "00:1a:2b:3c:4d:5e", "Cookie: a=b; session=aB3dE5fG7hI9jK1lM3nO5p",
    "PHPSESSID=q8v7n2k4m6p1r3t5w9x0y2z4", "creds: admin / Hunter22!x", "pw: Hunter22!x",
    "CREATE USER a IDENTIFIED BY 'Hunter22'", "docker login -u a -p Hunter22x reg.example",
    "seed phrase: " + "apple river stone cloud " * 3 + "end",
    'passphrase: "apple river stone cloud"',
    "- name: DB_PASSWORD\n  value: Hunter22x",
    'variable "api_key" {\n  default = "a8F3kL9xQ2mZ7v"\n}',
    '{"name": "API_TOKEN", "value": "a8F3kL9xQ2mZ7vR4"}', "**Password:** `Hunter22x`",
    "| api key | a8F3kL9xQ2mZ7vR4tY6w |", '["--api-key", "a8F3kL9xQ2mZ7v"]',
    "t.set_token('a8F3kL9xQ2m')",
    "the password for the vpn is Hunter22x", "123456789012345|aB3dE5fG7hI9jK1lM3nO5pQ7rS9",
    "1/1234567890123456:" + "0a1b2c3d" * 4, "contrase\u00f1a: Hunter22x", "wachtwoord = Hunter22x",
    "jdbc:oracle:thin:scott/Hunter22@h:1521/x", "sumo_access_id = suAb3dE5fG7hI9",
    "https://a8F3kL9xQ2mZ7vR4tY6w@git.example/a", "ACME_PAT=a8F3kL9xQ2mZ7vR4tY6w",
    'set API_TOKEN --body "a8F3kL9xQ2mZ7v"',
    'auth=("bob", "Tr0ub4dor8x")', "machine g login bob password troub4dor",
    "access_token$sandbox$" + "a1b2c3d4e5f6g7h8$" + "0a1b2c3d" * 4,
    "Private-Lines: 1\n" + "aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3" * 2,
    "the wifi password at the office is Hunter22!x", "key for acme \u2192 a8F3kL9xQ2mZ7vR4tY6w",
    "Password\nHunter22!x\n", "Mein Passwort lautet Hunter22x", "mdp : Hunter22!x",
    "use Hunter22!x as the password", "a8F3kL9xQ2mZ7vR4tY6w <- that's the token",
    "\u043f\u0430\u0440\u043e\u043b\u044c \u043e\u0442 \u0441\u0435\u0440\u0432\u0435\u0440\u0430:"
    " Hunter22!x",
    "\u6211\u7684\u5bc6\u7801\u662fHunter22!x", "cl\u00e9 API : a8F3kL9xQ2mZ7vR4tY6w",
    "\u0422\u043e\u043a\u0435\u043d: Hunter22!x", "\ube44\ubc88: Hunter22!x",
    "\u015eifrem Hunter22!x", "la tua password \u00e8 Hunter22!x",
    "votre jeton \u00e0 part : Hunter22!x",
    'JWT_SECRET="Hunter22!x"', "login('bob', 'Hunter22!x')", "[api]\nkey = 'a8F3kL9xQ2mZ7vR4tY6w'",
    "secrets:\n  mail: Hunter22!x\n", "echo 'Hunter22!x' | docker login --password-stdin",
    "name,user,password\n" + "a,b,\n" * 200 + "router,admin,Hunter22!x",
    "INSERT INTO a (b, password) VALUES ('c', 'Hunter22!x')",
    "data:\n  db: aHVudGVyaHVudGVy\n" + "# filler\n" * 80 + "kind: Secret\n",
)  # fmt: skip
_BEFORE = st.one_of(
    st.text(alphabet="abZ019 -.,:/_\"'\n\t\\(+é\u2013\u00a0J2b*@%", max_size=12),
    st.sampled_from(
        ["\\n", "\\\\n", "\\t", "\\u00e9", "\\u000a", "\\u003c", "_", "a1", "#", "%20"]
    ),
)
_AFTER = st.text(alphabet="abZ019 -.,:/_\"'\n\\é\u2013J2b*%", max_size=60)
_KNOWN = (*(text for text, _ in SECRETS.values()), *_MORE)


def _html_safe(text: str) -> str:
    escaped = json.dumps({"content": text})
    for char in "<>&'":
        escaped = escaped.replace(char, f"\\u{ord(char):04x}")
    return escaped.replace("/", "\\/")


def _gzip(text: str, mtime: int) -> str:
    return base64.b64encode(gzip.compress(text.encode(), mtime=mtime)).decode()


_LAYERS = (
    lambda text: json.dumps({"content": text}, ensure_ascii=False),
    lambda text: json.dumps([{"role": "user", "parts": [{"type": "text", "content": text}]}]),
    _html_safe,
    lambda text: "https://shop.example/?q=" + quote(text),
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: "see " + base64.urlsafe_b64encode(text.encode()).decode() + " there",
    lambda text: f'{{"blob": "{_gzip(text, 0)}"}}',
    lambda text: f'{{"blob": "{_gzip(text, 0xFFFFFFFF)}"}}',  # slashes, which JSON may escape
    lambda text: "-enc " + base64.b64encode(text.encode("utf-16-le")).decode(),
    lambda text: "hex: " + text.encode().hex(),
    lambda text: text[: len(text) // 2] + "=\r\n" + text[len(text) // 2 :],
    lambda text: json.dumps(
        [
            {"type": "text", "text": text[: len(text) // 2]},
            {"type": "text", "text": text[len(text) // 2 :]},
        ]
    ),
)


@st.composite
def _texts(draw):
    """A secret in many spellings: as it is, in JSON, in JSON in JSON, encoded, cut in two."""
    text = draw(_BEFORE) + draw(st.sampled_from(_KNOWN)) + draw(_AFTER)
    for layer in draw(st.lists(st.sampled_from(_LAYERS), max_size=2)):
        text = layer(text)
    return text


def _judge(payload: bytes, expected: bytes) -> None:
    if expected != payload:
        assert _REDACTOR.suspicious(payload)
        assert _UNAIDED.suspicious(payload)


@settings(max_examples=times(400))
@given(_texts(), st.sampled_from(sorted(TRACE_FIELDS)))
def test_a_trace_request_that_scrubbing_changes_is_suspicious(text, field):
    payload = TRACE_FIELDS[field](text).SerializeToString()
    _judge(payload, scrub_traces(payload, _ORACLE))


@settings(max_examples=times(150))
@given(_texts(), st.sampled_from(LOG_FIELDS))
def test_a_log_request_that_scrubbing_changes_is_suspicious(text, field):
    payload = logs_with(field, text).SerializeToString()
    _judge(payload, scrub_logs(payload, _ORACLE))


# Of these more is demanded than their expressions say, because their searches do; the tests above
# and below have examples of them.
_APART = {"IBAN", "SECRET", "PASSWORD"}
_CONTEXT = Scout(PATTERNS).context
_ROWS = [
    row
    for row in PATTERNS
    if row.name not in _APART and row not in _CONTEXT and "(?<=" not in row.regex.pattern
]


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: f"{row.name}-{row.regex.pattern[:12]}")
@settings(max_examples=times(4), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_the_expression_of_a_row_matches_is_a_place(row, data):
    """Whatever check digits, entropy and context say of it afterwards."""
    text = data.draw(st.from_regex(row.regex, fullmatch=True))
    text = data.draw(st.sampled_from(["", " ", "\n", "(", "é"])) + text
    found = row.regex.search(text)
    assume(found is not None)
    assume(not row.words or any(word in fold(text) for word in row.words))
    field = data.draw(st.sampled_from(["attribute", "bytes", "status", "event"]))
    payload, encoded = TRACE_FIELDS[field](text).SerializeToString(), text.encode()
    begin = payload.index(encoded)
    places = [start for start, _ in Scout([row]).places(payload)]
    assert any(begin - 8 <= place < begin + len(encoded) for place in places)


@settings(max_examples=times(150))
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["api", "private", "license", "functions", "key", "passw", "ord", "ort", "secret"]
            ),
            st.sampled_from(["token", "authorization", "cookie", "s", "credential", "\u212aey"]),
            st.sampled_from([".", "_", "-", " ", "X", "x", "Key", "TOKEN"]),
        ),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from(["attribute key", "attribute"]),
)
def test_names_of_secrets_are_seen(parts, field):
    name = "".join(parts)
    text = name if field == "attribute key" else json.dumps({name: "hunter2hunter2"})
    payload = TRACE_FIELDS[field](text).SerializeToString()
    _judge(payload, scrub_traces(payload, _ORACLE))


@given(st.binary(max_size=400))
def test_arbitrary_bytes_have_an_answer(data):
    assert _REDACTOR.suspicious(data) in (True, False)


@settings(max_examples=times(20))
@given(st.lists(_texts(), min_size=10, max_size=30), st.integers(0, 29))
def test_a_secret_among_many_places_that_hold_none_is_found(texts, at):
    decoys = ["className", "@a.b", "phone and mobile", "2020\u20132024", "+12345678x", "sk-" * 9]
    for index in range(500):
        texts.insert(at % (len(texts) + 1), decoys[index % len(decoys)])
    payload = TRACE_FIELDS["attribute"]("\n".join(texts)).SerializeToString()
    _judge(payload, scrub_traces(payload, _ORACLE))


@given(
    st.sampled_from([4111111111111111, 378282246310005, 123456789, 4155552671, 5919, 943476591]),
    st.sampled_from(["customer.card", "user.ssn", "phone", "contact.phoneNumber", "count", "ssn"]),
    st.sampled_from(["int", "double", "array", "map"]),
)
def test_numbers_that_are_somebodys_are_seen_and_replaced(number, key, kind):
    span, value = a_span(), AnyValue(int_value=number)
    if kind == "double":
        value = AnyValue(double_value=float(number))
    attribute = KeyValue(key=key, value=value)
    if kind == "array":
        attribute = KeyValue(key=key)
        attribute.value.array_value.values.extend([AnyValue(int_value=7)] * 30 + [value])
    elif kind == "map":
        inner, attribute = attribute, KeyValue(key="order")
        attribute.value.kvlist_value.values.append(inner)
    span.attributes.append(attribute)
    payload = a_request(span).SerializeToString()
    scrubbed = scrub_traces(payload, _ORACLE)
    _judge(payload, scrubbed)
    named = (key in ("user.ssn", "ssn") and number == 123456789) or (
        "phone" in key and number == 4155552671
    )
    if named or number > 10**14:
        assert scrubbed != payload
    if key == "count" and number < 10**14:
        assert scrubbed == payload


@given(st.sampled_from(_KNOWN), st.data())
def test_a_secret_cut_over_the_texts_of_an_array_is_seen(text, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), min_size=1, max_size=3)))
    span, attribute = a_span(), KeyValue(key="chunks")
    for low, high in zip([0, *cuts], [*cuts, len(text)], strict=True):
        attribute.value.array_value.values.add(string_value=text[low:high])
    span.attributes.append(attribute)
    payload = a_request(span).SerializeToString()
    _judge(payload, scrub_traces(payload, _ORACLE))


_CUSTOM = (
    r"EMP-[0-9]{6}", r"(?i:case|akte)\s?#[A-Z]{2}[0-9]{4,8}", r"\b[A-Z]{3}[0-9]{5}\b",
    r"(?<![0-9])[0-9]{3}/[0-9]{5}", r"[Kk]undennr\.? ?([0-9]{5,})", r"[äöü]{2}[0-9]{4}",
)  # fmt: skip


@pytest.mark.parametrize("regex", _CUSTOM)
def test_custom_patterns_are_seen_without_literals_of_their_own(regex):
    redactor = Redactor(Config(key="test", types=("OWN",), custom=(Custom("OWN", regex),)))

    @settings(max_examples=times(25), suppress_health_check=list(HealthCheck))
    @given(_BEFORE, st.from_regex(regex), _AFTER)
    def holds(before, match, after):
        text = before + match + after
        payload = TRACE_FIELDS["attribute"](text).SerializeToString()
        assert redactor.scrub(text) == text or redactor.suspicious(payload)

    holds()


def test_a_pattern_of_which_nothing_can_be_demanded_opens_every_request():
    redactor = Redactor(Config(key="test", custom=(Custom("ODD", r"(?=[a-z]{3}!)"),)))
    assert redactor.suspicious(a_request().SerializeToString())


@pytest.mark.parametrize(
    "path",
    [
        "pii_synth/labelled.jsonl",
        "presidio_research/generated_large.jsonl",
        "taubench/benign.jsonl",
    ],
)
def test_labelled_texts_that_scrubbing_changes_are_suspicious_in_every_layer(path):
    for index, line in enumerate(corpus(path)):
        text = str(line["text"])[:4000]
        layer = (str, *_LAYERS)[index % (1 + len(_LAYERS))]
        fields = sorted(TRACE_FIELDS)
        field = "attribute" if len(text) > 200 else fields[index % len(fields)]
        payload = TRACE_FIELDS[field](layer(text)).SerializeToString()
        if scrub_traces(payload, _ORACLE) != payload:
            assert _REDACTOR.suspicious(payload), f"line {index} of {path}"
        if index == 1500:
            break
