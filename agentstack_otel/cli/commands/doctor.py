# SPDX-License-Identifier: Apache-2.0
"""`agentstack doctor`: check this installation."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentstack_otel.cli.exits import DONE, FAILED
from agentstack_otel.cli.options import json_option
from agentstack_otel.cli.text import clean, json_text
from agentstack_otel.folder import Folder, default_data

if TYPE_CHECKING:
    from agentstack_otel.doctor import Finding

_SIGNS = {
    "ok": ("✓", "green"),
    "info": ("i", "cyan"),
    "warning": ("!", "yellow"),
    "error": ("✗", "bold red"),
}


@click.command(
    "doctor",
    epilog="""\b
Examples:
  agentstack doctor
  AGENTSTACK_COLLECTOR_URL=http://collector:4318 agentstack doctor --json""",
)
@click.option("--data", envvar="AGENTSTACK_DATA", metavar="DIR", help="Data folder to look at.")
@click.option(
    "--timeout",
    default=2.0,
    show_default=True,
    type=click.FloatRange(0.1, 60),
    help="Seconds the collector may take to answer.",
)
@json_option("One JSON object a finding: level, title, detail, remedy.")
def command(*, data: str | None, timeout: float, as_json: bool) -> int:
    """Check this installation and name what would go wrong.

    Shows which OpenTelemetry distribution and instrumentors win, where each setting comes from,
    whether the collector answers and what waits in the spool. Exit code 1 when data would be lost.
    """
    from agentstack_otel.doctor import examine

    folder = Folder(Path(data) if data else default_data(os.environ))
    findings = [*examine(timeout=timeout), *_server(folder)]
    for finding in findings:
        if as_json:
            click.echo(json_text(asdict(finding)))
    if not as_json:
        _show(findings)
    return FAILED if any(finding.level == "error" for finding in findings) else DONE


def _server(folder: Folder) -> Iterator[Finding]:
    from agentstack_otel.doctor import Finding

    if folder.held():
        holder = folder.holder()
        where = f"http://{holder['http']}" if holder.get("http") else "still starting"
        detail = f"runs on {folder.path} (pid {holder.get('pid')}, {where})"
        yield Finding("ok", "server", detail)
    elif folder.store.exists():
        detail = f"none runs on {folder.path}; commands read the folder itself"
        yield Finding("info", "server", detail, "agentstack up")
    else:
        detail = f"none has run on {folder.path} yet"
        yield Finding("info", "server", detail, "agentstack up")


def _show(findings: list[Finding]) -> None:
    from rich.text import Text

    from agentstack_otel.cli.view import console

    screen = console()
    for finding in findings:
        sign, style = _SIGNS[finding.level]
        line = Text.assemble((f"{sign} ", style))
        line.append(clean(finding.title), "bold")
        line.append(f"  {clean(finding.detail)}")
        if finding.remedy:
            line.append(f"\n    → {clean(finding.remedy)}", "cyan")
        screen.print(line, soft_wrap=True)


__all__ = ["command"]
