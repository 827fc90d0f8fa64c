# SPDX-License-Identifier: Apache-2.0
"""Uses with their prices as rows of `cost_metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any, Final

from agentstack_processors.cost.book import Verdict
from agentstack_processors.cost.calls import Use, price
from agentstack_processors.cost.table import PriceTable

COLUMNS: Final = (
    "project_id", "time", "trace_id", "span_id", "conversation", "user_id", "service_name", "agent",
    "provider", "model", "operation", "prompt_tokens", "completion_tokens", "cached_tokens",
    "cache_write_tokens", "reasoning_tokens", "audio_tokens", "prompt_cost", "completion_cost",
    "cached_cost", "cache_write_cost", "total_cost", "cost_status", "priced_as", "call_context",
    "estimated", "price_version", "generation", "version",
)  # fmt: skip

PLACE_COLUMNS: Final = (
    "project_id", "trace_id", "time", "span_ids", "repeated", "agents", "conversations", "users",
    "version",
)  # fmt: skip

_UNKNOWN = (None, None, None, None, None)
_BILLION = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def row(use: Use, table: PriceTable, generation: int = 0) -> Sequence[Any]:
    """One use priced; values in the order of `COLUMNS`, money as exact decimal text or None."""
    priced = price(use, table)
    money = priced.money
    usage = use.usage
    return (
        use.project,
        when(use.start),
        use.trace_id,
        use.span_id,
        use.conversation,
        use.user,
        use.service_name,
        use.agent,
        use.provider,
        use.model or use.response_model,
        use.operation,
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write,
        usage.reasoning,
        usage.input_audio + usage.output_audio,
        *(
            _UNKNOWN
            if money is None
            else (
                text(money.input),
                text(money.output),
                text(money.cache_read),
                text(money.cache_write),
                text(money.total),
            )
        ),
        priced.status,
        priced.priced_as,
        ",".join(map("=".join, use.context)) if use.context else "",
        priced.estimated,
        table.version,
        generation,
        use.received_at,
    )


def place_row(verdict: Verdict, version: int) -> Sequence[Any]:
    """What a trace says of its uses; values in the order of `PLACE_COLUMNS`."""
    places = sorted(verdict.places.items())
    return (
        verdict.project,
        verdict.trace_id,
        when(verdict.start),
        [span_id for span_id, _ in places],
        [place.repeated for _, place in places],
        *([place.said[index] for _, place in places] for index in range(3)),
        version,
    )


def when(ns: int) -> str:
    """Nanoseconds since the epoch as the engine reads a DateTime64: seconds with all digits.

    It takes fewer than ten digits for a date, so that times before 2001 have to be written out.
    """
    seconds, rest = divmod(ns, _BILLION)
    if seconds >= _BILLION:
        return f"{seconds}.{rest:09d}"
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def text(amount: Decimal) -> str:
    """All digits, no exponent."""
    return format(amount, "f") if amount else "0"


__all__ = ["COLUMNS", "PLACE_COLUMNS", "place_row", "row", "text", "when"]
