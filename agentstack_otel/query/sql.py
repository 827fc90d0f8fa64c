# SPDX-License-Identifier: Apache-2.0
"""A user's own SQL: read-only, and refused in one sentence when it is not."""

from __future__ import annotations

import re

from agentstack_exporters.clickhouse.protocol import Row, Store
from agentstack_processors.verdicts import Reject

_COMMENTS = re.compile(r"--[^\n]*|#!?[^\n]*|/\*.*?\*/", re.DOTALL)
_READS = frozenset({"SELECT", "WITH", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "EXISTS"})
_FORMAT = re.compile(r"\bFORMAT\s+(?!(?:ASC|DESC)\b)[A-Za-z]\w*\s*;?\s*$", re.IGNORECASE)


def run(store: Store, query: str) -> list[Row]:
    """Rows of `query`.

    The engine itself refuses writes; the checks here only make the answer readable.

    Raises:
        Reject: Not a reading statement, or the engine's own complaint.
    """
    word = first_word(query)
    if not word:
        raise Reject("the query is empty")
    if word not in _READS:
        raise Reject(f"only reading statements are allowed (SELECT, WITH, SHOW, …), not {word}")
    if _FORMAT.search(query):
        raise Reject("leave FORMAT out: rows come back as JSON objects")
    return store.query(query.rstrip().rstrip(";"))


def first_word(query: str) -> str:
    """The statement's first keyword in upper case, comments and brackets skipped."""
    bare = _COMMENTS.sub(" ", query).lstrip(" \t\r\n(;")
    match = re.match(r"[A-Za-z]+", bare)
    return match[0].upper() if match else bare[:10]


__all__ = ["first_word", "run"]
