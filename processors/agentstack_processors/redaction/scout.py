# SPDX-License-Identifier: Apache-2.0
r"""Where in a request to look at all, by one pass of RE2 over its bytes.

One substring search is cheap and thirty-five of them are not: 7 µs for a span of 1 KB. RE2 asks
all of them at once in 1.6 µs, and can ask for what stands around a needle too. What it says is
never the answer: `requests.RequestFilter` judges the places it names with the very code that
otherwise reads everything. So a place too many costs time, and one too few would cost a secret:
every expression here is a necessary condition of the row it stands for.

RE2 (BSD licence) comes with the server; without it the filter reads everything itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from typing import Any

# What may stand before the first digit of a number: no letter or digit, unless that is the length
# of the string (a byte after a tag) or the end of an escape.
_FREE = (
    r"(?:\A|[^0-9A-Za-z_]|[\n\x12\x1a\x22*:b][\x80-\xff]{0,4}[0-9A-Za-z_]"
    r"|\\[bfnrt]|\\u[0-9a-fA-F]{4})"
)
_SPACE = r"\s\x0b\x1c-\x1f\x80-\xff"  # in bytes
# needle → what the bytes around it must look like. Letters of any case, where needles are folded.
_AROUND: Mapping[bytes, str] = {
    b"eyJ": r"eyJ[A-Za-z0-9_\-]{8}",
    b"sk-": r"sk-[A-Za-z0-9_\-]{16}",
    b"AKIA": r"AKIA[A-Z0-9]{16}",
    b"ASIA": r"ASIA[A-Z0-9]{16}",
    b"@": r"@(?:[A-Za-z0-9]|[\xc3-\xc9][\x80-\xbf]|\\+u0[0-2])"
    r"(?:[A-Za-z0-9\-]|[\xc3-\xc9][\x80-\xbf]){0,62}(?:\.|\\+u0[0-2])",
    b"+": r"\+[1-9][0-9 ().\-/\x80-\xff]{0,7}(?:[0-9 ().\-/\x80-\xff]{7}|\\+u(?:00[aA]|20|22))",
    b"secret": r"(?i:secret[_ \-]{0,2}(?:access[_ \-]{0,2})?key)[\x22':=\\" + _SPACE + "]",
    b"authorization": r"(?i:authorization)[\x22':=\\" + _SPACE + "]",
    b"bearer": rf"(?i:bearer)(?:[{_SPACE}]{{1,12}}[A-Za-z0-9\-._~+/\\]{{12}}|[{_SPACE}]{{0,12}}\\)",
    b"basic": rf"(?i:basic)(?:[{_SPACE}]{{1,12}}[A-Za-z0-9+/\\]{{8}}|[{_SPACE}]{{0,12}}\\)",
    b"0" * 13: _FREE + r"[2-6][0-9]{12}",
    b"0000-0000-0000-0": _FREE + r"[2-6][0-9]{3}(?:[ \-.][0-9]{4}){2}[ \-.][0-9]",
    b"0000-000000-0000": _FREE + r"[2-6][0-9]{3}[ \-.][0-9]{6}[ \-.][0-9]{4}",
    b"000-00-0000": _FREE + r"[0-8][0-9]{2}-[0-9]{2}-[0-9]{4}",
    b"000-000-0000": _FREE + r"[2-9][0-9]{2}[\-.][0-9]{3}[\-.][0-9]{4}",
    b"(000)": r"\([2-9][0-9]{2}\)[ \-.\x80-\xff]{0,6}(?:[0-9]{3}|\\)",
}
# The last word of a secret's name (keys._ENDING), closed as an attribute's key (a value follows,
# field 2) or as a key in JSON.
_NAMES = (
    r"(?i:(?:api|private|secret|access|signing|encryption|license|account|subscription|functions)"
    r"[_\- ]?key|passw(?:or)?d|passwort|passphrase|secret|token|authorization|cookies?"
    r"|credentials?)(?:\x12|\\*[\x22'](?:[nrtbf\\" + _SPACE + r"]|u[0-9a-fA-F]{4}){0,24}[:=])"
)
# Escapes and separators beyond ASCII behind which needles hide, as `requests` looks for them.
_HIDING = (
    r"\\u00(?:2[0-57-9a-fA-F]|3[0-9abdfABDF]|[4-7aA])|[0-9]\\+u20[0-2]"
    r"|[0-9)+](?:\xc2\xa0|\xe2\x80[\x89-\x95\xaf]|\xe2\x88\x92)"
)
_FOLDED = {"0": "[0-9]", "-": r"[ \-._?\xa0]", '"': r"[\x22'\\\x00-\x1f]"}
_REACH = 32  # no needle begins further behind the begin of a place, if not within it
_MEMORY = 16 << 20  # bytes RE2 may use for its automaton; ordinary traffic needs less than one


class Scout:
    """Names the places of a request that are worth a look.

    Args:
        literals: Needles as they stand in the bytes.
        folded: Needles in the folded bytes.
    """

    def __init__(self, literals: Iterable[bytes], folded: Iterable[bytes]) -> None:
        asked = [*(_AROUND.get(needle) or _plain(needle) for needle in literals)]
        asked += (_AROUND.get(needle) or _unfolded(needle) for needle in folded)
        self._regex = "|".join((*asked, _NAMES, _HIDING))

    @property
    def ready(self) -> bool:
        """Whether RE2 is installed."""
        return _compiled(self._regex) is not None

    def places(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Where a needle that matters may begin, as (first, behind the last) offset, ascending."""
        search = _compiled(self._regex).search
        match = search(data)
        while match is not None:
            start, end = match.span()
            yield start, max(end, start + _REACH)
            match = search(data, start + 1)  # another may begin within this one


def _plain(needle: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in needle)


def _unfolded(needle: bytes) -> str:
    """Every spelling that folds to `needle`."""
    return "(?i:" + "".join(_FOLDED.get(char, char) for char in needle.decode("latin-1")) + ")"


@lru_cache
def _compiled(regex: str) -> Any:
    """The expression, compiled once in each process; None without RE2."""
    try:
        re2 = import_module("re2")  # untyped, and only loaded where requests are judged
    except ImportError:
        return None
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes are bytes
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(regex.encode("latin-1"), options)


def _start_afresh() -> None:
    """In a forked child: a thread of the parent may have held a lock inside the automaton."""
    if _compiled.cache_info().currsize:
        _compiled.cache_clear()
        purge = getattr(sys.modules.get("re2"), "purge", None)
        if purge is not None:
            purge()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_afresh)
