# SPDX-License-Identifier: Apache-2.0
"""Any Python value as JSON text of bounded size, in bounded time, without raising.

The values belong to the user's program and are looked at, never used: no iterator is advanced, no
attribute computed. Only a class's own `__repr__` runs, for objects nothing better is known of.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import os
from collections.abc import Mapping
from typing import Any

MAX_TEXT = 32_768  # characters of one attribute; four pages of prose
_MAX_ITEMS = 1_000  # values looked at in one capture
_MAX_DEPTH = 8
_CUT = "…"
# Whose str() says it best; by name, because importing them all costs more than observing.
_SPOKEN = frozenset(("datetime", "decimal", "uuid", "pathlib", "fractions", "ipaddress"))
_PLAIN_REPR = (object.__repr__, type.__repr__)


_decided: bool | None = None


def decide_content(mode: str) -> None:
    """The content mode in force in this process, once `init()` or the configurator know it."""
    global _decided  # noqa: PLW0603 - the process has one
    _decided = mode != "none"


def records_content() -> bool:
    """Whether arguments and results may be recorded: unless `AGENTSTACK_CONTENT` is `none`.

    A program that configured OpenTelemetry without us has decided nothing; then the variable says.
    """
    if _decided is None:
        mode = os.environ.get("AGENTSTACK_CONTENT", "").strip().lower()
        return mode in ("", "scrubbed", "full")  # a wrong one counts as `none`
    return _decided


def to_text(value: object, limit: int = MAX_TEXT) -> str:
    """`value` as it reads best in an attribute: text as it is, anything else as compact JSON."""
    if type(value) is str:
        return clip(value, limit)
    try:
        plain = _Plain(limit).of(value, 0)
        text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        return clip(text, limit)
    except Exception:  # from the value's own methods: whatever they do, the caller must not notice
        return _name(value)


def clip(text: str, limit: int = MAX_TEXT) -> str:
    """At most `limit` characters of `text`; what is missing is shown by an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + _CUT


class _Plain:
    """One capture: a budget of values and characters shared by all that is nested in it."""

    def __init__(self, characters: int) -> None:
        self._characters = characters
        self._items = _MAX_ITEMS

    def of(self, value: object, depth: int) -> Any:
        """What `json.dumps` takes, standing for `value`."""
        self._items -= 1
        if value is None or type(value) in (bool, int, float):
            return _scalar(value)
        if type(value) is str:
            return self._text(value)
        if depth >= _MAX_DEPTH or self._items <= 0 or self._characters <= 0:
            return _CUT
        try:
            return self._structure(value, depth)
        except Exception:  # likewise: one odd value costs its own place, not its neighbours
            return _name(value)

    def _structure(self, value: object, depth: int) -> Any:
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._sequence(value, depth)
        if isinstance(value, enum.Enum):
            return self.of(value.value, depth + 1)
        fields = _fields(value)
        return self._text(_described(value)) if fields is None else self._mapping(fields, depth)

    def _text(self, text: str) -> str:
        text = clip(text, max(1, self._characters))
        self._characters -= len(text)
        return text

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, item in value.items():
            if self._items <= 0 or self._characters <= 0:
                found[_CUT] = f"{len(value)} in all"
                break
            name = key if type(key) is str else str(self.of(key, _MAX_DEPTH))
            found[self._text(name)] = self.of(item, depth + 1)
        return found

    def _sequence(self, value: Any, depth: int) -> list[Any]:
        found: list[Any] = []
        for item in value:
            if self._items <= 0 or self._characters <= 0:
                found.append(f"{_CUT} {len(value)} in all")
                break
            found.append(self.of(item, depth + 1))
        return found


def _scalar(value: Any) -> Any:
    if type(value) is float:
        return value if math.isfinite(value) else str(value)  # JSON has no NaN
    if type(value) is int and value.bit_length() > 256:
        # str() of a huge integer is quadratic, and refused above 4300 digits.
        return f"<int of {value.bit_length()} bits>"
    return value


def _fields(value: object) -> Mapping[str, Any] | None:
    """The stored fields of a dataclass or a pydantic model; nothing is computed."""
    if isinstance(value, type):
        return None
    stored = getattr(value, "__dict__", None)
    if dataclasses.is_dataclass(value):
        names = [field.name for field in dataclasses.fields(value) if field.repr]
        if isinstance(stored, dict):
            return {name: stored[name] for name in names if name in stored}
        return {name: getattr(value, name) for name in names}  # slots
    if isinstance(stored, dict) and isinstance(
        getattr(type(value), "__pydantic_fields__", None)
        or getattr(type(value), "__fields__", None),
        dict,
    ):
        return stored
    return None


def _described(value: object) -> str:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"<{type(value).__name__} of {len(value)}>"
    if type(value).__module__.partition(".")[0] in _SPOKEN:
        return str(value)
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}"
    return _name(value) if type(value).__repr__ in _PLAIN_REPR else repr(value)


def _name(value: object) -> str:
    kind = type(value)
    return f"<{kind.__module__}.{kind.__qualname__}>"
