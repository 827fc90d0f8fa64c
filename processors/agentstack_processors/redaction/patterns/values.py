# SPDX-License-Identifier: Apache-2.0
"""Is this value somebody's secret, or a word of the trade: `changeme`, `self.token`, `${PASSWORD}`?

Passwords are short and made by people: a digit, a sign or capitals in odd places give them away.
Tokens are long and drawn by machines, so that entropy decides.
"""

from __future__ import annotations

import re

from agentstack_processors.redaction import validators
from agentstack_processors.redaction.entropy import bits, is_example

_DULL = re.compile(
    r"(?i:\W*|(?:x|\*|\.|-|_|0|#|•){3,}.*|.*(?:x{4}|\*{3}|\.{3}|•{3}).*|.*example.*"
    r"|.*placeholder.*|.*redacted.*|your.*|my[_\-]?(?:pass|secret|pwd).*"
    r"|<.*|\$[{(].*|\$[a-z_][a-z_.]*[0-9]?|(?-i:\$[A-Z][A-Z0-9]*_[A-Z0-9_]*)|%\(?[a-z_]*\)?s?%?|\{.*|\[.*"
    r"|@{1,2}[a-z_]+[0-9]?@{0,2}|![a-z]{2,12}|.*fake.*|null|none|nil"
    r"|undefined|true|false|string|str|bytes|int"
    r"|required|optional|hidden|masked|filtered|(?:change|replace)[_-]?(?:me|it|this)|insert.*|enter.*"
    r"|type.*|todo|tbd|n/?a|empty|blank|default|unset|unknown|invalid|incorrect|wrong|missing"
    r"|(?:the[_\-]?|new[_\-]?|old[_\-]?|test[_\-]?|my[_\-]?|user[_\-]?|db[_\-]?|client[_\-]?"
    r"|root[_\-]?|admin[_\-]?|some[_\-]?)?(?:pass(?:word|wd|phrase)?|pwd|secret|token|key)[0-9]?s?"
    r"|os\..*|process\..*|env[:.(].*|self\..*|this\..*|getenv.*|getpass.*|config\..*"
    r"|settings\..*|args\..*|options\..*|request\..*|params\..*|secrets\..*|vars?\..*|data\..*"
    r"|input\b.*|credentials?\..*|enc\[.*|%%[a-z_0-9]+%%|arn:.*|vault:.*|op:/.*|(?:sha[0-9]{1,3}|md5):.*"
    r"|(?-i:[^0-9]*%[sd][^0-9]*)|&#?[a-z0-9]+;?.*|(?:19|20)[0-9]{2}-[01][0-9].*"
    r"|(?-i:@[a-z0-9.\-]+(?:[:/].*)?)|https?:.*|file:.*"
    r"|/(?:[a-z0-9._\-]+/)+.*|/[a-z._\-]+|\./.*|~/.*|[a-z]:\\.*|.*\.(?:py|js|ts|go|java|json"
    r"|ya?ml|txt|pem|key|crt|pub|md|html?|sh|env|cfg|ini|toml|php|pdf|png|jpe?g|gif|svg|csv|docx?|xlsx?"
    r"|pptx?|zip|gz|log|parquet|mp[34])"
    r"|.*here|(?:[a-z_]\w*(?:\.|::|->))*[a-z_]+\(.*\)\W*)\Z",
    re.DOTALL,
)
_HAS_DIGIT = re.compile(r"[0-9]")
_HAS_LETTER = re.compile(r"[A-Za-z]")
_HAS_SIGN = re.compile(r"[!@#$%^&*~?+]")
_SIGN_INSIDE = re.compile(r"[A-Za-z][!#$%^&*~?+=][A-Za-z]")
_CODE = re.compile(r"[A-Za-z_][\w]*(?:(?:\.|::|->)[A-Za-z_]\w*)+\Z")
_DOTTED = re.compile(r"[A-Z][a-z]{2,}\.[A-Za-z][a-z]{2,}[0-9]{1,4}\Z")  # `Otter.Maple42`
_IN_CODE = re.compile(r"[.:\->]+")
_WORDY = re.compile(
    r"[a-z]+(?:[_\-][a-z]+)*\Z|[a-z]+(?:[A-Z][a-z]+)+\Z|_{0,2}[A-Z][a-z]+(?:[A-Z][a-z]+)*\Z"
    r"|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\Z"
)
_WORD = re.compile(r"[A-Z]?[a-z]+")
_UNSPEAKABLE = re.compile(r"(?i:[b-df-hj-np-tv-xz]{5}|\A[b-df-hj-np-tv-xz]{4,}\Z)")
_TELLING, _END = 128, 32  # characters
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")
_PIECES = re.compile(r"[_\-.]")
_RISE = re.compile(r"[a-z](?=[A-Z])")
_TURN = re.compile(r"[0-9](?=[A-Za-z])|[A-Za-z](?=[0-9])")
# `base64-encoded`, `8-characters`: words with a number between or behind them.
_COMPOUND = re.compile(r"(?:[A-Za-z]{2,}[0-9]{0,3}|[0-9]{1,3})(?:-[a-z]{3,}){1,4}\Z")
_PHRASE = re.compile(r"[a-z]{3,12}(?:-[a-z]{3,12}){3,7}\Z")
_OF_MANUALS = re.compile(
    r"(?<![a-z])(?:pass|word|key|token|secret|enter|reset|requir|invalid|must|your|field|input|forgot|change"
    r"|valid|least|show|hide|toggle|should|label|error|confirm)"
)

