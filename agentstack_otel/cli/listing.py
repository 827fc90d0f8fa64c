# SPDX-License-Identifier: Apache-2.0
"""How commands list: rows as JSON or for people, and an exit code that says if there are any."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from agentstack_otel.cli.exits import DONE, NOTHING
from agentstack_otel.cli.text import json_text

Rows = TypeVar("Rows", bound="list[Any]")


def listed(rows: Rows, *, as_json: bool, show: Callable[[Rows], None], nothing: str) -> int:
    """Print rows; the exit code.

    Args:
        rows: What was found.
        as_json: One JSON object a line, and nothing where there is none.
        show: Prints some rows for people.
        nothing: What people are told where there are none, on stderr.
    """
    if as_json:
        for row in rows:
            click.echo(json_text(row))
    elif rows:
        show(rows)
    else:
        click.echo(nothing, err=True)
    return DONE if rows else NOTHING


__all__ = ["listed"]
