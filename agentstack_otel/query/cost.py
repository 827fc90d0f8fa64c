# SPDX-License-Identifier: Apache-2.0
"""What was spent, by model, agent, project, conversation, user, … and by hour, day, week, month."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from agentstack_exporters.clickhouse.protocol import Row, Store
from agentstack_exporters.clickhouse.queries import load
from agentstack_processors.verdicts import ConfigError

from agentstack_otel.query.uses import END

DIMENSIONS = (
    "model", "agent", "project", "conversation", "user", "service", "provider", "operation",
    "trace", "status",
)  # fmt: skip
TIMES = ("hour", "day", "week", "month")
_DAY = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Filter:
    """Which spending, and how it is cut. Empty strings do not filter.

    Attributes:
        by: Up to two of `DIMENSIONS` and `TIMES`; none for one sum.
        project, model, agent, conversation, user, service, provider, operation, trace: Only of it.
        since: ns since the epoch, that is the first one.
        until: Likewise, the first one that is left out; 0 for no end.
        limit: At most so many rows, the dearest first; times in their order.
    """

    by: tuple[str, ...] = ()
    project: str = ""
    model: str = ""
    agent: str = ""
    conversation: str = ""
    user: str = ""
    service: str = ""
    provider: str = ""
    operation: str = ""
    trace: str = ""
    since: int = 0
    until: int = 0
    limit: int = 100

    def validate(self) -> None:
        """Raise ConfigError when a value makes no sense."""
        for name in self.by:
            if name not in DIMENSIONS + TIMES:
                known = ", ".join(DIMENSIONS + TIMES)
                raise ConfigError(f"by: there is no dimension {name!r}: use {known}")
        if len(self.by) > 2 or len(set(self.by)) < len(self.by):
            raise ConfigError("by: give at most two dimensions, each once")
        if not 1 <= self.limit <= 100_000:
            raise ConfigError("limit must be between 1 and 100000")
        if self.until and self.until <= self.since:
            raise ConfigError("until must be after since")


def rollup(store: Store, wanted: Filter) -> list[Row]:
    """Rows with the dimensions by name, `calls`, tokens and costs as decimal text.

    `cost` is None where nothing could be priced; `unpriced` counts the calls without a price and
    `reasons` says why.
    """
    wanted.validate()
    by = (*wanted.by, "", "")[:2]
    params = {
        name: getattr(wanted, name)
        for name in (
            "project", "model", "agent", "conversation", "user", "service", "provider",
            "operation", "trace", "limit",
        )
    }  # fmt: skip
    params |= {"first": max(0, wanted.since), "last": min(wanted.until or END, END)}
    params |= {"by1": by[0], "by2": by[1], "unit": "time" if by[0] in TIMES else "cost"}
    return [_named(row, wanted.by) for row in store.query(over_rows("cost_rollup"), params)]


def total(store: Store, wanted: Filter) -> Row:
    """One row over everything that `wanted` lets through."""
    rows = rollup(store, replace(wanted, by=(), limit=1))
    return rows[0] if rows else _named(dict(_NOTHING), ())


_NOTHING: Row = {
    "calls": 0, "unpriced": 0, "estimates": 0, "reasons": [], "input_tokens": 0,
    "output_tokens": 0, "cached": 0, "cache_written": 0, "reasoning": 0, "input_cost": None,
    "output_cost": None, "cache_read_cost": None, "cache_written_cost": None, "cost": None,
}  # fmt: skip


def over_rows(name: str) -> str:
    """A query of which `cost_rows` is the source, with that in its place."""
    return load(name).replace("FROM cost_rows", f"FROM (\n{load('cost_rows')})")


def of_traces(store: Store, project: str, ids: Iterable[str], first: int) -> dict[str, Row]:
    """By trace id: `cost` (None where not known), `calls`, `unpriced`, `reasons`.

    Args:
        store: Where to look.
        project: Tenant; empty for all.
        ids: The traces.
        first: Time (ns) before which none of their spans started.
    """
    params = {"project": project, "trace": "", "ids": list(ids), "first": first, "last": END}
    rows = store.query(over_rows("cost_of_traces"), params) if params["ids"] else []
    return {row.pop("trace_id"): row for row in rows}


def of_spans(store: Store, project: str, trace_id: str, first: int, last: int) -> dict[str, Row]:
    """By span id: `cost`, `cost_status`, `priced_as`, `estimated`, `price_version`, `repeated`."""
    params = {"project": project, "trace": trace_id, "first": first, "last": min(last + _DAY, END)}
    rows = store.query(load("cost_of_spans"), params)
    for row in rows:
        row["repeated"] = bool(row.pop("is_repeated"))
    return {row.pop("span_id"): row for row in rows}


def _named(row: Row, by: tuple[str, ...]) -> Row:
    keys = [row.pop(name, "") for name in ("key1", "key2")]
    row["cached_tokens"] = row.pop("cached")
    row["cache_write_tokens"] = row.pop("cache_written")
    row["reasoning_tokens"] = row.pop("reasoning")
    row["cache_write_cost"] = row.pop("cache_written_cost")
    return {**dict(zip(by, keys, strict=False)), **row, "currency": "USD"}


__all__ = ["DIMENSIONS", "TIMES", "Filter", "of_spans", "of_traces", "over_rows", "rollup", "total"]
