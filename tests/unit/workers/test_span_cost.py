# SPDX-License-Identifier: Apache-2.0
"""What detection takes a span's cost to be."""

from __future__ import annotations

from dataclasses import replace

import pytest
from agentstack_processors.otlp.opened import OpenSpan, open_traces
from agentstack_processors.verdicts import ConfigError

from agentstack_otel.workers.span_cost import SpanCost
from tests.fakes.named_spans import spans


def call(**more: object) -> OpenSpan:
    (span,) = open_traces(spans("chat").payload)
    values = {"provider": "openai", "model": "gpt-4o", "input_tokens": 1000, "output_tokens": 100}
    texts = {"gen_ai.usage.input_tokens": "1000", "gen_ai.usage.output_tokens": "100"}
    return replace(span, attributes=texts, **{**values, **more})  # type: ignore[arg-type]  # a test


def test_a_call_of_a_known_model_has_a_price() -> None:
    assert SpanCost().of(call()) == pytest.approx(0.0035)


@pytest.mark.parametrize(
    "change",
    [
        {"model": "no-such-model"},
        {"operation": "invoke_agent"},
        {"operation": "execute_tool"},
        {"input_tokens": 0, "output_tokens": 0},
        {"input_tokens": 1 << 62},
    ],
)
def test_what_is_no_call_or_has_no_known_price_has_none(change: dict[str, object]) -> None:
    texts = {"attributes": {}} if "input_tokens" in change else {}
    span = replace(call(**change), **texts)  # type: ignore[arg-type]  # a test
    assert SpanCost().of(span) is None


def test_a_prices_file_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"prices\.yaml:1"):
        SpanCost(("prices.yaml", "nonsense"))
