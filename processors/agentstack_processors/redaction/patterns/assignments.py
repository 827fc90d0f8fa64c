# SPDX-License-Identifier: Apache-2.0
"""`PASSWORD=hunter2` and its relatives: in prose, environment files, shells, YAML, code, queries.

A name that says "secret", a sign that gives it a value, and a value that looks like one. Passwords
are short and made by people, so that the sign has to be close and the value must not be a word of
code; tokens are long and drawn by machines, so that entropy decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from agentstack_processors.redaction import validators
from agentstack_processors.redaction.entropy import bits, is_example

if TYPE_CHECKING:
    from agentstack_processors.redaction.patterns.row import Pattern, Span
    from agentstack_processors.redaction.reading import Reading

# What stands between a name and its value: `=`, `:`, `=>`, `:=`, `<-`, `>…<`, `, "`, ` is `, a
# space before a quote, or only a space.
_SIGN = (
    r"(?:[\"'`\])]{0,3}(?:</[a-z]{1,12}>\s{0,8}<[a-z]{1,12}>|[ \t]{0,4}"
    r"(?:(?::?[ \t]{1,2}|:)(?:string|String|str|STRING)[ \t]{0,2}=|=>|:{1,3}=|[?.+]=|->|<-|\|\|"
    r"|={1,3}|:"
    r"|,(?=[ \t]{0,4}[\"'`])|>)|[ \t]{1,4}value=)"
    r"|[ \t]{1,4}(?i:(?:is|was)(?: now| set to|:)?|to|set to)[ \t]|[ \t]{1,2}(?=\S))\s{0,8}"
)
# The rest of the name, the sign, a quote perhaps, the value.
PASSWORD = re.compile(
    r"(?i:passw(?:or)?ds?|passwort|passphrase|passcode|pwd|pass)"
    r"(?![_\- ]?(?i:chang|length|min|max|field|reset|polic|expir|count|hint|url|file|path|type|date"
    r"|updat|creat|last|hash|valid|encrypt|requir|strength|prompt|label|input|manag))"
    rf"(?:[_\-]?[A-Za-z0-9]{{1,12}}){{0,2}}(?![A-Za-z0-9])(?P<sign>{_SIGN})"
    r"(?:[\"'`]([^\"'`\n]{4,128})[\"'`]|([^\s\"'`,;<>{}()\[\]|]{4,128}))"
)
TOKEN = re.compile(
    r"(?i:secret|token|key|auth|cred)[A-Za-z0-9]{0,12}(?:[_.\-][A-Za-z0-9]{1,20}){0,4}"
    r"(?![A-Za-z0-9_])"
    rf"(?:[ \t]{{1,2}}(?i:key|token|secret|value|number|id))?(?P<sign>{_SIGN})"
    r"[\"'`=]{0,3}(?:(?i:bearer|token|basic)[ \t])?"
    r"(?P<value>[A-Za-z0-9_\-.~+/=%]{10,512})(?![A-Za-z0-9(\[])"
)
_CALL = re.compile(r"\([ \t\n]{0,8}[\"'`][A-Za-z0-9_.\-]{0,48}\Z")
_COMMA_NAMES = ("password", "passwd", "pwd", "token", "secret", "key", "pass", "credential")
_SPOKEN = re.compile(r"(?i:[ \t](?:is|was|to|now|is:)\s*)\Z")
_FLAG = re.compile(r"(?:\A|\s)--?[A-Za-z0-9\-]{0,20}\Z")
_DOCKER = re.compile(r"(?:\A|\n)[ \t]*(?:ENV|ARG|setx|setenv)[ \t]+[A-Za-z0-9_\-]{0,40}\Z")
_NEXT_PARAMETER = re.compile(r"&(?=[A-Za-z_][A-Za-z0-9_.\-]{0,40}=)")
_END_OF_NAME = re.compile(r"[^A-Za-z0-9_.\-]")
_NAME = re.compile(r"[A-Za-z0-9_.\-]{0,48}\Z")
_REACH = 80  # characters from the word to its value
_SPACED_NAME = re.compile(
    r"(?:(?i:api|access|secret|private|auth|account|license|client"
    r"|service) )?[A-Za-z0-9_.\-]{0,48}\Z"
)
_NOT_WORD = re.compile(r"[-. ]+")
_NAME_ON = re.compile(r"[A-Za-z0-9_.\-]{0,64}(?: (?:key|token|secret))?")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# The name ends in one of these…
_SECRET_NAME = re.compile(
    r"(?:token|secret|api_?key|apikey|private_?key|secret_?key|access_?key|auth_?key|signing_?key"
    r"|encryption_?key|account_?key|master_?key|service_?key|app_?key|license_?key|storage_?key"
    r"|subscription_?key|deploy_?key|shared_?key|client_?key|session_?key|auth|authorization"
    r"|credentials?|creds"
    r"|_key|api|pat|key_?base|hmac_?key|token_?secret|access_?key_?id|api_?token|client_?secret)s?"
    r"(?:_?(?:value|prod|production|dev|test|staging|live|v?[0-9]|base|raw|string|str))?\Z"
)
# …and in none of these: what they name is public, or no value at all.
_PUBLIC_NAME = re.compile(
    r"(?:public|pub|primary|foreign|partition|sort|cache|row|hash|index|idx|object|dict|map|group"
    r"|routing|shard|bucket|sequence|natural|composite|unique|schema|hot|short|ssh_host|host"
    r"|translation"
    r"|registry|registration|json|config|storage|local_?storage|state|i18n|prop|node|react|data"
    r"|query"
    r"|idempotency|dedup(?:lication)?|kms|kms_?master|arn|answer|metric|label|tag|field|attribute"
    r"|column|sql|item|record|entity|file|path|range|context|message|event|trace|span|lookup"
    r"|join)_?keys?\Z"
    r"|(?:next|page|previous|prev|continuation|continue|sync|cursor|cancellation|resume|pagination"
    r"|csrf|xsrf|csrf_?middleware|verification|public|device|push|lex|parser?|current|last"
    r"|first|eos|bos|pad"
    r"|unk|mask|stop|start|end|special|sep|cls|max|min|num|input|output|total|bar)_?tokens?\Z"
    r"|(?:rapid|capital|o|ra|_?the|no|non)_?auth\Z|author(?!iz)|_ids?\Z|(?:^|_)id_|count\Z"
    r"|tokens\Z|keys\Z|monkey|turkey"
    r"|keyboard|keyword|tokeniz|tokenis|secretar|authentic|authorized|authority|^api\Z|_api\Z"
    r"|^auth\Z"
)
_DULL = re.compile(
    r"(?i:\W*|(?:x|\*|\.|-|_|0|#|•){3,}.*|.*(?:x{4}|\*{3}|\.{3}|•{3}).*|.*example.*"
    r"|.*placeholder.*|.*redacted.*|your.*|my[_\-]?(?:pass|secret|pwd).*"
    r"|<.*|\$[{(].*|\$[a-z_][a-z_.]*|%\(?[a-z_]*\)?s?%?|\{.*|\[.*|@[a-z_]+@?|null|none|nil"
    r"|undefined|true|false|string|str|bytes|int"
    r"|required|optional|hidden|masked|filtered|change[_-]?(?:me|it|this)|insert.*|enter.*"
    r"|type.*|todo|tbd|n/?a|empty|blank|default|unset|unknown|invalid|incorrect|wrong|missing"
    r"|(?:the[_\-]?|new[_\-]?|old[_\-]?|test[_\-]?|my[_\-]?|user[_\-]?|db[_\-]?|client[_\-]?"
    r"|root[_\-]?|admin[_\-]?|some[_\-]?)?(?:pass(?:word|wd|phrase)?|pwd|secret|token|key)[0-9]?s?"
    r"|os\..*|process\..*|env[:.(].*|self\..*|this\..*|getenv.*|getpass.*|config\..*"
    r"|settings\..*|args\..*|options\..*|request\..*|params\..*|secrets\..*|vars?\..*|data\..*"
    r"|input\b.*|credentials?\..*"
    r"|(?-i:[^0-9]*%[sd][^0-9]*)|&#?[a-z0-9]+;?.*|(?:19|20)[0-9]{2}-[01][0-9].*"
    r"|(?-i:@[a-z0-9.\-]+(?:[:/].*)?)|https?:.*|file:.*"
    r"|/(?:[a-z0-9._\-]+/)+.*|/[a-z._\-]+|\./.*|~/.*|[a-z]:\\.*|.*\.(?:py|js|ts|go|java|json"
    r"|ya?ml|txt|pem|key|crt|pub|md|html?|sh|env|cfg|ini|toml|php)"
    r"|.*here|(?:[a-z_]\w*(?:\.|::|->))*[a-z_]+\(.*\)\W*)\Z",
    re.DOTALL,
)
_HAS_DIGIT = re.compile(r"[0-9]")
_HAS_LETTER = re.compile(r"[A-Za-z]")
_HAS_SIGN = re.compile(r"[!@#$%^&*~?+]")
_ENVIRONMENT = re.compile(r"[A-Z][A-Z0-9_]{2,}\Z")
_CODE = re.compile(r"[A-Za-z_][\w]*(?:(?:\.|::|->)[A-Za-z_]\w*)+\Z")
_WORDY = re.compile(
    r"[a-z]+(?:[_\-][a-z]+)*\Z|[a-z]+(?:[A-Z][a-z]+)+\Z|_{0,2}[A-Z][a-z]+(?:[A-Z][a-z]+)*\Z"
    r"|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z"
)
_WORD = re.compile(r"[A-Z]?[a-z]+")
_UNSPEAKABLE = re.compile(r"(?i:[b-df-hj-np-tv-xz]{5}|\A[b-df-hj-np-tv-xz]{4,}\Z)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def is_dull(value: str) -> bool:
    """Whether a value is nobody's: a placeholder, a variable, a path, a word of the trade."""
    return validators.is_marker(value) or _DULL.match(value) is not None


