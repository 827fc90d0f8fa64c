# SPDX-License-Identifier: Apache-2.0
"""The tree of `agentstack trace`: columns stand under each other at every width."""

from __future__ import annotations

import io

import pytest
from rich.cells import cell_len
from rich.console import Console

from agentstack_otel.cli import view
from agentstack_otel.query import trace
from tests.unit.cli.spans import llm, row, tool


def drawn(rows: list[dict[str, object]], width: int) -> list[str]:
    out = io.StringIO()
    console = Console(file=out, width=width, markup=False, emoji=False, highlight=False)
    console.print(view.tree_view(trace.build(rows), width))
    return [line for line in out.getvalue().splitlines() if line.endswith(("✓", "✗"))]


ROWS = [
    row("root", end=1000),
    llm("a-call", "root", 0, 400, input_tokens=1200, output_tokens=7),
    tool("look_up_" + "x" * 90, "root", 400, 900, status="ERROR"),
    row("日本語のモデル", "a-call", 10, 20, operation="chat", model="模型" * 20),
]


@pytest.mark.parametrize("width", [40, 60, 80, 110, 160])
def test_every_line_fits_and_ends_in_the_same_column(width: int) -> None:
    ends = {cell_len(line) for line in drawn(ROWS, width)}

    assert len(ends) == 1
    assert ends.pop() <= width


def test_a_wide_terminal_shows_model_tokens_bar_and_duration_of_a_call() -> None:
    line = next(line for line in drawn(ROWS, 120) if "a-call" in line)

    assert line.split()[-2:] == ["ms", "✓"]
    assert "m1" in line
    assert "1.2k→7" in line
    assert "█" in line


def test_a_narrow_terminal_keeps_what_matters_and_marks_what_was_cut() -> None:
    line = next(line for line in drawn(ROWS, 40) if "look_up" in line)

    assert "…" in line
    assert line.endswith("500 ms ✗")
