# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from agentstack_otel.cli.source import Where

F = TypeVar("F", bound=Callable[..., Any])


def source_options(function: F) -> F:
    """--url, --data, --spool; the command receives `where`, a `Where`."""
    import functools

    @functools.wraps(function)
    def wrapped(url: str, data: str, spool: str, **others: Any) -> Any:
        return function(where=Where.chosen(url, data, spool, os.environ), **others)

    for name, shape, text in (
        ("--spool", "FILE", "Read a spool file of the SDK."),
        ("--data", "DIR", "Read a data folder, through the server that runs on it if one does."),
        ("--url", "URL", "Ask a running server, such as http://127.0.0.1:4320."),
    ):
        wrapped = click.option(name, default="", metavar=shape, help=text)(wrapped)
    return wrapped  # type: ignore[return-value]  # click keeps the callable, under a wider type


def json_option(what: str) -> Callable[[F], F]:
    """--json."""
    return click.option("--json", "as_json", is_flag=True, help=what)


SOURCES = """\b
Read from the first of these that is given: --url, --data, --spool, the
environment variables AGENTSTACK_URL, AGENTSTACK_DATA, AGENTSTACK_SPOOL,
and last the default data folder."""


__all__ = ["SOURCES", "json_option", "source_options"]
