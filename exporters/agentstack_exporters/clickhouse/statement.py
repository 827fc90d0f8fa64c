# SPDX-License-Identifier: Apache-2.0
"""Is this one statement, and does it only read?

The engine's own `readonly` setting does most of the work: it refuses writes, DDL, settings and the
table functions that reach files and networks. Left over, and refused here, are the doors it leaves
open inside a process: a second statement after `;`, INTO OUTFILE, the scalar function `file()`,
Python objects, and statements like KILL and USE.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentstack_processors.verdicts import Reject

_TOKEN = re.compile(
    r"""
    (?P<space>\s+|--[^\n]*|\#[!\ ][^\n]*|/\*.*?\*/)
  | (?P<text>'(?:[^'\\]|\\.|'')*')
  | (?P<heredoc>\$(?P<tag>\w*)\$.*?\$(?P=tag)\$)
  | (?P<quoted>`(?:[^`\\]|\\.|``)*`|"(?:[^"\\]|\\.|"")*")
  | (?P<word>\w+)
  | (?P<symbol>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_READING = {"select", "with", "show", "describe", "desc", "explain", "exists", "("}
_FORBIDDEN_FUNCTIONS = {
    "file",
    "python",
    "catboostevaluate",
    "executable",
    "url",
    "s3",
    "remote",
    "remotesecure",
    "loop",
}


def read_only(sql: str) -> str:
    """The statement without a trailing semicolon.

    Raises:
        Reject: Empty, more than one statement, or one that is not a plain read.
    """
    tokens = list(_tokens(sql))
    while tokens and tokens[-1][1] == ";":
        sql = sql[: tokens.pop()[2]]
    if not tokens:
        raise Reject("the query is empty")
    if tokens[0][1].lower() not in _READING:
        raise Reject("only SELECT, SHOW, DESCRIBE, EXPLAIN and EXISTS are allowed here")
    _check([(kind, text) for kind, text, _ in tokens])
    return sql.rstrip()


def _check(tokens: list[tuple[str, str]]) -> None:
    after = [*tokens[1:], ("symbol", "")]
    for (kind, text), (_, following) in zip(tokens, after, strict=True):
        name = text.strip('`"').lower() if kind == "quoted" else text.lower()
        if kind == "symbol" and text == ";":
            raise Reject("only one statement is allowed")
        if kind == "symbol" and text in "'\"`":
            raise Reject("a quote is not closed")
        if kind == "word" and name == "into" and following.lower() == "outfile":
            raise Reject("INTO OUTFILE is not allowed here")
        if kind == "word" and name == "format" and following.isidentifier():
            raise Reject("FORMAT is not allowed here: the answer's format is fixed")
        if kind in {"word", "quoted"} and name in _FORBIDDEN_FUNCTIONS and following == "(":
            raise Reject(f"the function {name}() is not allowed here")


def _tokens(sql: str) -> Iterator[tuple[str, str, int]]:
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or ""
        kind = "heredoc" if kind == "tag" else kind
        if kind != "space":
            yield kind, match.group(), match.start()
