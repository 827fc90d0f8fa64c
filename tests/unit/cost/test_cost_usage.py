# SPDX-License-Identifier: Apache-2.0
"""What a call used, whatever dialect says it, and whether or not parts are counted in the whole."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from agentstack_processors.cost.calls import Use, open_uses, price
from agentstack_processors.cost.table import PriceTable
from agentstack_processors.cost.usage import Usage

from tests.fakes.agent_traces import AgentTrace, usage

TABLE = PriceTable()
OI = "llm.token_count."


NOVEMBER = 1_795_000_000_000_000_000  # when every variant used here has its price


def use_of(attributes: dict[str, Any], start: int = NOVEMBER) -> Use:
    trace = AgentTrace(start=start)
    trace.span(attributes)
    [use] = open_uses(trace.requests[0]).uses
    return use


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        (usage(10, 2), Usage(10, 2)),
        (
            usage(
                100,
                20,
                **{
                    "gen_ai.usage.cache_read.input_tokens": 60,
                    "gen_ai.usage.cache_write.input_tokens": 30,
                    "gen_ai.usage.reasoning.output_tokens": 5,
                },
            ),
            Usage(100, 20, 60, 30, reasoning=5),
        ),
        (
            {
                "gen_ai.system": "Anthropic",
                "gen_ai.usage.prompt_tokens": 100,
                "gen_ai.usage.completion_tokens": 20,
                "gen_ai.usage.cache_creation_input_tokens": 30,
                "gen_ai.usage.cache_read_input_tokens": 60,
            },
            Usage(100, 20, 60, 30),
        ),
        (
            {
                f"{OI}prompt": 100,
                f"{OI}completion": 20,
                f"{OI}prompt_details.cache_read": 60,
                f"{OI}prompt_details.cache_write": 30,
                f"{OI}prompt_details.audio": 5,
                f"{OI}completion_details.audio": 4,
                f"{OI}completion_details.reasoning": 3,
            },
            Usage(100, 20, 60, 30, reasoning=3, input_audio=5, output_audio=4),
        ),
        (
            {
                "ai.usage.inputTokens": 100,
                "ai.usage.outputTokens": 20,
                "ai.usage.inputTokenDetails.cacheReadTokens": 60,
                "ai.usage.inputTokenDetails.cacheWriteTokens": 30,
                "ai.usage.outputTokenDetails.reasoningTokens": 3,
            },
            Usage(100, 20, 60, 30, reasoning=3),
        ),
        (
            {
                **usage(100, 20),
                "gen_ai.usage.input_token_details": '{"cache_read": 60, "cache_creation": 30,'
                ' "ephemeral_1h_input_tokens": 10}',
                "gen_ai.usage.output_token_details": '{"reasoning": 3}',
            },
            Usage(100, 20, 60, 30, 10, reasoning=3),
        ),
        (
            {
                **usage(100, 20),
                "gen_ai.usage.details.cache_read_tokens": 60,
                "gen_ai.usage.details.cache_write_tokens": 30,
            },
            Usage(100, 20, 60, 30),
        ),
        ({**usage(100, 20), "gen_ai.usage.input_token_details": "[1"}, Usage(100, 20)),
    ],
)
def test_each_dialects_usage_is_read(attributes: dict[str, Any], expected: Usage) -> None:
    assert use_of({**attributes, "gen_ai.request.model": "m"}).usage == expected


def test_anthropics_own_numbers_leave_cached_tokens_out_of_the_input() -> None:
    raw = usage(
        10,
        20,
        "claude-sonnet-4-5",
        **{
            "gen_ai.provider.name": "anthropic",
            "gen_ai.usage.cache_read.input_tokens": 1000,
            "gen_ai.usage.cache_creation.input_tokens": 100,
        },
    )
    use = use_of(raw)
    assert use.usage == Usage(1110, 20, 1000, 100)
    money = price(use, TABLE).money
    assert money is not None
    assert money.total == (
        10 * Decimal(3) + 1000 * Decimal("0.3") + 100 * Decimal("3.75") + 20 * Decimal(15)
    ) / Decimal(10**6)


@pytest.mark.parametrize(("total", "inputs"), [(560, 540), (1060, 1040)])
def test_a_total_says_whether_cached_tokens_are_in_the_input(total: int, inputs: int) -> None:
    more = {"gen_ai.usage.cache_read.input_tokens": 500, "gen_ai.usage.total_tokens": total}
    assert use_of(usage(540, 20, **more)).usage == Usage(inputs, 20, 500)


def test_thoughts_that_are_not_in_the_output_are_added() -> None:
    more = {"gen_ai.usage.reasoning.output_tokens": 50}
    assert use_of(usage(10, 20, **more)).usage == Usage(10, 70, reasoning=50)


def test_an_hours_cache_write_costs_its_own_price() -> None:
    both = {
        "gen_ai.provider.name": "anthropic",
        "gen_ai.usage.cache_write.input_tokens": 1000,
        "gen_ai.usage.details.ephemeral_1h_input_tokens": 400,
    }
    money = price(use_of(usage(1000, 0, "claude-sonnet-4-5", **both)), TABLE).money
    assert money is not None
    assert money.cache_write == (600 * Decimal("3.75") + 400 * Decimal(6)) / 10**6
    assert money.cache_write == money.input == money.total


@pytest.mark.parametrize(
    ("attributes", "context", "factor"),
    [
        ({}, (), 1),
        ({"openai.response.service_tier": "default"}, (), 1),
        ({"openai.request.service_tier": "auto"}, (), 1),
        ({"openai.response.service_tier": "flex"}, (("service_tier", "flex"),), "0.5"),
        ({"gen_ai.openai.response.service_tier": "priority"}, (("service_tier", "priority"),), 2),
        ({"gen_ai.request.batch": True}, (("processing", "batch"),), "0.5"),
        ({"anthropic.response.service_tier": "batch"}, (("processing", "batch"),), "0.5"),
        (
            {
                "openai.request.service_tier": "flex",
                "openai.response.service_tier": "default",
            },
            (),
            1,
        ),
    ],
)
def test_how_a_call_was_made_decides_its_price(
    attributes: dict[str, Any], context: object, factor: str
) -> None:
    use = use_of(usage(1000, 100, "gpt-5", **attributes))
    assert use.context == context
    found = price(use, TABLE)
    plain = price(use_of(usage(1000, 100, "gpt-5")), TABLE)
    assert found.money is not None
    assert plain.money is not None
    assert found.money.total == plain.money.total * Decimal(factor)
    assert not found.estimated


def test_a_way_to_call_that_has_no_price_of_its_own_is_an_estimate() -> None:
    found = price(use_of(usage(10, 1, **{"openai.response.service_tier": "scale"})), TABLE)
    assert (found.status, found.estimated) == ("priced", True)


def test_before_a_way_to_call_had_a_price_it_is_an_estimate() -> None:
    flex = usage(1000, 100, "gpt-5", **{"openai.response.service_tier": "flex"})
    early, late = (price(use_of(flex, start), TABLE) for start in (NOVEMBER - 10**17, NOVEMBER))
    assert (early.estimated, late.estimated) == (True, False)


def test_parts_that_contradict_the_whole_do_not_lose_the_span() -> None:
    odd = {"gen_ai.usage.audio.input_tokens": 500, "gen_ai.usage.image.input_tokens": 500}
    for model in ("gpt-4o", "gemini-2.5-flash", "gpt-realtime"):
        found = price(use_of(usage(100, 10, model, **odd)), TABLE)
        assert found.status in ("priced", "unknown_model")
        assert found.status != "priced" or found.money is not None


def test_cached_audio_is_paid_once() -> None:
    parts = {
        "gen_ai.usage.audio.input_tokens": 80,
        "gen_ai.usage.cache_read.input_tokens": 60,
    }
    use = use_of(usage(100, 10, "gpt-realtime", **parts))
    counts = use.usage.counts()
    assert counts["cache_audio_read_tokens"] == 40  # 80 + 60 - 100: they have to overlap so much
    assert price(use, TABLE).status == "priced"


@pytest.mark.parametrize("tokens", [10**10 + 1, 2**63 - 1])
def test_numbers_nobody_can_have_used_have_no_price(tokens: int) -> None:
    assert price(use_of(usage(tokens, 1)), TABLE).status == "invalid_usage"