_TRADE = frozenset(
    ("key", "token", "secret", "password", "value", "api", "test", "example", "sample")
)
_OF_SENTENCES = re.compile(
    r"\b(?:the|and|for|your?|with|th(?:at|is|ese|ey|eir)|must|not|are|was|can|used?|using|from|ha[sd]"
    r"|have|will|should|any|all|which|before|after|when|where|what|who|how|but|its|one|two|into|our)\b"
)


def is_dull(value: str) -> bool:
    """Whether a value is nobody's: a placeholder, a variable, a path, a word of the trade."""
    return validators.is_marker(value) or _DULL.match(value) is not None


def is_code(value: str) -> bool:
    """`self.api_token`, `std::string`; not `s.` and something that a machine drew."""
    if _CODE.match(value) is None or (
        _DOTTED.match(value) and not _OF_MANUALS.search(value.lower())
    ):
        return False
    return not any(
        len(piece) >= 14 and has_digit(piece) and _is_random(piece)
        for piece in _IN_CODE.split(value)
    )


def _is_random(piece: str) -> bool:
    return len(_TURN.findall(piece)) >= 4 or (is_shuffled(piece) and not _is_wordy(piece))


def is_made_up(value: str) -> bool:
    """Whether a token is words: `my-new-key`, `r8-not-a-real-token`, `sk-1234`."""
    if is_dull(value) or is_example(value) or len(value) < 8 or _COMPOUND.match(value):
        return True
    pieces = _PIECES.split(value)
    words = sum(len(piece) for piece in pieces if piece.isalpha() and len(piece) <= 12)
    return len(pieces) >= 3 and words >= 0.6 * sum(map(len, pieces)) and value == value.lower()


def is_names(value: str) -> bool:
    """Whether a value is words of the trade: `example-key`, `my_secret_token`."""
    words = _PIECES.split(value)
    return len(words) > 1 and not _TRADE.isdisjoint(words)


def is_strong(value: str, *, bare: bool = False) -> bool:
    """What nobody writes but as a password: needed where only a word says that it is one.

    `bare`: not even "is" stands between the word and the value.
    """
    digit, sign = has_digit(value), _HAS_SIGN.search(value)
    both = value != value.lower() and value != value.upper()
    if len(value) < 6 or not _HAS_LETTER.search(value) or _COMPOUND.match(value):
        return False
    if bare:
        return len(value) >= 8 and digit and (both or sign is not None)
    return digit or (sign is not None and both) or _is_odd(value)


def _is_odd(value: str) -> bool:
    """Without a digit: a sign between letters, or capitals where no word begins."""
    if _SIGN_INSIDE.search(value) and len(value) >= 8:
        return True
    return len(value) >= 10 and value.isalpha() and is_shuffled(value) and not _is_wordy(value)


# A name of two words and an abbreviation: `JavaScript`, `PostgreSQL`, `KeePassXC`, `GitHub`.
_NAMES = re.compile(r"(?:[A-Z]{1,4})?[A-Z]?[a-z]+(?:[A-Z][a-z]+)*[A-Z]{0,5}s?\Z|i[A-Z][a-z]+\Z")
_IN_WORDS = re.compile(r"[A-Za-z]{3,}(?:[_#!@$%&*+~?][A-Za-z]{3,})*[!#$%&*?]*\Z")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")
_TWO_WORDS = re.compile(r"[A-Z]?[a-z]{3,9}[A-Z][a-z]{3,9}\Z")