_PIECES = re.compile(r"[_\-.]")


def is_made_up(value: str) -> bool:
    """Whether a token is words: `my-new-key`, `r8-not-a-real-token`, `sk-1234`."""
    if is_dull(value) or is_example(value) or len(value) < 8:
        return True
    pieces = _PIECES.split(value)
    words = sum(len(piece) for piece in pieces if piece.isalpha() and len(piece) <= 12)
    return len(pieces) >= 3 and words >= 0.6 * sum(map(len, pieces)) and value == value.lower()


def passwords(pattern: Pattern, reading: Reading) -> Iterator[Span]:
    """Values given to names that end in a word for passwords."""
    text, folded = reading.text, reading.folded
    for word in reading.present(pattern.words):
        position = folded.find(word)
        while position >= 0:
            match = pattern.regex.match(text, position)
            if match is not None:
                group = 2 if match[2] is not None else 3
                end = _is_password(text, match, group)
                if end:
                    yield match.start(group), end
            position = folded.find(word, position + 1)


def _is_password(text: str, match: re.Match[str], group: int) -> int:
    """Where the password ends; 0 when there is none."""
    value, begin = match[group], match.start(group)
    head = text[match.start() : begin]
    if "," in match["sign"] and not _argument(text, match):
        return 0
    spoken = not _FLAG.search(text, max(0, match.start() - 24), match.start()) and (
        match["sign"].isspace() or _SPOKEN.search(match["sign"]) is not None
    )
    if group == 2:
        fine = " " not in value.strip() and not _dull(value) and is_mixed(value)
        return match.end(2) if fine and (not spoken or _strong(value)) else 0
    value = _NEXT_PARAMETER.split(value, maxsplit=1)[0].rstrip(".,:!?")
    end = begin + len(value)
    if len(value) < 4 or value[0] == "=" or _dull(value) or text[end : end + 1] in ("(", "[", "{"):
        return 0
    if spoken:
        return end if _strong(value, bare=match["sign"].isspace()) else 0
    return end if (is_mixed(value) and len(value) >= 5) or _settled(text, match, head, value) else 0


