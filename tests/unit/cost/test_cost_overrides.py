# SPDX-License-Identifier: Apache-2.0
"""The user's own prices: who is meant, when, and what a mistake in the file is told as."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pytest
from agentstack_processors.cost.overrides import Overrides, parse
from agentstack_processors.cost.table import PriceTable
from agentstack_processors.verdicts import ConfigError
from hypothesis import given
from hypothesis import strategies as st

COUNTS = {"input_tokens": 1_000_000, "output_tokens": 1_000_000, "cache_read_tokens": 500_000}
NS = 1_000_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp()) * NS


def cost(
    own: Overrides, provider: str, model: str, when: str = "2026-11-21", **context: str
) -> object:
    found = PriceTable(own).price(
        provider, (model,), COUNTS, at(when), context=tuple(sorted(context.items()))
    )
    return found.money.total if found.money else found.status


def test_the_first_entry_that_fits_decides_and_the_list_has_the_rest() -> None:
    own = parse(
        """
prices:
  - model: GPT-4o*
    provider: openai
    input: 2
    output: 4
    cache_read: 1
  - model: "*"
    provider: ollama
    free: true
  - {model: "my-?", input: 0.000001, output: 3e-1}
"""
    )
    assert cost(own, "openai", "gpt-4o-mini") == Decimal("0.5") + 1 + 4
    assert cost(own, "azure.ai.openai", "gpt-4o") != cost(own, "openai", "gpt-4o")
    assert cost(own, "ollama", "anything/at:all") == 0
    assert cost(own, "", "my-a") == Decimal("0.300001")
    assert cost(own, "", "my-ab") == "unknown_model"
    assert cost(own, "anthropic", "claude-sonnet-4-5") == cost(
        Overrides(), "anthropic", "claude-sonnet-4-5"
    )


def test_providers_are_meant_by_any_of_their_names() -> None:
    own = parse("prices:\n  - {model: m, provider: azure_openai, input: 1}\n")
    assert cost(own, "azure.ai.openai", "m") == cost(own, "azure", "m") == 1


def test_a_price_is_in_force_from_its_first_day_to_before_the_last() -> None:
    own = parse(
        "prices:\n"
        "  - {model: m, from: 2026-03-01, until: 2026-04-01, input: 1}\n"
        "  - {model: m, until: 2026-03-01, input: 5}\n"
    )
    days = ("2026-02-28T23:59:59", "2026-03-01", "2026-03-31T23:59:59", "2026-04-01")
    assert [cost(own, "", "m", day) for day in days] == [5, 1, 1, "unknown_model"]


def test_a_price_may_hold_only_for_calls_made_so() -> None:
    own = parse(
        "prices:\n  - {model: m, when: {service_tier: flex}, input: 1}\n  - {model: m, input: 9}\n"
    )
    assert (cost(own, "", "m", service_tier="flex"), cost(own, "", "m")) == (1, 9)


def test_tiers_are_cliffs() -> None:
    own = parse("prices:\n  - {model: m, input: {base: 1, above: {999_999: 2, 1000000: 7}}}\n")
    assert cost(own, "", "m") == 2


def test_the_version_names_the_file_by_its_content() -> None:
    one, two = (parse(f"prices:\n  - {{model: m, input: {n}}}\n") for n in (1, 2))
    versions = {PriceTable(own).version for own in (one, two, Overrides())}
    assert len(versions) == 3
    assert PriceTable(Overrides()).version == f"genai-prices/{PriceTable().package_version}"


@pytest.mark.parametrize("empty", ["", "# nothing\n"])
def test_an_empty_file_has_no_prices(empty: str) -> None:
    assert parse(empty).entries == ()


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("prices: [", 1, "not YAML"),
        ("- a\n", 1, "name: value"),
        ("\nprice:\n  - {model: m}\n", 3, "no setting 'price'"),
        ("prices: 5\n", 1, "must be a list"),
        ("prices:\n  - model: m\n", 2, "no price"),
        ("prices:\n  - input: 1\n", 2, "no `model`"),
        (
            "prices:\n  - {model: m, input: 1}\n  - model: m\n    inputs: 1\n",
            4,
            "no setting 'inputs'",
        ),
        ("prices:\n  - model: m\n    input: -1\n", 3, "no price"),
        ("prices:\n  - model: m\n    input: nan\n", 3, "no price"),
        ("prices:\n  - model: m\n    input: ten\n", 3, "no price"),
        ("prices:\n  - model: m\n    input: 0.0000000000001\n", 3, "12 digits"),
        ("prices:\n  - model: m\n    cache_read: 1\n", 2, "`input`"),
        ("prices:\n  - model: m\n    from: soon\n    input: 1\n", 3, "2026-01-31"),
        ("prices:\n  - {model: m, from: 2026-02-01, until: 2026-01-01, input: 1}\n", 2, "after"),
        ("prices:\n  - {model: m, free: true, input: 1}\n", 2, "remove"),
        ("prices:\n  - {model: m, input: 1, input: 2}\n", 2, "twice"),
        ("prices:\n  - {model: m, input: {base: 1, over: {1: 2}}}\n", 2, "tiers"),
        ("prices:\n  - {model: m, input: {base: 1, above: {many: 2}}}\n", 2, "'many'"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(text: str, line: int, what: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse(text, "own.yaml")
    assert str(told.value).startswith(f"own.yaml:{line}: ")
    assert what in str(told.value)


@given(st.text(alphabet=" \n-:{}[]prices model input*&!|>#'\"01.", max_size=200))
def test_any_text_is_prices_or_one_sentence_about_a_line(text: str) -> None:
    told = "f:"
    try:
        parse(text, "f")
    except ConfigError as error:
        told = str(error)
    assert told.startswith("f:")
