# SPDX-License-Identifier: Apache-2.0
"""`agentstack traces`: the newest traces, one line each."""

from __future__ import annotations

import time

import click
from agentstack_exporters.clickhouse.protocol import Row

from agentstack_otel.cli.exits import DONE, NOTHING
from agentstack_otel.cli.options import json_option, source_options
from agentstack_otel.cli.source import Where, opened
from agentstack_otel.cli.text import ago, duration, json_text, one_line, tokens
from agentstack_otel.query.times import since as since_ns
from agentstack_otel.query.traces import Filter

_NARROW = 90


@click.command(
    "traces",
    epilog="""\b
Examples:
  agentstack traces
  agentstack traces --status error --since 2h
  agentstack traces --conversation thread-42 --json
  agentstack traces --search "order 1234" --spool run.db""",
)
@click.option("--service", default="", metavar="NAME", help="A span comes from this service.")
@click.option(
    "--status",
    type=click.Choice(["ok", "error", "unset"], case_sensitive=False),
    help="How the run itself ended; a failed step it recovered from does not count.",
)
@click.option(
    "--since", default="", metavar="AGE|TIME", help="Such as 15m, 2h, 7d, 2026-11-21T10:00Z."
)
@click.option(
    "--conversation", default="", metavar="ID", help="Of this conversation (thread, session)."
)
@click.option(
    "--search", default="", metavar="TEXT", help="TEXT stands in a name, message or attribute."
)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@source_options
@json_option("One JSON object a line.")
def command(
    *,
    where: Where,
    service: str,
    status: str | None,
    since: str,
    conversation: str,
    search: str,
    limit: int,
    as_json: bool,
) -> int:
    """List the newest traces."""
    wanted = Filter(
        service=service,
        status=(status or "").upper(),
        conversation=conversation,
        search=search,
        since=since_ns(since, time.time_ns()) if since else 0,
        limit=limit,
    )
    with opened(where) as source:
        rows = source.traces(wanted)
    if as_json:
        for row in rows:
            click.echo(json_text(row))
    elif rows:
        _show(rows)
    else:
        click.echo(
            "agentstack: no trace matches" if wanted != Filter(limit=limit) else _EMPTY, err=True
        )
    return DONE if rows else NOTHING


_EMPTY = "agentstack: there are no traces yet; run an app under opentelemetry-instrument"


def _show(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    from agentstack_otel.cli.view import STATUS, console

    screen = console()
    wide = screen.width >= _NARROW
    table = Table(box=None, padding=(0, 1), header_style="dim", expand=False)
    table.add_column("")
    table.add_column("trace", no_wrap=True)
    table.add_column("run", overflow="ellipsis", no_wrap=True)
    for name in ("service", "model", "tokens") if wide else ():
        table.add_column(name, overflow="ellipsis", no_wrap=True, max_width=24)
    table.add_column("spans", justify="right")
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("started", justify="right", no_wrap=True)
    now = time.time_ns()
    for row in rows:
        sign, style = STATUS.get(row["status"], STATUS["UNSET"])
        more = [
            one_line(row["service"], 40),
            one_line(", ".join(row["models"]), 60),
            tokens(row["input_tokens"], row["output_tokens"]),
        ]
        spans = f"{row['span_count']}" + (f" ({row['errors']}✗)" if row["errors"] else "")
        table.add_row(
            Text(sign, style),
            row["trace_id"] if wide else row["trace_id"][:8],
            Text(one_line(row["name"], 80), "bold"),
            *(more if wide else []),
            spans,
            duration(row["duration_ms"]),
            ago(row["start_ns"], now),
        )
    screen.print(table)


__all__ = ["command"]
