# SPDX-License-Identifier: Apache-2.0
"""From a span to its alerts: the whole of detection as one pure pipeline."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Protocol

from agentstack_processors.otlp.opened import OpenSpan
from agentstack_processors.security.alert import LOW, Alert
from agentstack_processors.security.texts import SpanText, texts_of
from agentstack_processors.security.trace_state import TraceState, TraceWatch
from agentstack_processors.security.verdict import CLEAN, Scope, Verdict

# What a model says again is news to loops; it is never an alert of its own twice.
_SAID_AGAIN = frozenset(("assistant", "tool_input"))


# "order_id: 4711", "ok": single words too short to tell anybody anything. Half of all arguments.
_SHORT = 120
_TRIFLE = re.compile(r"(?:(?:[\w.\-]{1,40}: )?[\w.@:+\-]{0,20}(?:\n|\Z)){1,6}")


class Judge(Protocol):
    """Whoever judges one text: an `Engine`, or a `VerdictCache` in front of one."""

    def judge(self, text: str, scope: Scope = "user") -> Verdict:
        """The verdict on `text`."""
        ...


class SpanJudge:
    """Judges spans one after the other, in the order of the log.

    Not safe to share between threads: spans of one trace are judged in order.

    Args:
        engine: Judges texts; give it a cache, histories repeat.
        watch: What is remembered of traces and baselines.
    """

    def __init__(self, engine: Judge, watch: TraceWatch | None = None) -> None:
        self.engine = engine
        self.watch = TraceWatch() if watch is None else watch  # an empty one is false

    def judge(self, span: OpenSpan, cost: float | None = None) -> list[Alert]:
        """Every alert of `span`; the same ones when it is given again.

        Args:
            span: The span; those of its trace that the log has before it were given before.
            cost: What it cost in US dollars, where known.
        """
        state = self.watch.state(span)
        key = (span.span_id, span.end)
        known = state.spans.get(key)
        if known is not None:
            return list(known)
        judged = self._judged(span, state)
        alerts = [*_of_texts(span, judged, state), *self.watch.observe(span, judged, cost)]
        self.watch.keep(state, key, tuple(alerts))
        return alerts

    def rebuild(self, spans: Iterable[OpenSpan]) -> None:
        """Take in spans judged before a restart; what they alerted is known already.

        Baselines do not learn from them twice: they come with `load`.
        """
        self.watch.learning = False
        try:
            for span in spans:
                self.judge(span)
        finally:
            self.watch.learning = True

    def dump(self) -> bytes:
        """What was learned about services (latency, tokens, cost, tools), to be kept."""
        return self.watch.dump()

    def load(self, data: bytes) -> bool:
        """Takes what `dump` gave; False for anything else, which changes nothing."""
        return self.watch.load(data)

    def _judged(self, span: OpenSpan, state: TraceState) -> list[tuple[SpanText, Verdict]]:
        judge, most = self._verdict, self.watch.config.texts
        return [
            (text, judge(text.text, text.scope))
            for text in texts_of(span, state.prefixes)
            if state.fresh(text, most) or (text.output and text.scope in _SAID_AGAIN)
        ]

    def _verdict(self, text: str, scope: Scope) -> Verdict:
        if len(text) <= _SHORT and _TRIFLE.fullmatch(text) is not None:
            return CLEAN
        return self.engine.judge(text, scope)


def _of_texts(
    span: OpenSpan, judged: list[tuple[SpanText, Verdict]], state: TraceState
) -> list[Alert]:
    """One alert for each category and field: the worst text; what was quoted before is known."""
    worst: dict[tuple[str, str], tuple[SpanText, Verdict, int]] = {}
    for text, verdict in judged:
        if verdict.score < LOW or not state.says_new(_quoted(text, verdict), verdict.category):
            continue
        where = (verdict.category, text.field)
        known = worst.get(where)
        if known is None:
            worst[where] = (text, verdict, 1)
        elif verdict.score > known[1].score:
            worst[where] = (text, verdict, known[2] + 1)
        else:
            worst[where] = (known[0], known[1], known[2] + 1)
    return [_alert(span, *found) for found in worst.values()]


def _quoted(text: SpanText, verdict: Verdict) -> str:
    if not verdict.findings:
        return text.text
    first = verdict.findings[0]
    return text.text[first.start : first.end]


def _alert(span: OpenSpan, text: SpanText, verdict: Verdict, count: int) -> Alert:
    findings = verdict.findings
    first = findings[0] if findings else None
    return Alert(
        project=span.project,
        time=span.end,
        trace_id=span.trace_id,
        span_id=span.span_id,
        rule=first.rule if first else verdict.category,
        category=verdict.category,
        score=verdict.score,
        description=_told(text, verdict),
        field=text.field,
        evidence=first.excerpt if first else "",
        conversation=span.conversation,
        service_name=span.service_name,
        agent=span.agent,
        attributes=_facts(text, verdict, count),
    )


_PLACES: Mapping[Scope, str] = {
    "user": "what the user said",
    "system": "the system prompt",
    "assistant": "what the model said",
    "tool_input": "what {} was asked",
    "tool_output": "what {} returned",
}


def _told(text: SpanText, verdict: Verdict) -> str:
    """`Prompt injection in what HelpCentre returned: ignore-previous-instructions and 6 more`."""
    what = (verdict.category or "suspicious text").replace("_", " ").capitalize()
    place = _PLACES[text.scope].format(text.tool[:80] or "a tool")
    rules = list(dict.fromkeys(each.rule.rpartition(".")[2] for each in verdict.findings))
    why = f": {rules[0]}" if rules else ""
    more = f" and {len(rules) - 1} more" if len(rules) > 1 else ""
    return f"{what} in {place}{why}{more}"


def _facts(text: SpanText, verdict: Verdict, count: int) -> dict[str, str]:
    findings = verdict.findings
    facts: dict[str, str] = {"scope": text.scope, "explanation": verdict.explanation}
    if text.tool:
        facts["tool"] = text.tool[:200]
    if findings:
        facts["start"] = str(findings[0].start)
        facts["end"] = str(findings[0].end)
        facts["rules"] = ",".join(dict.fromkeys(finding.rule for finding in findings[:10]))
        facts["detectors"] = ",".join(dict.fromkeys(finding.detector for finding in findings))
    if count > 1:
        facts["texts"] = str(count)
    return facts


__all__ = ["Judge", "SpanJudge"]