def _argument(text: str, match: re.Match[str]) -> bool:
    """`define("DB_PASSWORD", "…")`: the name is the first argument of a call, not one of a list."""
    before = text[max(0, match.start() - 64) : match.start()]
    named = _END_OF_NAME.split(text[match.start() : match.start("sign")], maxsplit=1)[0]
    return _CALL.search(before) is not None and named.lower().endswith(_COMMA_NAMES)


def _strong(value: str, *, bare: bool = False) -> bool:
    """What nobody writes but as a password: needed where only a word says that it is one."""
    digit, sign = _HAS_DIGIT.search(value), _HAS_SIGN.search(value)
    both = value != value.lower() and value != value.upper()
    if len(value) < 6 or not _HAS_LETTER.search(value):
        return False
    if bare:
        return len(value) >= 8 and digit is not None and (both or sign is not None)
    return digit is not None or (sign is not None and both)


def _dull(value: str) -> bool:
    return is_dull(value) or _CODE.match(value) is not None


def _settled(text: str, match: re.Match[str], head: str, value: str) -> bool:
    """`letmein`, all small: only where a shell, a file of settings or a query says so."""
    if "=" not in head or " " in head or len(value) < 5 or value.isupper():
        return False
    start = match.start()
    if text[start - 1 : start] in ("&", "?"):
        return True
    before = _NAME.search(text, max(0, start - 48), start)
    name = (before[0] if before else "") + _END_OF_NAME.split(head, maxsplit=1)[0]
    return _ENVIRONMENT.match(name) is not None


