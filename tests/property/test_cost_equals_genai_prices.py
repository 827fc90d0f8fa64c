# SPDX-License-Identifier: Apache-2.0
"""The compiled prices against genai-prices itself: every model, every tier, date and variant."""

from __future__ import annotations

import random
import time
from datetime import datetime, timezone
from decimal import Context, Decimal

import pytest
from agentstack_exporters.clickhouse.chdb import ChdbStore
from agentstack_processors.cost.calls import Use, price
from agentstack_processors.cost.models import Model
from agentstack_processors.cost.providers import ALIASES
from agentstack_processors.cost.rows import text
from agentstack_processors.cost.table import PriceTable
from agentstack_processors.cost.usage import Usage
from genai_prices import Usage as TheirUsage
from genai_prices import calc_price
from genai_prices.data import providers
from genai_prices.types import ModelInfo, Provider, TieredPrices
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.usages import (
    CONTEXTS,
    KEYS,
    moments,
    nanoseconds,
    ours,
    random_usage,
    theirs,
    thresholds,
)

MODELS = [(provider, info) for provider in providers for info in provider.models]
CHANGING = [
    (provider, info)
    for provider, info in MODELS
    if isinstance(info.prices, list) or info.price_variants or thresholds(info)
]
_WIDE = Context(prec=76)
NOW = datetime(2026, 11, 21, tzinfo=timezone.utc)


def test_every_model_costs_what_genai_prices_says_at_every_edge() -> None:
    rng, asked, refused = random.Random(20261121), 0, 0
    for provider, info in MODELS:
        model = Model(provider.id, info, own=True)
        for at in moments(info, rng):
            for _ in range(2):
                usage = random_usage(rng, thresholds(info))
                context = rng.choice(CONTEXTS)
                want = theirs(provider, info, usage, at, context)
                assert ours(model, usage, at, context) == want, (info.id, usage, at, context)
                asked, refused = asked + 1, refused + (want is None)
    assert asked > 5_000
    assert asked > 3 * refused > 0


@given(
    pair=st.sampled_from(CHANGING),
    usage=st.dictionaries(
        st.sampled_from(KEYS),
        st.one_of(
            st.integers(0, 10**7),
            st.sampled_from([200_000, 200_001, 272_000, 272_001]),
            st.floats(0, 1e4),
            st.decimals(0, 10**4, places=3),
        ),
        max_size=6,
    ),
    at=st.datetimes(
        datetime(2023, 1, 1),
        datetime(2027, 2, 1),
        timezones=st.just(timezone.utc),
    ),
    context=st.sampled_from(CONTEXTS),
)
def test_any_usage_at_any_time_costs_what_genai_prices_says(
    pair: tuple[Provider, ModelInfo],
    usage: dict[str, object],
    at: datetime,
    context: dict[str, str],
) -> None:
    provider, info = pair
    model = Model(provider.id, info, own=True)
    assert ours(model, usage, at, context) == theirs(provider, info, usage, at, context)


def use_of(provider: str, model: str, usage: Usage, address: str = "", response: str = "") -> Use:
    return Use(
        "p", "t", "s", "", nanoseconds(NOW), 0, 0, "", "", "chat", provider, model, "", "",
        response, "", "", address, usage, (),
    )  # fmt: skip


@given(
    pair=st.sampled_from(MODELS),
    counts=st.tuples(st.integers(0, 10**6), st.integers(0, 10**5), st.integers(0, 10**5)),
)
def test_a_span_is_priced_by_name_as_genai_prices_finds_and_prices_it(
    pair: tuple[Provider, ModelInfo], counts: tuple[int, int, int]
) -> None:
    provider, info = pair
    inputs, outputs, cached = counts
    usage = Usage(inputs + cached, outputs, cached)
    found = price(use_of(provider.id, info.id, usage), TABLE)
    if not usage.any:
        assert found.status == "no_usage"
        return
    try:
        want = calc_price(
            TheirUsage(**usage.counts()),
            info.id,
            provider_id=provider.id,
            genai_request_timestamp=NOW,
        )
    except LookupError:  # some ids do not match their own clauses
        assert found.status == "unknown_model"
        return
    assert found.money is not None
    assert found.money[:3] == (want.input_price, want.output_price, want.total_price)


TABLE = PriceTable()


