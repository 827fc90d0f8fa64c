# SPDX-License-Identifier: Apache-2.0
"""Which of many needles does a text hold? All of them in one pass, where RE2 is installed.

One substring search is cheap and fifty are not: 60 µs for 2 KB, of which RE2 (BSD licence, the
extra `fast`) makes 4. Without it each is searched for, with the same answer.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

_MEMORY = 8 << 20  # bytes RE2 may use for its automaton
_UNTRIED: Any = object()
# Without RE2 no needle is searched for whose stem is not there.
_STEMS = (
    b"pass",
    b"key",
    b"secret",
    b"token",
    b"auth",
    b"cred",
    b"hook",
    b"sess",
    b"phrase",
    b"login",
    b"pw",
    b"connect",
    b"api",
    b"mdp",
    b"fm0",
    b"n\xe9",
    b"sig",
    b"$",
    b"%",
    b"~",
    b"az",
    b"+a",
    b"-com",
)


class Needles:
    """Bytes that are looked for together in folded texts.

    Args:
        needles: What is looked for.
        fast: False: without RE2, even where it is installed.
    """

    def __init__(self, needles: Iterable[bytes], *, fast: bool = True) -> None:
        self._needles = tuple(dict.fromkeys(needles))
        groups: dict[bytes, list[bytes]] = {}
        for needle in self._needles:
            groups.setdefault(_stem(needle), []).append(needle)
        self._alone = tuple(groups.pop(b"", ()))
        self._groups = tuple((stem, tuple(rest)) for stem, rest in groups.items())
        self._set: Any = _UNTRIED if fast else None
        if fast:
            _LIVING.add(self)

    @property
    def fast(self) -> bool:
        """Whether RE2 is there: then asking for all of them is as cheap as for one."""
        if self._set is _UNTRIED:
            self._set = _compiled(self._needles)
        return self._set is not None

    def within(self, folded: bytes) -> set[bytes]:
        """Those that stand in `folded`, which ends in a quote (`folding.fold`)."""
        if self.fast:
            found = self._set.Match(folded)
            # The quote is always found; nothing means that the automaton grew too large.
            if found is not None:
                return {self._needles[index] for index in found if index < len(self._needles)}
        within = {needle for needle in self._alone if needle in folded}
        for stem, needles in self._groups:
            if stem in folded:
                within.update([each for each in needles if each == stem or each in folded])
        return within

    def start_afresh(self) -> None:
        """In a forked child: a thread of the parent may have held a lock inside the automaton."""
        if self._set is not None:
            _ABANDONED.append(self._set)  # taking it apart might want that lock
            self._set = _UNTRIED


def _stem(needle: bytes) -> bytes:
    return next((stem for stem in _STEMS if stem in needle), b"")


_LIVING: weakref.WeakSet[Needles] = weakref.WeakSet()
_ABANDONED: list[Any] = []


def _compiled(needles: Sequence[bytes]) -> Any:
    try:
        re2 = import_module("re2")  # untyped, and optional
        options = re2.Options()
        options.encoding = re2.Options.Encoding.LATIN1  # bytes are bytes
        options.never_capture = True
        options.log_errors = False
        options.max_mem = _MEMORY
        made = re2.Set.SearchSet(options)
        for needle in (*needles, b'"'):
            made.Add("".join(f"\\x{byte:02x}" for byte in needle).encode())
        made.Compile()
    except Exception:  # not installed, or not the one that is meant
        return None
    return made


def _start_afresh() -> None:
    for needles in list(_LIVING):
        needles.start_afresh()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_afresh)