def is_odd_case(value: str) -> bool:
    """Letters and signs alone, as no word is written: `FALCONviolin`, `comet_Comet!`.

    Needed where what stands around says that a password it is.
    """
    if len(value) < 10 or value == value.lower() or value == value.upper():
        return False
    if _IN_WORDS.match(value) is None or not are_chosen(value.lower()):
        return False
    signed = not value.isalpha() and (_HAS_SIGN.search(value) is not None)
    return signed or (value.isalpha() and _NAMES.match(value) is None)


def is_two_words(value: str) -> bool:
    """Two words in one, as nobody writes who means what they say: `thunderBamboo`."""
    return _TWO_WORDS.match(value) is not None and are_chosen(_HUMP.sub(" ", value).lower())


# What a password is said to be, and what it is in other languages.
_STATES = re.compile(
    r"(?i:.*(?:encrypt|hash|text|prompt|varchar|generat|provid|random|crypt|argon|kerberos|variab"
    r"|environ|expire|disable|enable|allow|denied|deny|forbid|strong|weak|secure|correct|match"
    r"|differ|same|email|user|login|account|admin|form|string|number|function|class|type|name)"
    r"|kennwort|passwort|contrasena|wachtwoord|motdepasse|senha|parola|haslo|lozinka|salasana"
    r"|losenord|jelszo|heslo|sifre)"
)


def is_said_outright(value: str) -> bool:
    """Letters alone, in the place of a password in quotes: `hunterhunter`, not `encrypted`."""
    if len(value) < 8 or not value.isascii() or not value.isalpha() or value.isupper():
        return False
    return are_chosen(value.lower()) and _STATES.match(value) is None and not is_dull(value)


def is_mixed(value: str) -> bool:
    """Whether a value has what rules for passwords demand."""
    if _HAS_LETTER.search(value) is None:
        return has_digit(value) and len(value) >= 4 and value.isdigit()
    if has_digit(value) or _HAS_SIGN.search(value):
        return True
    return value[1:] != value[1:].lower() and len(value) >= 8 and not _is_wordy(value)


def is_phrase(value: str) -> bool:
    """Four words or more: `correct-horse-battery-staple`; not `enter-your-new-password`."""
    return _PHRASE.match(value) is not None and _OF_MANUALS.search(value) is None


def are_chosen(words: str) -> bool:
    """Whether words follow one another as in a passphrase, not as in a sentence."""
    return _OF_SENTENCES.search(words) is None and _OF_MANUALS.search(words) is None


def _is_wordy(value: str) -> bool:
    """`passwordField`, `PASSWORD_FIELD`; not `iSpZjAqKhKex`, whose words would be too short."""
    if _WORDY.match(value) is None:
        return False
    words = _WORD.findall(value)
    return value.isupper() or (
        len(value) >= 3 * len(words) and not any(map(_UNSPEAKABLE.search, words))
    )


def is_drawn(value: str) -> bool:
    """Whether a machine may have drawn a value of ten characters or more.

    Of a long one, both ends tell.
    """
    if len(value) > _TELLING:
        value = value[: _TELLING - _END] + value[-_END:]
    if len(value) < 10 or (value.islower() and not has_digit(value)):
        return False  # nothing of chance in it; said first, because it is quickly seen
    if is_made_up(value) or is_code(value):
        return False
    if is_uuid(value):
        return True
    if _WORDY.match(value):
        return False
    if not has_digit(value):
        # No digit: random only if capitals stand anywhere.
        return len(value) >= 16 and is_shuffled(value) and bits(value) >= 3.3
    return bits(value) >= (2.9 if len(value) < 24 else 3.0)


