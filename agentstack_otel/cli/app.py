# SPDX-License-Identifier: Apache-2.0
"""The command group: commands are imported when they are run, so that `--help` is immediate."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import click

from agentstack_otel.cli.exits import DONE, INTERRUPTED, Fault, complain
from agentstack_otel.version import __version__

COMMANDS = {
    "up": "Run the whole server in one process: OTLP in, storage, API.",
    "traces": "List the newest traces.",
    "trace": "Show one trace as a tree.",
    "replay": "Step through a recorded run; nothing is executed again.",
    "cost": "Sum up what was spent; prices; history at other prices.",
    "budget": "Limit spending, with alerts.",
    "sql": "Run a read-only query.",
    "rules": "List, test and explain what detection looks for.",
    "alerts": "List, show and acknowledge what detection found; test where alerts go.",
    "doctor": "Check this installation and name what would go wrong.",
    "migrate": "Bring a data folder's tables up to date.",
    "dlq": "Inspect and send again what could not be stored.",
    "demo": "Record an example agent, show its trace and replay it.",
    "eval": "Measure redaction and detection on labelled texts.",
    "bench": "Send load to a server and report what it takes.",
}


class LazyGroup(click.Group):
    """A group whose commands live in `agentstack_otel.cli.commands.<name>`."""

    def list_commands(self, _: click.Context) -> list[str]:
        """Names in the order of `COMMANDS`."""
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"agentstack_otel.cli.commands.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(
    "agentstack",
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 nothing found.",
)
@click.version_option(__version__, prog_name="agentstack")
def group() -> None:
    """See what your AI agents did: record, store and replay their runs over OpenTelemetry."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; one sentence on stderr for each fault."""
    try:
        result = group.main(
            args=list(arguments) if arguments is not None else None,
            prog_name="agentstack",
            standalone_mode=False,
        )
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except Exception as error:
        return _explain(error)
    return result if isinstance(result, int) else DONE


def _explain(error: Exception) -> int:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.ctx.get_help() if error.ctx else error.format_message())
        return DONE
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, Fault):
        return complain(error)
    from agentstack_otel.cli.faults import explained

    fault = explained(error)
    if fault is None:
        raise error
    return complain(fault)


__all__ = ["COMMANDS", "group", "run"]
