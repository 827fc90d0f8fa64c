# SPDX-License-Identifier: Apache-2.0
"""The dialect table as ClickHouse SQL, to be pasted into a migration.

`python -m agentstack_processors.semconv.sql` prints the expressions. A test holds the newest
decoding view against this output, so that the table cannot change without a new migration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from agentstack_processors.semconv.dialects import (
    COLUMNS,
    FOREIGN_KEYS,
    INPUT_KEYS,
    OUTPUT_KEYS,
    Column,
    Key,
)


def decoding_expressions() -> str:
    """`is_foreign`, `foreign_columns` and one expression for each canonical column.

    The long road through every dialect's keys is the body of a lambda over `range(is_foreign)`:
    it runs for spans that carry a foreign key and costs nothing on the others. An `if` would not
    do, because the engine evaluates cheap functions on both sides of it.
    """
    keys = ", ".join(map(quote, FOREIGN_KEYS))
    foreign = ",\n            ".join(_foreign(column) for column in COLUMNS)
    return ",\n        ".join(
        [
            f"arrayExists(k -> k IN ({keys}), mapKeys(attributes)) AS is_foreign",
            f"arrayMap(i -> (\n            {foreign}), range(is_foreign)) AS foreign_columns",
            *(_column(column, at) for at, column in enumerate(COLUMNS, start=1)),
        ]
    )


def alias_expressions() -> tuple[str, str]:
    """The ALIAS columns `input` and `output`."""
    return _first(_at(k) for k in INPUT_KEYS), _first(_at(k) for k in OUTPUT_KEYS)


def quote(text: str) -> str:
    """A ClickHouse string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _column(column: Column, at: int) -> str:
    native = _number(column, _first(_at(name) for name in column.native))
    return f"if(is_foreign, foreign_columns[1].{at}, {native}) AS {column.name}"


def _foreign(column: Column) -> str:
    keys = (*(Key(name) for name in column.native), *column.foreign)
    text = _first_of_keys(keys, column.nothing)
    values = {old: new for old, new in column.values.items() if new}
    if not values:
        return _number(column, text)
    if not column.root_values:
        return _transform(text, values)
    raw = f"{column.name}_raw"
    rest = _transform(raw, values)
    root = _transform(raw, {**values, **column.root_values})
    return f"if(({text} AS {raw}) != '' AND parent_span_id = '', {root}, {rest})"


def _number(column: Column, text: str) -> str:
    return f"toUInt64OrZero({text})" if column.number else text


def _transform(text: str, values: Mapping[str, str]) -> str:
    old = ", ".join(map(quote, values))
    new = ", ".join(map(quote, values.values()))
    return f"transform({text}, [{old}], [{new}])"


def _first(texts: Iterable[str]) -> str:
    *earlier, last = texts
    for text in reversed(earlier):
        last = f"if({text} != '', {text}, {last})"
    return last


def _first_of_keys(keys: Sequence[Key], nothing: Sequence[str]) -> str:
    """The first text that is not empty, with few syntax nodes: each one costs at every insert."""
    parts: list[str] = []
    for special, group in groupby(keys, key=lambda key: bool(key.when or key.cut)):
        if special:
            parts.append(f"[{', '.join(map(_key, group))}]")
        else:
            names = ", ".join(quote(key.name) for key in group)
            parts.append(f"arrayMap(k -> attributes[k], [{names}])")
    texts = parts[0] if len(parts) == 1 else f"arrayConcat({', '.join(parts)})"
    if len(nothing) == 1:
        return f"arrayFirst(t -> t != '', {texts})"
    return f"arrayFirst(t -> t NOT IN ({', '.join(map(quote, nothing))}), {texts})"


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
