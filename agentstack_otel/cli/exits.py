# SPDX-License-Identifier: Apache-2.0
"""How a command ends: 0 done, 1 failed, 2 wrong usage, 3 nothing found."""

from __future__ import annotations

import click

from agentstack_otel.cli.text import clean

DONE = 0
FAILED = 1
USAGE = 2
NOTHING = 3
INTERRUPTED = 130  # what shells report for Ctrl-C


class Fault(Exception):
    """A command cannot go on.

    Args:
        sentence: What is wrong and what to do, for a person.
        code: The exit code.
    """

    def __init__(self, sentence: str, code: int = FAILED) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


def complain(fault: Fault) -> int:
    """Write the sentence to stderr; returns the exit code."""
    click.echo(f"agentstack: {clean(fault.sentence)}", err=True)
    return fault.code


__all__ = ["DONE", "FAILED", "INTERRUPTED", "NOTHING", "USAGE", "Fault", "complain"]
