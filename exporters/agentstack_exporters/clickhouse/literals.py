# SPDX-License-Identifier: Apache-2.0
"""Python values as ClickHouse text: query parameters and string literals."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        "\n": "\\n",
        "\t": "\\t",
        "\r": "\\r",
        "\0": "\\0",
        "\b": "\\b",
        "\f": "\\f",
    }
)


def quoted(text: str) -> str:
    """A string literal."""
    return f"'{text.translate(_ESCAPES)}'"


def parameters(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Query parameters in the engine's escaped form."""
    return {name: parameter(value) for name, value in (values or {}).items()}


def parameter(value: Any) -> str:
    """One parameter value: str, int, float, bool, None, datetime, list, tuple or dict of these."""
    if value is None:
        return "\\N"
    if isinstance(value, str):
        return value.translate(_ESCAPES)
    if isinstance(value, Mapping | list | tuple | set | frozenset):
        return _nested(value)
    return _plain(value)


def _nested(value: Any) -> str:
    if isinstance(value, Mapping):
        pairs = (f"{_nested(key)}:{_nested(item)}" for key, item in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Sequence | set | frozenset):
        return "[" + ",".join(_nested(item) for item in value) + "]"
    return "NULL" if value is None else _plain(value)


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        moment = value.astimezone(dt.timezone.utc) if value.tzinfo else value
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(value)
