# SPDX-License-Identifier: Apache-2.0
"""`agentstack trace`: one trace as a tree."""

from __future__ import annotations

import click

from agentstack_otel.cli.options import json_option, source_options
from agentstack_otel.cli.source import Where, opened
from agentstack_otel.query.trace import Tree, build, to_json


@click.command(
    "trace",
    epilog="""\b
Examples:
  agentstack trace
  agentstack trace 4bf92f35 --attributes
  agentstack trace latest --json | jq .spans[0].name
  agentstack trace --spool run.db""",
)
@click.argument("trace_id", metavar="[ID]", default="latest")
@click.option("--attributes", is_flag=True, help="Show every attribute and event.")
@source_options
@json_option("One JSON object: totals, and the nested spans under `spans` and `children`.")
def command(*, where: Where, trace_id: str, attributes: bool, as_json: bool) -> None:
    """Show one trace as a tree: operation, model, tokens, duration, status.

    ID is a trace id, 4 or more of its first digits, or `latest` (the default).
    """
    tree = load(where, trace_id)
    if as_json:
        click.echo(to_json(tree))
        return
    from agentstack_otel.cli.view import console, tree_view

    screen = console()
    screen.print(tree_view(tree, screen.width, attributes=attributes))


def load(where: Where, trace_id: str) -> Tree:
    """The tree of the trace a person named."""
    with opened(where) as source:
        rows = source.spans(trace_id)
    return build(rows, rows[0]["trace_id"])


__all__ = ["command", "load"]