@pytest.mark.parametrize(
    ("provider", "model", "priced_as"),
    [
        ("azure.ai.openai", "gpt-4o", "azure:gpt-4o"),
        ("azure.ai.inference", "gpt-4o", "azure:gpt-4o"),
        ("gcp.gen_ai", "gemini-2.5-pro", "google:gemini-2.5-pro"),
        ("gcp.vertex_ai", "gemini-2.5-pro", "google:gemini-2.5-pro"),
        ("x_ai", "grok-3", "x-ai:grok-3"),
        ("mistral_ai", "mistral-small-latest", "mistral:mistral-small-latest"),
        ("aws.bedrock", "amazon.nova-lite-v1:0", "aws:amazon.nova-lite-v1:0"),
        ("", "gpt-4o", "openai:gpt-4o"),
        ("litellm", "anthropic/claude-sonnet-4-5", "anthropic:claude-sonnet-4-5"),
        ("", "openai/gpt-4o-2024-08-06", "openai:gpt-4o"),
    ],
)
def test_names_that_telemetry_gives_providers_find_their_prices(
    provider: str, model: str, priced_as: str
) -> None:
    found = price(use_of(provider, model, Usage(10, 1)), TABLE)
    assert (found.status, found.priced_as.replace("-latest", "")) == (
        "priced",
        priced_as.replace("-latest", ""),
    )


def test_every_alias_means_a_provider_of_the_price_list() -> None:
    assert set(ALIASES.values()) <= {provider.id for provider in providers}


@pytest.mark.parametrize(
    ("provider", "model", "status"),
    [
        ("ollama", "gpt-4o", "unknown_provider"),
        ("vllm", "llama-3.3-70b", "unknown_provider"),
        ("ibm.watsonx.ai", "granite-3-8b", "unknown_provider"),
        ("openai", "no-such-model", "unknown_model"),
        ("", "no-such-model", "unknown_model"),
        ("", "", "unknown_model"),
        ("openai", "x" * 100_000, "unknown_model"),
    ],
)
def test_what_nobody_has_a_price_for_has_none(provider: str, model: str, status: str) -> None:
    found = price(use_of(provider, model, Usage(10, 1)), TABLE)
    assert (found.status, found.money) == (status, None)


def test_the_host_says_whose_model_it_is_when_the_client_is_openais() -> None:
    found = price(use_of("openai", "deepseek-chat", Usage(10, 1), "api.deepseek.com"), TABLE)
    assert found.priced_as == "deepseek:deepseek-chat"


def test_the_model_that_answered_is_priced_before_the_one_that_was_asked() -> None:
    found = price(use_of("azure.ai.openai", "my-deployment", Usage(10, 1), "", "gpt-4o"), TABLE)
    assert found.priced_as == "azure:gpt-4o"


def test_no_digit_of_any_price_is_lost_in_the_store() -> None:
    """Every price of every model times odd counts, through Decimal(38, 24) and back."""
    amounts = sorted(
        {
            amount
            for value in _prices()
            for count in (1, 3, 999_983, 10**10 - 1)
            for amount in (value.scaleb(-6) * count,)
        }
    )
    assert len(amounts) > 1_000
    store = ChdbStore()
    store.migrate()
    now = f"{time.time():.9f}"
    rows = [("p", now, f"{n:032x}", "s", text(amount)) for n, amount in enumerate(amounts)]
    store.insert(
        "cost_metrics", ("project_id", "time", "trace_id", "span_id", "total_cost"), rows, token="a"
    )
    stored = store.query("SELECT total_cost AS c FROM cost_metrics FINAL ORDER BY trace_id")
    assert [Decimal(row["c"]) for row in stored] == amounts
    [total] = store.query("SELECT sum(total_cost) AS c FROM cost_metrics FINAL")
    store.close()
    whole = sum(int(amount.scaleb(24).to_integral_exact()) for amount in amounts)
    assert int(Decimal(total["c"]).scaleb(24, _WIDE)) == whole


def _prices() -> set[Decimal]:
    found: set[Decimal] = set()
    for _, info in MODELS:
        sets = (
            [info.prices] if not isinstance(info.prices, list) else [p.prices for p in info.prices]
        )
        for prices in (*sets, *(variant.prices for variant in info.price_variants or ())):
            for key, value in prices.__dict__.items():
                if key.endswith("_mtok"):
                    tiers = value.tiers if isinstance(value, TieredPrices) else []
                    base = value.base if isinstance(value, TieredPrices) else value
                    found |= {base, *(tier.price for tier in tiers)}
    return found