def is_mixed(value: str) -> bool:
    """Whether a value has what rules for passwords demand."""
    digit, letter = _HAS_DIGIT.search(value), _HAS_LETTER.search(value)
    if letter is None:
        return digit is not None and len(value) >= 4 and value.isdigit()
    if digit is not None or _HAS_SIGN.search(value):
        return True
    return value[1:] != value[1:].lower() and len(value) >= 8 and not _is_wordy(value)


def _is_wordy(value: str) -> bool:
    """`passwordField`, `PASSWORD_FIELD`; not `iSpZjAqKhKex`, whose words would be too short."""
    if _WORDY.match(value) is None:
        return False
    words = _WORD.findall(value)
    return value.isupper() or (
        len(value) >= 3 * len(words) and not any(map(_UNSPEAKABLE.search, words))
    )


def tokens(pattern: Pattern, reading: Reading) -> Iterator[Span]:
    """Long random values given to names that end in a word for secrets."""
    text, folded = reading.text, reading.folded
    for word in reading.present(pattern.words):
        position = folded.find(word)
        while position >= 0:
            # `tokens` are counted far more often than kept secret.
            ahead = folded[position : position + 6] != b"tokens" and reading.value_after(
                position, _REACH
            )
            match = pattern.regex.match(text, position) if ahead else None
            if match is not None and _is_token(text, match):
                yield match.span("value")
            position = folded.find(word, position + 1)


def _is_token(text: str, match: re.Match[str]) -> bool:
    start, sign = match.start(), match["sign"]
    if "," in sign and not _argument(text, match):
        return False
    before = _SPACED_NAME.search(text, max(0, start - 64), start)
    rest = _NAME_ON.match(text, start)
    name = (before[0] if before else "") + (rest[0] if rest else "")
    name = _NOT_WORD.sub("_", _CAMEL.sub("_", name)).lower().strip("_")
    if _PUBLIC_NAME.search(name) or not _SECRET_NAME.search(name):
        return False
    value = match["value"].rstrip(".=-")
    bare = sign.isspace() and text[match.start("value") - 1] not in "\"'`"
    if bare and not _FLAG.search(text, max(0, start - 24), start):
        if _DOCKER.search(text, max(0, start - 64), start):
            return _digit(value) and _drawn(value)
        return len(value) >= 20 and "/" not in value and _drawn(value) and _digit(value)
    if value.isdigit():
        return len(value) >= 15 and len(set(value)) >= 6
    return _drawn(value)


def _drawn(value: str) -> bool:
    if len(value) < 10 or is_made_up(value) or _CODE.match(value):
        return False
    if _UUID.match(value):
        return True
    if _WORDY.match(value):
        return False
    if not _HAS_DIGIT.search(value):
        # No digit: random only if capitals stand anywhere.
        return len(value) >= 16 and _shuffled(value) and bits(value) >= 3.3
    return bits(value) >= (2.9 if len(value) < 24 else 3.0)


def _digit(value: str) -> bool:
    return _HAS_DIGIT.search(value) is not None


def _shuffled(value: str) -> bool:
    return sum(a.islower() and b.isupper() for a, b in pairwise(value)) >= 3
