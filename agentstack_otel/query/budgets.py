# SPDX-License-Identifier: Apache-2.0
"""Budgets in the store: setting, listing, removing, and how much of each is spent."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from decimal import Decimal

from agentstack_exporters.clickhouse.protocol import Row, Store
from agentstack_exporters.clickhouse.queries import load
from agentstack_processors.cost.budgets import Budget, Period, period_of
from agentstack_processors.verdicts import ConfigError

from agentstack_otel.query import cost
from agentstack_otel.query.find import NotFound
from agentstack_otel.query.times import iso

MOST = 100
"""Budgets of one project."""

_COLUMNS = (
    "name", "project_id", "scope", "amount", "period", "thresholds", "created_at", "removed",
    "version",
)  # fmt: skip


def all_of(store: Store, project: str = "") -> list[Budget]:
    """The budgets of a project; of all where that is empty."""
    return [
        Budget(
            name=row["name"],
            amount=Decimal(row["amount"]),
            period=row["period"],
            project=row["project_id"],
            scope=row["scope"],
            thresholds=tuple(row["thresholds"]),
        )
        for row in store.query(load("budgets"), {"project": project})
    ]


def put(store: Store, budget: Budget, now: int, *, removed: bool = False) -> None:
    """Set a budget, in place of the one of its name if there is one.

    Raises:
        ConfigError: It makes no sense, or its project has too many: each is a query now and then.
    """
    budget.validate()
    if not removed:
        _check_room(store, budget)
    row = (
        budget.name, budget.project, dict(budget.scope), format(budget.amount, "f"), budget.period,
        list(budget.thresholds), iso(now)[:23] + "Z", removed, now,
    )  # fmt: skip
    token = hashlib.sha256(repr(row).encode()).hexdigest()
    store.insert("budgets", _COLUMNS, [row], token=f"budgets:{token}")


def _check_room(store: Store, budget: Budget) -> None:
    others = [each for each in all_of(store, budget.project) if each.name != budget.name]
    if sum(each.project == budget.project for each in others) >= MOST:
        raise ConfigError(f"budget: there are {MOST} of them in this project; remove one first")


def remove(store: Store, name: str, project: str, now: int) -> Budget:
    """Remove a budget and return it. Raises NotFound."""
    found = next((each for each in all_of(store, project) if each.name == name), None)
    if found is None:
        raise NotFound(f"there is no budget {name!r}; `agentstack budget list` shows them")
    put(store, found, now, removed=True)
    return found


def spent(store: Store, budget: Budget, period: Period) -> Row:
    """The sum of what a budget limits in a period, see `cost.total`."""
    wanted = replace(
        cost.Filter(project=budget.project, since=period.start, until=period.end),
        **budget.scope,  # type: ignore[arg-type]  # validated names of text fields
    )
    return cost.total(store, wanted)


def status(store: Store, budget: Budget, now: int) -> Row:
    """A budget with what is spent of it in the period that `now` is in."""
    period = period_of(budget.period, now)
    used = spent(store, budget, period)
    money = Decimal(used["cost"]) if used["cost"] is not None else None
    return {
        **as_row(budget),
        "period_start": iso(period.start),
        "period_end": iso(period.end),
        "spent": used["cost"],
        "percent": None if money is None else float(money * 100 / budget.amount),
        "calls": used["calls"],
        "unpriced": used["unpriced"],
    }


def as_row(budget: Budget) -> Row:
    """A budget as JSON has it."""
    return {
        "name": budget.name,
        "project": budget.project,
        "scope": dict(budget.scope),
        "amount": format(budget.amount, "f"),
        "period": budget.period,
        "thresholds": list(budget.thresholds),
        "currency": "USD",
    }


__all__ = ["MOST", "all_of", "as_row", "put", "remove", "spent", "status"]
