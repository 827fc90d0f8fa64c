# SPDX-License-Identifier: Apache-2.0
"""Conversations of tau-bench's agents with their customers: honest work, no alert of ours."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from agentstack_processors.security.cache import VerdictCache
from agentstack_processors.security.engine import Engine
from agentstack_processors.security.spans import SpanJudge

from tests.fakes.corpora import corpus
from tests.fakes.open_spans import Run

_TURN = re.compile(r"^(user|assistant|tool): ", re.MULTILINE)


def _rows() -> Iterator[tuple[str, str]]:
    for row in corpus("taubench/benign.jsonl"):
        yield str(row["cat"]), str(row["text"])


def _runs() -> Iterator[Run]:
    """Transcripts; and the airline's turns, a run for each customer who says hello."""
    run = Run("Hello.")
    for kind, text in _rows():
        if kind == "tau-fewshot transcript":
            yield _transcript(text)
        elif kind.endswith("/user") and re.match(r"(?:hi|hello|hey)\b", text, re.IGNORECASE):
            yield run
            run = Run(text)
        elif kind.endswith("/user"):
            run.hears(text)
        elif kind.endswith("/assistant"):
            run.says(text)
        elif kind.endswith("/tool_call"):
            call = json.loads(text)
            run.calls(call["name"], json.loads(call["arguments"]), f"result {len(run.spans)}")
    yield run


def _transcript(text: str) -> Run:
    _, *turns = _TURN.split(text)
    run = Run(turns[1])
    for number, (who, what) in enumerate(zip(turns[2::2], turns[3::2], strict=False)):
        if who == "user":
            run.hears(what)
        elif who == "tool":
            run.calls("look_up", {"number": number}, what.strip())
        elif what.strip() != "None":
            run.says(what)
    return run


def test_no_loop_no_taint_no_leak_and_hardly_a_new_tool() -> None:
    judge = SpanJudge(VerdictCache(Engine()))
    runs = list(_runs())
    assert len(runs) > 90
    assert sum(len(run.spans) for run in runs) > 1500
    told = [
        (alert.rule, alert.score, alert.description)
        for run in runs
        for span in run.spans
        for alert in judge.judge(span)
        if alert.category in ("loop", "taint", "leak", "anomaly")
    ]
    news = [alert for alert in told if alert[0] == "anomaly.new-tool"]
    assert [alert for alert in told if alert not in news] == []
    assert len(news) <= 3
