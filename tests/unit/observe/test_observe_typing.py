# SPDX-License-Identifier: Apache-2.0
"""Editors and type checkers see the decorated function's own signature."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_PROGRAM = """
from collections.abc import AsyncIterator, Iterator
from agentstack_otel.observe import observe
from agentstack_otel.runs import AgentTracer

@observe
def bare(a: int, *, b: str = "") -> float: ...
@observe("named", operation="execute_tool")
async def named(a: int) -> list[str]: ...
@observe()
def stream(n: int) -> Iterator[bytes]: ...
@observe(capture=False)
async def chunks(n: int) -> AsyncIterator[str]:
    yield ""
class Agent:
    @observe
    def method(self, x: int) -> str: ...
    @classmethod
    @observe
    def make(cls) -> "Agent": ...

reveal_type(bare)
reveal_type(named)
reveal_type(stream)
reveal_type(chunks)
reveal_type(Agent().method)
reveal_type(Agent.make)
bare("wrong")
with AgentTracer().run("r") as run, run.step("s") as step:
    reveal_type(run)
    step.tokens(input="wrong")
"""


@pytest.mark.slow
def test_mypy_sees_through_the_decorator(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(_PROGRAM)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", str(program)],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    revealed = [
        line.split("Revealed type is ")[1]
        for line in done.stdout.splitlines()
        if "Revealed" in line
    ]
    assert [text.replace("builtins.", "").replace("program.", "") for text in revealed] == [
        '"def (a: int, *, b: str =) -> float"',
        '"def (a: int) -> typing.Coroutine[Any, Any, list[str]]"',
        '"def (n: int) -> typing.Iterator[bytes]"',
        '"def (n: int) -> typing.AsyncIterator[str]"',
        '"def (x: int) -> str"',
        '"def () -> Agent"',
        '"agentstack_otel.runs.Run"',
    ], done.stdout + done.stderr
    assert done.stdout.count('has incompatible type "str"') == 2
