# SPDX-License-Identifier: Apache-2.0
"""What a span cost, for detection of cost spikes; the books are kept by the cost worker.

Only calls of a model have a cost here: what surrounds them repeats their usage.
"""

from __future__ import annotations

from agentstack_processors.cost.calls import CALLS, Where, price, use_of
from agentstack_processors.cost.overrides import NO_OVERRIDES, parse
from agentstack_processors.cost.table import PriceTable
from agentstack_processors.cost.usage import read
from agentstack_processors.otlp.opened import OpenSpan

_COLUMNS = (
    "operation",
    "provider",
    "model",
    "agent",
    "conversation",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "reasoning_tokens",
)


class SpanCost:
    """Prices spans.

    Args:
        prices: Name and text of the user's prices file; None: no prices of his own.

    Raises:
        ConfigError: The file makes no sense.
    """

    def __init__(self, prices: tuple[str, str] | None = None) -> None:
        overrides = NO_OVERRIDES if prices is None else parse(prices[1], prices[0])
        self._table = PriceTable(overrides)

    def of(self, span: OpenSpan) -> float | None:
        """US dollars; None for what is no call, or has no known price."""
        if span.operation not in CALLS or not (span.input_tokens or span.output_tokens):
            return None
        columns = {name: getattr(span, name) for name in _COLUMNS}
        where = Where(
            span.project, span.trace_id, span.span_id, span.parent_span_id,
            span.start, span.end, span.received_at, "", span.service_name,
        )  # fmt: skip
        usage = read(span.attributes, columns)
        found = price(use_of(span.attributes, columns, usage, where), self._table)
        return None if found.money is None else float(found.money.total)


__all__ = ["SpanCost"]
