# SPDX-License-Identifier: Apache-2.0
"""The engine's JSON lines as rows."""

from __future__ import annotations

import json
from typing import Any

from agentstack_exporters.clickhouse.protocol import Row


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    return row if len(row) == len(pairs) else dict(reversed(pairs))


_decode = json.JSONDecoder(object_pairs_hook=_first_wins).decode


def parse(answer: bytes) -> list[Row]:
    """One dict a line. A map that holds a key twice shows the first value, as `map[key]` does."""
    text = answer.decode("utf-8", "replace")
    return [_decode(line) for line in text.split("\n") if line]
