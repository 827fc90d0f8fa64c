# SPDX-License-Identifier: Apache-2.0
"""Usage, times and contexts at random, for prices held against genai-prices."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from agentstack_processors.cost.models import Model
from agentstack_processors.cost.rates import InvalidUsage, checked
from genai_prices import Usage
from genai_prices.types import ModelInfo, Provider, StartDateConstraint, TieredPrices
from genai_prices.units import _get_registry

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
KEYS = sorted(set(_get_registry().units) - {"requests"})
CONTEXTS: tuple[dict[str, str], ...] = (
    {},
    {"processing": "batch"},
    {"service_tier": "flex"},
    {"service_tier": "priority"},
    {"service_tier": "default", "processing": "batch"},
    {"service_tier": "fast", "speed": "fast"},
    {"service_tier": "never heard of"},
    {"route": "mistral/eu"},
)

Prices = tuple[Decimal, Decimal, Decimal] | None
"""Input, output and total; None where the usage makes no sense."""


def theirs(
    provider: Provider,
    info: ModelInfo,
    usage: dict[str, Any],
    at: datetime,
    context: dict[str, str],
) -> Prices:
    """What genai-prices says."""
    try:
        found = info.calc_price(
            Usage(**usage), provider, genai_request_timestamp=at, price_context=context or None
        )
    except ValueError:
        return None
    return found.input_price, found.output_price, found.total_price


def ours(model: Model, usage: dict[str, Any], at: datetime, context: dict[str, str]) -> Prices:
    """What the compiled lookup says."""
    try:
        money = model.cost(checked(usage), nanoseconds(at), tuple(sorted(context.items())))
    except InvalidUsage:
        return None
    return money.input, money.output, money.total


def nanoseconds(at: datetime) -> int:
    """Since the epoch, exactly."""
    return (at - EPOCH) // timedelta(microseconds=1) * 1000


def random_usage(rng: random.Random, interesting: list[int]) -> dict[str, Any]:
    """Tokens around what is interesting, parts that mostly fit into their wholes."""
    inputs = rng.choice([0, rng.randrange(1, 2_000), rng.randrange(10**7), *interesting])
    outputs = rng.choice([0, rng.randrange(1, 2_000), rng.randrange(10**6)])
    usage: dict[str, Any] = {"input_tokens": inputs, "output_tokens": outputs}
    for key in KEYS:
        if key in usage or rng.random() > 0.12:
            continue
        most = outputs if "output" in key else inputs
        usage[key] = rng.choice([0, rng.randrange(most // 4 + 1)])
        if "seconds" in key:
            usage[key] = rng.choice([usage[key], round(rng.random() * 100, 3), Decimal("7.25")])
    for key in ("input_tokens", "output_tokens"):
        if rng.random() < 0.03:
            del usage[key]
    return usage


def thresholds(info: ModelInfo) -> list[int]:
    """Numbers of input tokens at which a tier of the model begins, and one more."""
    prices = [info.prices] if not isinstance(info.prices, list) else [p.prices for p in info.prices]
    prices += [variant.prices for variant in info.price_variants or ()]
    tiers = [
        tier.start
        for each in prices
        for price in each.__dict__.values()
        if isinstance(price, TieredPrices)
        for tier in price.tiers
    ]
    return [start + more for start in sorted(set(tiers)) for more in (0, 1)]


def moments(info: ModelInfo, rng: random.Random) -> list[datetime]:
    """Random times, and the last and first microsecond around each price change."""
    found = [EPOCH + timedelta(days=rng.randrange(19_000, 20_900), seconds=rng.randrange(86_400))]
    dated = info.prices if isinstance(info.prices, list) else []
    for each in (*dated, *(info.price_variants or ())):
        when = each.constraint
        if isinstance(when, StartDateConstraint):
            start = datetime(*when.start_date.timetuple()[:3], tzinfo=timezone.utc)
            found += [start, start - timedelta(microseconds=1)]
        elif when is not None:
            for moment in (when.start_time, when.end_time):
                edge = datetime.combine(found[0].date(), moment).astimezone(timezone.utc)
                found += [edge, edge - timedelta(microseconds=1)]
    return found
