# SPDX-License-Identifier: Apache-2.0
"""What models cost: the bundled prices and the user's own, as rows for people."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agentstack_exporters.clickhouse.protocol import Row
from agentstack_processors.cost.models import Context
from agentstack_processors.cost.overrides import PRICE_KEYS
from agentstack_processors.cost.table import PriceTable
from agentstack_processors.verdicts import ConfigError
from genai_prices.types import TieredPrices

from agentstack_otel.query.find import NotFound

_NAMES = {theirs: ours for ours, theirs in PRICE_KEYS.items()}
_CONTEXTS: tuple[Context, ...] = (
    (),
    (("processing", "batch"),),
    (("service_tier", "flex"),),
    (("service_tier", "priority"),),
    (("service_tier", "fast"),),
    (("speed", "fast"),),
)


def of_model(table: PriceTable, name: str, provider: str, at: int) -> list[Row]:
    """The prices of a model at a time (ns), one row for each way to call it that has its own.

    Raises:
        ConfigError: No model was named.
        NotFound: Nobody's price is known.
    """
    if not name:
        raise ConfigError("prices: name a model, such as gpt-4o")
    rows = [
        row
        for context in _CONTEXTS
        if (row := _row(table, name, provider, at, context)) is not None
    ]
    if not rows:
        whose = f" of provider {provider!r}" if provider else ""
        raise NotFound(
            f"there is no price for model {name!r}{whose}: give one in the file of --prices"
        )
    plain = rows[0]["prices"]
    return [row for index, row in enumerate(rows) if not index or row["prices"] != plain]


def models(table: PriceTable, search: str, provider: str, limit: int, at: int) -> list[Row]:
    """Models whose id contains `search`, those of overrides first."""
    found: list[Row] = [
        {
            "provider": each.provider,
            "model": "",
            "source": each.name,
            "prices": _told(each.rates.prices),
        }
        for each in table.overrides.entries
        if not search and not provider
    ]
    for listed in table.providers:
        if provider and listed.id != provider:
            continue
        for model in listed.models:
            if search.lower() in model.id.lower():
                compiled = table.model(listed.id, model.id)
                prices = _told(compiled.rates(at).prices) if compiled is not None else {}
                found.append(
                    {
                        "provider": listed.id,
                        "model": model.id,
                        "source": "genai-prices",
                        "prices": prices,
                    }
                )
    return found[:limit]


def _row(table: PriceTable, name: str, provider: str, at: int, context: Context) -> Row | None:
    own = table.overrides.find(provider, (name,), at, context)
    told = ",".join(map("=".join, context))
    if own is not None:
        return {
            "provider": own.provider, "model": name, "when": told, "source": own.name,
            "prices": _told(own.rates.prices),
        }  # fmt: skip
    model = table.model(provider, name)
    if model is None or not model.knows(at, context):
        return None
    return {
        "provider": model.provider, "model": model.id, "when": told,
        "source": f"genai-prices/{table.package_version}",
        "prices": _told(model.rates(at, context).prices),
    }  # fmt: skip


def _told(prices: Mapping[str, Decimal | TieredPrices]) -> dict[str, Any]:
    """Price key to US dollars (a million tokens where the name does not say otherwise)."""
    return {_NAMES.get(key, key): _price(price) for key, price in prices.items()}


def _price(price: Decimal | TieredPrices) -> Any:
    if isinstance(price, TieredPrices):
        above = {str(tier.start): format(tier.price, "f") for tier in price.tiers}
        return {"base": format(price.base, "f"), "above": above}
    return format(price, "f")


__all__ = ["models", "of_model"]
