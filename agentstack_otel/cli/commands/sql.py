# SPDX-License-Identifier: Apache-2.0
"""`agentstack sql`: a read-only query."""

from __future__ import annotations

import sys
from typing import Any

import click
from agentstack_exporters.clickhouse.protocol import Row

from agentstack_otel.cli.exits import USAGE, Fault
from agentstack_otel.cli.options import json_option, source_options
from agentstack_otel.cli.source import Where, opened
from agentstack_otel.cli.text import json_text, one_line

_CELL = 300
_WHOLE = 36
_LEAST = 8


@click.command(
    "sql",
    epilog="""\b
Examples:
  agentstack sql "SELECT model, sum(output_tokens) FROM spans FINAL GROUP BY model"
  agentstack sql "SELECT * FROM spans LIMIT 1" --json
  agentstack sql - < report.sql
\b
Tables: spans, genai_events, security_alerts, cost_metrics, spans_trace_id_ts,
and otel_traces with the column names of the Collector's exporter. FINAL hides
spans that a client sent twice.""",
)
@click.argument("query")
@source_options
@json_option("One JSON object a row.")
def command(*, where: Where, query: str, as_json: bool) -> None:
    """Run a read-only query (ClickHouse SQL); QUERY `-` reads it from stdin."""
    text = sys.stdin.read() if query == "-" else query
    if not text.strip():
        raise Fault("the query is empty", USAGE)
    with opened(where) as source:
        rows = source.sql(text)
    if as_json:
        for row in rows:
            click.echo(json_text(row))
    elif rows:
        _show(rows)


def _show(rows: list[Row]) -> None:
    from rich.table import Table
    from rich.text import Text

    from agentstack_otel.cli.view import console

    screen = console()
    table = Table(box=None, padding=(0, 1), header_style="dim")
    cells = [[_cell(value) for value in row.values()] for row in rows]
    longest = [max(map(len, column)) for column in zip(*cells, strict=True)]
    # Ids, names and numbers stay whole; long texts share what is left.
    whole = [max(width, len(name)) for name, width in zip(rows[0], longest, strict=True)]
    texts = sum(width > _WHOLE for width in whole)
    left = screen.width - 2 * len(whole) - sum(width for width in whole if width <= _WHOLE)
    for (name, value), width in zip(rows[0].items(), whole, strict=True):
        number = isinstance(value, int | float) and not isinstance(value, bool)
        table.add_column(
            Text(one_line(name, _CELL)),
            justify="right" if number else "left",
            no_wrap=True,
            overflow="ellipsis",
            width=width if width <= _WHOLE else max(_LEAST, left // texts),
        )
    for row in cells:
        table.add_row(*map(Text, row))
    screen.print(table)


def _cell(value: Any) -> str:
    return one_line(value if isinstance(value, str) else json_text(value), _CELL)


__all__ = ["command"]
