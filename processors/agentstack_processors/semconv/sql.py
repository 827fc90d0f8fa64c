# SPDX-License-Identifier: Apache-2.0
"""The dialect table as ClickHouse SQL, to be pasted into a migration.

`python -m agentstack_processors.semconv.sql` prints the expressions. A test holds the newest
decoding view against this output, so that the table cannot change without a new migration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agentstack_processors.semconv import attributes as a
from agentstack_processors.semconv.dialects import (
    COLUMNS,
    INPUT_KEYS,
    MARKERS,
    OUTPUT_KEYS,
    Column,
    Key,
)


def decoding_expressions() -> str:
    """`is_foreign` and one expression for each canonical column, in the table's order."""
    has = f"{_at(a.OPERATION_NAME)} = ''"
    markers = ", ".join(quote(marker) for marker in MARKERS)
    guard = f"({has} OR hasAny(mapKeys(attributes), [{markers}])) AS is_foreign"
    return ",\n    ".join(
        [guard, *(f"{_expression(column)} AS {column.name}" for column in COLUMNS)]
    )


def alias_expressions() -> tuple[str, str]:
    """The ALIAS columns `input` and `output`."""
    return _first(_at(k) for k in INPUT_KEYS), _first(_at(k) for k in OUTPUT_KEYS)


def quote(text: str) -> str:
    """A ClickHouse string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _expression(column: Column) -> str:
    native = [_at(name) for name in column.native]
    foreign = _first([*native, *(_key(key) for key in column.foreign)])
    text = f"if(is_foreign, {foreign}, {_first(native)})"
    if column.number:
        raw = f"{column.name}_text"
        return f"if(length({text} AS {raw}) < 19, toUInt64OrZero({raw}), 0)"
    if column.root_values:
        raw = f"{column.name}_text"
        root = _transform(raw, column.root_values)
        text = f"if(parent_span_id = '' AND ({text} AS {raw}) != '', {root}, {raw})"
    return _transform(text, column.values) if column.values else text


def _transform(text: str, values: Mapping[str, str]) -> str:
    old = ", ".join(map(quote, values))
    new = ", ".join(map(quote, values.values()))
    return f"transform({text}, [{old}], [{new}])"


def _first(texts: Iterable[str]) -> str:
    *earlier, last = texts
    for text in reversed(earlier):
        last = f"if({text} != '', {text}, {last})"
    return last


def _key(key: Key) -> str:
    text = _at(key.name)
    if key.cut:
        text = f"substringIndex({text}, {quote(key.cut)}, 1)"
    if key.when:
        return f"if({_at(key.when[0])} = {quote(key.when[1])}, {text}, '')"
    return text


def _at(name: str) -> str:
    return f"attributes[{quote(name)}]"


if __name__ == "__main__":
    print(decoding_expressions())
    for name, expression in zip(("input", "output"), alias_expressions(), strict=True):
        print(f"{name} String ALIAS {expression},")
