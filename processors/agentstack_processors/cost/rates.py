# SPDX-License-Identifier: Apache-2.0
"""One set of prices, compiled: counts in, money out, the same digits as genai-prices gives.

A price belongs to a unit (`input_mtok` prices `input_tokens` by the million). Units contain each
other: cached tokens are input tokens. A priced unit inside another takes its count out of it, so
that every token is paid once, at the most particular price there is. Tiers are cliffs: above a
number of input tokens all tokens of the unit cost the tier's price.

Decimal operations are those of genai-prices in its order, under the default context (28 digits).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Any, NamedTuple

from genai_prices._usage import subtract_usage_values, usage_value_as_decimal, validate_usage_value
from genai_prices.decompose import is_descendant_or_self
from genai_prices.types import TieredPrices
from genai_prices.units import UnitDef, UnitRegistry, _get_registry
from genai_prices.validation import validate_priced_units

Counts = Mapping[str, Any]
"""Usage key of genai-prices (`input_tokens`, `cache_read_tokens`, …) to a count, 0 or more."""

ZERO = Decimal(0)


class InvalidUsage(ValueError):
    """The counts contradict each other: a part is larger than its whole."""


class Money(NamedTuple):
    """What counts cost, in the currency of the prices.

    `input` and `output` are what genai-prices calls so; `total` also holds what is neither
    (requests, searches). `cache_read` and `cache_write` are parts of `input`.
    """

    input: Decimal
    output: Decimal
    total: Decimal
    cache_read: Decimal
    cache_write: Decimal


class _Line(NamedTuple):
    """One price: the unit's place among the leaves, the price or its tiers, what it is for."""

    at: int
    price: Decimal
    tiers: tuple[tuple[int, Decimal], ...]  # highest first
    per: Decimal
    direction: str
    part: str


class _Leaf(NamedTuple):
    """How much of a unit is left when priced units inside it took theirs."""

    at: int
    key: str
    below: tuple[int, ...]
    within: frozenset[str]  # units inside it: reported without it, the usage makes no sense
    joined: tuple[tuple[str, str], ...]  # two units whose overlap this is, likewise


class Rates:
    """Prices by price key (`input_mtok`); a price is a Decimal or genai-prices' TieredPrices.

    Raises:
        ValueError: The prices make no sense together, such as cached tokens without input tokens.
    """

    def __init__(self, prices: Mapping[str, Decimal | TieredPrices]) -> None:
        registry = _get_registry()
        units = [registry.unit_for_price_key(key) for key in prices]
        validate_priced_units(tuple(units), registry)
        self.prices = dict(prices)
        self.keys = frozenset(unit.usage_key for unit in units)
        self._leaves = _leaves(units, registry)
        self._lines = [
            _line(at, *pair) for at, pair in enumerate(zip(units, prices.values(), strict=True))
        ]
        self._tiered = any(line.tiers for line in self._lines)
        self._size = len(units)
        self._inputs = _leaf(-1, registry.units["input_tokens"], (), registry)

    def cost(self, counts: Counts) -> Money:
        """What `counts` cost. Raises InvalidUsage."""
        left = self._left(counts)
        total_in = _reported(self._inputs, counts) if self._tiered else 0
        input_ = output = total = read = write = ZERO
        for at, price, tiers, per, direction, part in self._lines:
            count = left[at]
            if not count:
                continue
            for start, dearer in tiers:
                if total_in > start:
                    price = dearer  # noqa: PLW2901 - the tier's price instead
                    break
            amount = (
                price
                * (Decimal(count) if type(count) is int else usage_value_as_decimal(count))
                / per
            )
            total += amount
            if direction == "input":
                input_ += amount
                if part == "cache_read":
                    read += amount
                elif part == "cache_write":
                    write += amount
            elif direction == "output":
                output += amount
        return Money(input_, output, total, read, write)

    def _left(self, counts: Counts) -> list[Any]:
        left: list[Any] = [0] * self._size
        for leaf in self._leaves:
            at, key, below, _, _ = leaf
            count = counts.get(key)
            if count is None:
                count = 1 if key == "requests" else _reported(leaf, counts)
            if below:
                count = _minus(count, [left[other] for other in below])
                if count < 0:
                    raise InvalidUsage(f"the parts of {key} are more than {key}")
            left[at] = count
        return left


def checked(counts: Counts) -> dict[str, Any]:
    """The counts, each a finite number of 0 or more. Raises InvalidUsage."""
    try:
        return {key: validate_usage_value(key, count) for key, count in counts.items()}
    except ValueError as error:
        raise InvalidUsage(str(error)) from None


def _minus(count: Any, parts: Sequence[Any]) -> Any:
    if type(count) is int:
        whole = count
        for part in parts:
            if type(part) is not int:
                break
            whole -= part
        else:
            return whole
    return subtract_usage_values(count, parts)


def _reported(leaf: _Leaf, counts: Counts) -> Any:
    """The count of a unit; 0 when nothing was said of it, nor of its parts."""
    count = counts.get(leaf.key)
    if count is not None:
        return count
    for key, part in counts.items():
        if part and key in leaf.within:
            raise InvalidUsage(f"{key} is reported without {leaf.key}")
    for one, other in leaf.joined:
        if counts.get(one) and counts.get(other):
            raise InvalidUsage(f"{one} and {other} are reported without {leaf.key}")
    return 0


def _line(at: int, unit: UnitDef, price: Decimal | TieredPrices) -> _Line:
    tiers: tuple[tuple[int, Decimal], ...] = ()
    if isinstance(price, TieredPrices):
        tiers = tuple((tier.start, tier.price) for tier in reversed(price.tiers))
        price = price.base
    dimensions = unit.dimensions
    part = dimensions.get("token_type", "")
    return _Line(at, price, tiers, Decimal(unit.per), dimensions.get("direction", ""), part)


def _leaves(units: Sequence[UnitDef], registry: UnitRegistry) -> list[_Leaf]:
    """In the order in which they are worked out: the most particular first."""
    ranked = sorted(
        enumerate(units), key=lambda pair: (-len(pair[1].dimensions), pair[1].usage_key)
    )
    return [
        _leaf(at, unit, tuple(b for b, u in enumerate(units) if _inside(unit, u)), registry)
        for at, unit in ranked
    ]


def _leaf(at: int, unit: UnitDef, below: tuple[int, ...], registry: UnitRegistry) -> _Leaf:
    within, joined = _relations(unit.usage_key, registry)
    return _Leaf(at, unit.usage_key, below, within, joined)


@cache
def _relations(
    usage_key: str, registry: UnitRegistry
) -> tuple[frozenset[str], tuple[tuple[str, str], ...]]:
    unit = registry.units[usage_key]
    units = sorted(registry.units.values(), key=lambda each: each.usage_key)
    within = frozenset(each.usage_key for each in units if _inside(unit, each))
    around = [each for each in units if _inside(each, unit)]
    joined = tuple(
        (one.usage_key, other.usage_key)
        for index, one in enumerate(around)
        for other in around[index + 1 :]
        if not (_inside(one, other) or _inside(other, one))
        and unit.dimensions == {**one.dimensions, **other.dimensions}
    )
    return within, joined


def _inside(whole: UnitDef, part: UnitDef) -> bool:
    return whole is not part and is_descendant_or_self(whole, part)


__all__ = ["ZERO", "Counts", "InvalidUsage", "Money", "Rates", "checked"]
