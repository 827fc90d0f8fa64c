# SPDX-License-Identifier: Apache-2.0
"""One model's prices over time and by how it was asked, compiled at first use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Any

from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from agentstack_processors.cost.rates import Counts, Money, Rates, checked

Context = tuple[tuple[str, str], ...]
"""How the call was made, as sorted pairs: `(("service_tier", "flex"),)`."""

Prices = dict[str, Decimal | TieredPrices]

_DAY = 86_400_000_000_000
_EPOCH = date(1970, 1, 1)
_GROQ_LEAST_SECONDS = 10  # Groq bills no less for a transcription
_GROQ_WHISPER = ("whisper-large-v3", "whisper-large-v3-turbo")


class Model:
    """Prices of one model.

    Args:
        provider: Id of the provider that was asked, in genai-prices.
        info: The model there, perhaps of another provider it falls back to.
        own: Whether the model is in the provider's own list; else its variants do not apply.
    """

    def __init__(self, provider: str, info: ModelInfo, *, own: bool) -> None:
        self.provider = provider
        self.id = info.id
        self.name = f"{provider}:{info.id}"
        self._periods = _periods(info.prices)
        self._first = self._periods[0][1] if self._periods else {}
        self._variants = tuple(info.price_variants or ()) if own else ()
        self._active = tuple(_when(variant.constraint) for variant in self._variants)
        self._least_audio = provider == "groq" and info.id in _GROQ_WHISPER
        self._rates: dict[tuple[int, tuple[int, ...]], Rates] = {}
        plain = len(self._periods) == 1 and self._periods[0][0] == ("always",)
        self._only = Rates(self._periods[0][1]) if plain else None

    def rates(self, at: int, context: Context = ()) -> Rates:
        """The prices in force at a time (ns since the epoch) for a call made so."""
        if self._only is not None and not (context and self._variants):
            return self._only
        period = self._period(at)
        chosen = self._chosen(at, context) if context and self._variants else ()
        found = self._rates.get((period, chosen))
        if found is None:
            prices = dict(self._prices(period))
            prices.update(_overrides(self._variants[index].prices for index in chosen))
            found = self._rates[period, chosen] = Rates(prices)
        return found

    def cost(self, counts: Counts, at: int, context: Context = ()) -> Money:
        """What counts cost then. Raises InvalidUsage."""
        if self._least_audio:
            counts = _billed_audio(checked(counts))
        return self.rates(at, context).cost(counts)

    def knows(self, at: int, context: Context) -> bool:
        """Whether then a price depends on each of these pairs."""
        known = {
            pair
            for index in self._chosen(at, context)
            for pair in self._variants[index].when.items()
        }
        return known.issuperset(context)

    def unpriced(self, at: int, context: Context = ()) -> bool:
        """Whether the list has the model and no price, and does not call it free."""
        return not self.rates(at, context).prices and not self.id.endswith(":free")

    def _period(self, at: int) -> int:
        """Index of the last period in force; the first where none is, as genai-prices has it."""
        for index in range(len(self._periods) - 1, -1, -1):
            if _active(self._periods[index][0], at):
                return index
        return 0

    def _prices(self, period: int) -> Prices:
        return self._periods[period][1] if self._periods else {}

    def _chosen(self, at: int, context: Context) -> tuple[int, ...]:
        asked = dict(context)
        return tuple(
            index
            for index, variant in enumerate(self._variants)
            if _active(self._active[index], at)
            and all(asked.get(key) == value for key, value in variant.when.items())
        )


def _overrides(prices: Iterable[ModelPrice]) -> Prices:
    """The first variant that names a price key decides it."""
    found: Prices = {}
    for each in prices:
        for key, price in _set(each).items():
            found.setdefault(key, price)
    return found


def _periods(prices: ModelPrice | Sequence[ConditionalPrice]) -> list[tuple[Any, Prices]]:
    if isinstance(prices, ModelPrice):
        return [(("always",), _set(prices))]
    return [(_when(each.constraint), _set(each.prices)) for each in prices]


def _set(prices: ModelPrice) -> Prices:
    return {key: price for key, price in prices.__dict__.items() if price is not None}


def _when(constraint: StartDateConstraint | TimeOfDateConstraint | None) -> tuple[Any, ...]:
    if constraint is None:
        return ("always",)
    if isinstance(constraint, StartDateConstraint):
        return ("since", (constraint.start_date - _EPOCH).days)
    return ("daily", _of_day(constraint.start_time), _of_day(constraint.end_time))


def _of_day(moment: time) -> int:
    """Nanoseconds since midnight in UTC; a time without a zone is UTC."""
    if moment.tzinfo is not None:
        moment = datetime.combine(_EPOCH, moment).astimezone(timezone.utc).time()
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    return (seconds * 1_000_000 + moment.microsecond) * 1000


def _active(when: tuple[Any, ...], at: int) -> bool:
    if when[0] == "always":
        return True
    if when[0] == "since":
        return bool(at // _DAY >= when[1])
    start, end = when[1], when[2]
    now = at % _DAY
    if end < start:  # over midnight
        return bool(now >= start or now < end)
    return bool(start <= now < end)


def _billed_audio(counts: Mapping[str, Any]) -> Mapping[str, Any]:
    seconds = counts.get("audio_seconds") or counts.get("input_audio_seconds")
    if seconds is None:
        return counts
    billed = max(seconds, _GROQ_LEAST_SECONDS) if seconds > 0 else 0
    return {**counts, "audio_seconds": billed, "input_audio_seconds": billed}


__all__ = ["Context", "Model", "Prices"]
