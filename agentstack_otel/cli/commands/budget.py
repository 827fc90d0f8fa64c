# SPDX-License-Identifier: Apache-2.0
"""`agentstack budget`: limits on spending, with alerts."""

from __future__ import annotations

import click
from agentstack_exporters.clickhouse.protocol import Row

from agentstack_otel.cli import spending as asked
from agentstack_otel.cli.exits import DONE, NOTHING
from agentstack_otel.cli.options import json_option, source_options
from agentstack_otel.cli.source import Where, opened
from agentstack_otel.cli.text import clean, json_text, money, one_line


@click.group(
    "budget",
    epilog="""\b
Examples:
  agentstack budget set team 500 --period month
  agentstack budget set judge 2 --period day --model gpt-4o --agent judge --at 80,100
  agentstack budget status
  agentstack budget remove judge""",
)
def command() -> None:
    """Limit spending per hour, day, week or month; the server tells when a limit is near.

    Alerts come once per threshold and period, as those of detection do: `agentstack alerts`.
    """


@command.command("set", epilog="\b\nExample:\n  agentstack budget set team 500 --period month")
@click.argument("name")
@click.argument("amount", metavar="USD")
@click.option(
    "--period",
    type=click.Choice(["hour", "day", "week", "month"]),
    default="month",
    show_default=True,
    help="In UTC; weeks begin on Monday.",
)
@click.option(
    "--at", "at", default="50,80,100", show_default=True, help="Alert at these per cents."
)
@click.option(
    "--project", default="", metavar="NAME", help="Spending of this project; else of all."
)
@click.option("--model", default="", metavar="NAME", help="Only of this model; so for the rest.")
@click.option("--agent", default="", metavar="NAME")
@click.option("--user", default="", metavar="ID")
@click.option("--service", default="", metavar="NAME")
@click.option("--provider", default="", metavar="NAME")
@click.option("--conversation", default="", metavar="ID")
@source_options
@json_option("The budget as one object.")
def set_(
    *, where: Where, name: str, amount: str, period: str, at: str, project: str, as_json: bool,
    **scope: str,
) -> int:  # fmt: skip
    """Set a budget, in place of the one of that name."""
    told = {
        "name": name,
        "amount": amount,
        "period": period,
        "project": project,
        "scope": {key: value for key, value in scope.items() if value},
        "thresholds": _per_cents(at),
    }
    with opened(where) as source:
        row = asked.spending(source, lasting=_LASTING).set_budget(told)
    click.echo(json_text(row) if as_json else _sentence(row))
    return DONE


@command.command("list", epilog="\b\nExample:\n  agentstack budget list --json")
@source_options
@json_option("One JSON object a line.")
def list_(*, where: Where, as_json: bool) -> int:
    """List budgets. Exit code 3 when there are none."""
    return _told(where, as_json, spent=False)


@command.command("status", epilog="\b\nExample:\n  agentstack budget status --json")
@source_options
@json_option("One JSON object a line.")
def status(*, where: Where, as_json: bool) -> int:
    """Show what is spent of each budget in its current period. Exit code 3 without budgets."""
    return _told(where, as_json, spent=True)


@command.command("remove", epilog="\b\nExample:\n  agentstack budget remove judge")
@click.argument("name")
@click.option("--project", default="", metavar="NAME", help="Of this project.")
@source_options
@json_option("The budget that was removed.")
def remove(*, where: Where, name: str, project: str, as_json: bool) -> int:
    """Remove a budget. Exit code 3 when there is none of that name."""
    with opened(where) as source:
        row = asked.spending(source, lasting=_LASTING).remove_budget(name, project)
    click.echo(json_text(row) if as_json else f"removed: {_sentence(row)}")
    return DONE


_LASTING = "keeps no budgets"


def _told(where: Where, as_json: bool, *, spent: bool) -> int:
    with opened(where) as source:
        rows = asked.spending(source, lasting=_LASTING).budgets()
    if as_json:
        hidden = () if spent else ("spent", "percent", "calls", "unpriced")
        for row in rows:
            click.echo(json_text({key: row[key] for key in row if key not in hidden}))
    elif not rows:
        click.echo("agentstack: no budgets; `agentstack budget set` makes one", err=True)
    elif spent:
        _show(rows)
    else:
        for row in rows:
            click.echo(_sentence(row))
    return DONE if rows else NOTHING


def _show(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    from agentstack_otel.cli.view import console

    table = Table(box=None, padding=(0, 1), header_style="dim")
    unpriced = any(row["unpriced"] for row in rows)
    for name in ("budget", "of", "since"):
        table.add_column(name)
    for name in ("spent", "limit", "used", *(["no price"] if unpriced else [])):
        table.add_column(name, justify="right")
    for row in rows:
        spent, percent = ("0", 0.0) if not row["calls"] else (row["spent"], row["percent"])
        style = "red" if (percent or 0) >= 100 else "yellow" if (percent or 0) >= 80 else ""
        table.add_row(
            Text(one_line(row["name"], 60)),
            Text(one_line(_whose(row), 60)),
            row["period_start"][:16].replace("T", " "),
            money(spent),
            f"{money(row['amount'])} / {row['period']}",
            Text(_used(percent), style),
            *([str(row["unpriced"] or "")] if unpriced else []),
        )
    console().print(table)


def _used(percent: float | None) -> str:
    if percent is None:
        return "—"
    return "<1 %" if 0 < percent < 1 else f"{int(percent)} %"  # 99.9 % is not used up


def _sentence(row: Row) -> str:
    at = ", ".join(f"{each:g}" for each in row["thresholds"])
    return clean(
        f"{row['name']}: {money(row['amount'])} per {row['period']} for {_whose(row)},"
        f" alerts at {at} %"
    )


def _whose(row: Row) -> str:
    parts = [f"project {row['project']}"] if row["project"] else []
    parts += [f"{key} {value}" for key, value in sorted(row["scope"].items())]
    return ", ".join(parts) or "everything"


def _per_cents(text: str) -> list[float]:
    try:
        return [float(each) for each in text.replace("%", "").split(",") if each.strip()]
    except ValueError:
        raise click.UsageError(
            f"--at: {text!r} is no list of per cents such as 50,80,100"
        ) from None


__all__ = ["command"]
