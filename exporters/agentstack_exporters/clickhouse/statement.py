# SPDX-License-Identifier: Apache-2.0
r"""Is this one statement, and does it only read?

The engine's own `readonly` setting does most of the work: it refuses writes, DDL, settings and the
table functions that reach files and networks. Left over, and refused here, are the doors it leaves
open inside a process: a second statement after `;`, INTO OUTFILE, the scalar function `file()`,
Python objects, and statements like KILL and USE.

The check reads the text as the engine's lexer does. Where the two could differ it refuses: the
engine takes typographic quotes for quotes, invisible characters for spaces, and understands `\x65`
in a quoted name. Functions can be named without a call (`arrayMap(file, …)`, `APPLY file`), so the
name of one that reads files is refused wherever it is not plainly an alias or a table's column.
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
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_READING = {"select", "with", "show", "describe", "desc", "explain", "exists", "("}
_FORBIDDEN_FUNCTIONS = {
    "file",
    "python",
    "catboostevaluate",
    "eval",
    "executable",
    "filesystem",
    "fuzzquery",
    "arrowstream",
    "url",
    "s3",
    "remote",
    "remotesecure",
    "loop",
}
_FORBIDDEN_NAMES = {"file", "catboostevaluate"}


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
    none = ("symbol", "")
    before, after = [none, *tokens[:-1]], [*tokens[1:], none]
    for (_, previous), token, (_, following) in zip(before, tokens, after, strict=True):
        _check_lexing(*token)
        if token[0] in {"word", "quoted"}:
            _check_name(*token, previous.lower(), following.lower())


def _check_lexing(kind: str, text: str) -> None:
    """Refuse what ends the statement, and what the engine might split differently."""
    if kind == "symbol" and text == ";":
        raise Reject("only one statement is allowed")
    if kind == "symbol" and text in "'\"`":
        raise Reject("a quote is not closed")
    if kind == "symbol" and not text.isascii():
        raise Reject(f"the character U+{ord(text):04X} may only stand between straight quotes")
    if kind == "quoted" and "\\" in text:
        raise Reject("a quoted name may not contain a backslash here")


def _check_name(kind: str, text: str, previous: str, following: str) -> None:
    name = text.strip('`"').lower()
    if kind == "word" and name == "into" and following == "outfile":
        raise Reject("INTO OUTFILE is not allowed here")
    if kind == "word" and name == "format" and following.strip('`"').isidentifier():
        raise Reject("FORMAT is not allowed here: the answer's format is fixed")
    if name in _FORBIDDEN_FUNCTIONS and following == "(":
        raise Reject(f"the function {name}() is not allowed here")
    if name in _FORBIDDEN_NAMES and previous not in {"as", "."}:
        raise Reject(f"the name {name} is not allowed here: it is a function that reads files")


def _tokens(sql: str) -> Iterator[tuple[str, str, int]]:
    for match in _TOKEN.finditer(sql):
        kind = match.lastgroup or ""
        kind = "heredoc" if kind == "tag" else kind
        if kind != "space":
            yield kind, match.group(), match.start()