def is_tangled(value: str) -> bool:
    """Whether letters and digits change places as in no word, number or name of a thing."""
    turns = len(_TURN.findall(value)) + len(_RISE.findall(value))
    return turns >= max(4, min(8, len(value) // 6))


def is_run_of_assignments(value: str) -> bool:
    """Whether a value is such as `a=1b=2`: each of its names would be asked again."""
    return "=" in value.rstrip("=") and value.count("=") > 1


_CONTRACT = re.compile(r"0x[0-9a-fA-F]{40}\Z")


def is_contract(value: str) -> bool:
    """Whether a value is the address of a contract, which is public, whatever is called a token."""
    return _CONTRACT.match(value) is not None


_SLUG = re.compile(r"[A-Za-z]+(?:[_\-.][A-Za-z0-9]+)*\Z|[A-Za-z]{3,}[0-9]{1,3}\Z")


def is_slug(value: str) -> bool:
    """`prod-reader-2`, `token2`: the name of a thing with a number; not `Otter-68`."""
    return (
        _SLUG.match(value) is not None
        and value == value.lower()
        and ("-" in value or "_" in value or "." in value or len(value) < 8)
    )


# Standards, algorithms, models, products: their names have numbers as passwords do.
_THING = re.compile(
    r"(?i:(?:aes|sha|rsa|ecdsa|ecdh|ed|[xp](?=-?[0-9]{2})|es|hs|rs|ps|hmac|md|pbkdf|argon|bcrypt|scrypt"
    r"|kms|jwt|oauth|http|tls|utf|bip|erc|bep|eip|iso|nist|rfc|web|k(?=8s)|gpt|claude|gemini|llama|qwen|bert|transformer"
    r"|python|java|node|office|windows|iphone)[\-_ ]?v?[0-9]{1,5}[a-z]{0,5}"
    r"(?:[\-./_+][a-z0-9]{1,8}){0,3}[!)]?)\Z"
)


def is_thing(value: str) -> bool:
    """`AES-256-GCM`, `GPT-4o`, `ERC-20`: what has a number in its name."""
    return _THING.match(value) is not None


# Log-probabilities and offsets are of the pieces of a text, which are called tokens too.
_OF_A_PIECE = re.compile(
    r"[\"']\s{0,2},\s{0,12}[\"'](?:log_?prob|bytes|prob|score|start|end|offset)"
)


_PLAIN = re.compile(r"[a-z_.,:;\-]+\Z")


_MARKED = re.compile(r"[0-9!@#$%^&*~?+=]|.[A-Z]")


def is_marked(value: str) -> bool:
    """Whether anything in a value is not as in words; without, it is never strong: soon said."""
    return _MARKED.search(value) is not None


def is_plain(value: str) -> bool:
    """Whether a value is small letters alone, which are never strong: soon said."""
    return _PLAIN.match(value) is not None


def is_piece(text: str, end: int) -> bool:
    """Whether the value of a `token` that ends at `end` is a piece of a text."""
    return _OF_A_PIECE.match(text, end) is not None


_COLUMN = re.compile(r"[a-z]+(?:_[a-z]+){0,3}_(?:id|key|no|nr|num|name|at|code)[0-9]{0,2}\Z")


def is_column(value: str) -> bool:
    """`user_id2`: the name of a column."""
    return _COLUMN.match(value) is not None


_PASSED = re.compile(r"(?i:pass)(?![A-Za-z])(?!.*=)")
_TEST = re.compile(r"(?:tests?[_/.]|Test[A-Z]|Benchmark[A-Z]|Example[A-Z]|.*/.*\.[a-z]{2,4}\Z)")
_STEP = re.compile(r"(?i:passe?) #?[0-9]{1,2}(?: of [0-9]{1,2})?[ \t]{0,2}[:\-\u2013\u2014]")
_NUMBERED = re.compile(r"(?:[A-Z][a-z]+){2,}[0-9]{1,3}\Z")  # CheckStyle10
# What lets somebody in without a secret, and what goes over a text.
_OTHER_PASSES = (
    "boarding", "ski", "lift", "season", "day", "bus", "rail", "train", "press", "hall", "free",
    "weekend", "museum", "by", "sur", "over", "under", "first", "second", "third", "final",
    "single", "next", "last", "one", "two", "build", "compiler", "forward", "backward", "render",
)  # fmt: skip
_OF_A_USER = re.compile(r"(?i:user|login|e?mail|account|host|wi-?fi|ssid|server|admin|root)")


def is_passed(text: str, start: int, begin: int, value: str) -> bool:
    """Whether nothing is kept secret, but a test has passed, or passes over a text are counted.

    `start`, `begin`: where the word and the value begin: `PASS: TestLogin/…`, `pass 2: …`.
    """
    head = text[start:begin]
    if head[:4].lower() != "pass":
        return False
    if _STEP.match(head) is not None:
        return True
    if _PASSED.match(head) is None:
        return False
    before = text[max(0, start - 64) : start]
    if _TEST.match(value) is not None or before[:-1].lower().endswith(_OTHER_PASSES):
        return True
    return _NUMBERED.match(value) is not None and _OF_A_USER.search(before) is None


def is_uuid(value: str) -> bool:
    """Whether a value is nothing but a UUID."""
    return _UUID.match(value) is not None


def has_digit(value: str) -> bool:
    """Whether an ASCII digit stands in a value."""
    return _HAS_DIGIT.search(value) is not None


def is_shuffled(value: str) -> bool:
    """Whether capitals stand behind small letters more often than in any word."""
    return len(_RISE.findall(value)) >= 3
