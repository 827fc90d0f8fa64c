# SPDX-License-Identifier: Apache-2.0
"""From what a person types (an id, the beginning of one, `latest`) to the spans of a trace."""

from __future__ import annotations

import re

from agentstack_exporters.clickhouse.protocol import Row, Store
from agentstack_exporters.clickhouse.queries import load
from agentstack_processors.verdicts import AgentStackError, ConfigError

from agentstack_otel.query import cost_marks, marks
from agentstack_otel.query.traces import Filter, recent

_ID = re.compile(r"[0-9a-f]{4,32}")
_WHOLE = re.compile(r"[0-9a-f]{32}")
_SHOWN = 5


class NotFound(AgentStackError):
    """There is no such trace (exit code 3, HTTP 404)."""


def resolve(store: Store, wanted: str, project: str = "") -> str:
    """The full trace id that `wanted` names.

    Args:
        store: Where to look.
        wanted: 32 hex digits, at least the first 4 of them, or `latest`. Upper case and the dashes
            of a UUID are accepted.
        project: Tenant; empty for all.

    Raises:
        NotFound: No trace has this id.
        ConfigError: It is no id, or it begins several.
    """
    text = wanted.strip().lower().replace("-", "")
    if text == "latest":
        rows = recent(store, Filter(limit=1, project=project))
        if not rows:
            raise NotFound("there are no traces yet; run an app under opentelemetry-instrument")
        return str(rows[0]["trace_id"])
    if not _ID.fullmatch(text):
        raise ConfigError(
            f"{wanted!r} is no trace id: give its 32 hex digits, 4 or more of the first, or latest"
        )
    params = {"project": project, "prefix": text, "limit": _SHOWN + 1}
    ids = [str(row["trace_id"]) for row in store.query(load("trace_ids"), params)]
    if not ids:
        raise NotFound(f"no trace {text}; `agentstack traces` lists those there are")
    if len(ids) > 1:
        shown = ", ".join(ids[:_SHOWN]) + (", …" if len(ids) > _SHOWN else "")
        raise ConfigError(f"{text} begins several trace ids, give more digits: {shown}")
    return ids[0]


def spans(store: Store, wanted: str, project: str = "") -> list[Row]:
    """Rows of `trace_spans.sql`, with `alerts` and costs, for the trace `wanted` names.

    Errors as in `resolve`.
    """
    text = wanted.strip().lower().replace("-", "")
    trace_id = text if _WHOLE.fullmatch(text) else resolve(store, wanted, project)
    rows = store.query(load("trace_spans"), {"project": project, "trace_id": trace_id})
    if not rows:
        raise NotFound(f"no trace {trace_id}; `agentstack traces` lists those there are")
    return cost_marks.attach(store, marks.attach(store, rows, project), project)


__all__ = ["NotFound", "resolve", "spans"]
