# SPDX-License-Identifier: Apache-2.0
"""Which spans repeat usage, kept up to date as spans stream in; bounded memory.

The book holds the structure of the traces seen last. A trace that leaves it, or was seen before
this process started, and turns up again has to be loaded from the store first: `missing` names
those. Spans that ended after the book began to see everything (`horizon`) cannot be of such a
trace, so that in the common case nothing is loaded.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from agentstack_processors.cost.calls import Link, Read
from agentstack_processors.cost.repeats import Fact, fact, repeated

Key = tuple[str, str]
"""Project and trace id."""

_PER_TRACE = 20_000  # spans remembered of one trace; a larger one is settled by what came first


Settled = tuple[dict[str, Fact], frozenset[str]]
"""The uses of a trace by span id, and which of them repeat others."""


class Verdict(NamedTuple):
    """Whether a span repeats usage; `start` in nanoseconds since the epoch."""

    project: str
    trace_id: str
    span_id: str
    start: int
    repeated: bool


@dataclass(slots=True)
class _Trace:
    parents: dict[str, tuple[str, bool]] = field(default_factory=dict)
    facts: dict[str, Fact] = field(default_factory=dict)
    repeated: frozenset[str] = frozenset()
    touched: int = 0

    def link(self, link: Link) -> bool:
        """Note where a span hangs; whether that is news."""
        known = (link.parent_span_id, link.boundary)
        if self.parents.get(link.span_id) == known or len(self.parents) >= _PER_TRACE:
            return False
        self.parents[link.span_id] = known
        return True


class TraceBook:
    """Verdicts about the spans of many traces.

    Args:
        horizon: Nanoseconds since the epoch from which on every span is shown to it.
        most_spans: Spans remembered over all traces.
    """

    def __init__(self, horizon: int = 0, most_spans: int = 200_000) -> None:
        self.horizon = horizon
        self._most = most_spans
        self._spans = 0
        self._traces: OrderedDict[Key, _Trace] = OrderedDict()

    def missing(self, reads: Iterable[Read]) -> dict[Key, int]:
        """Traces of `reads` with spans that the book should know and does not.

        Returns:
            The trace and when its earliest use here started. Only traces with uses: the others
            have nothing to settle yet, and are complete when they get some.
        """
        found: dict[Key, int] = {}
        for read in reads:
            for use in read.uses:
                if use.start < self.horizon:
                    key = (read.project, use.trace_id)
                    if key not in self._traces:
                        found[key] = min(use.start, found.get(key, use.start))
        return found

    def load(self, key: Key, read: Read, verdicts: Iterable[str]) -> None:
        """Take in what the store has of a trace: its spans, and which of them repeat."""
        trace = self._trace(key)
        self._note(key, read)
        trace.repeated = frozenset(verdicts)

    def observe(self, reads: Sequence[Read], now: int) -> list[Verdict]:
        """Take in spans; the verdicts that are new or changed by them.

        Args:
            reads: In the order of the log.
            now: When they came; nanoseconds since the epoch, growing.
        """
        changed: dict[Key, None] = {}
        for read in reads:
            for key in self._changed(read):
                changed[key] = None
        verdicts: list[Verdict] = []
        for key in changed:
            trace = self._traces[key]
            trace.touched = now
            self._traces.move_to_end(key)
            verdicts += _settle(key, trace)
        self._forget()
        return verdicts

    def _changed(self, read: Read) -> Iterable[Key]:
        project = read.project
        keys: dict[Key, None] = {}
        trace_id, trace = "", None
        for link in read.links:
            if trace is None or link.trace_id != trace_id:
                trace_id = link.trace_id
                trace = self._trace((project, trace_id))
            if trace.link(link):
                self._spans += 1
                keys[project, trace_id] = None
        for use in read.uses:
            trace = self._trace((project, use.trace_id))
            if use.span_id in trace.parents:
                trace.facts[use.span_id] = fact(use)
                keys[project, use.trace_id] = None
        return keys

    def _note(self, key: Key, read: Read) -> None:
        trace = self._trace(key)
        for link in read.links:
            self._spans += trace.link(link)
        for use in read.uses:
            if use.span_id in trace.parents:
                trace.facts[use.span_id] = fact(use)

    def _trace(self, key: Key) -> _Trace:
        trace = self._traces.get(key)
        if trace is None:
            trace = self._traces[key] = _Trace()
        return trace

    def _forget(self) -> None:
        while self._spans > self._most and len(self._traces) > 1:
            _, oldest = self._traces.popitem(last=False)
            self._spans -= len(oldest.parents)
            # Whatever started before this may be of a trace that was here once.
            self.horizon = max(self.horizon, oldest.touched)


def _settle(key: Key, trace: _Trace) -> list[Verdict]:
    if len(trace.facts) < 2 and not trace.repeated:
        return []
    verdict = repeated(trace.parents, trace.facts.values())
    differing = sorted(verdict ^ trace.repeated)
    trace.repeated = verdict
    return [
        Verdict(*key, span_id, trace.facts[span_id].start, span_id in verdict)
        for span_id in differing
        if span_id in trace.facts
    ]


def verdicts_of(reads: Iterable[Read]) -> Mapping[Key, Settled]:
    """Uses and repeats of whole traces, for those who have all of their spans at hand."""
    traces: dict[Key, _Trace] = {}
    for read in reads:
        for link in read.links:
            traces.setdefault((read.project, link.trace_id), _Trace()).link(link)
        for use in read.uses:
            traces.setdefault((read.project, use.trace_id), _Trace()).facts[use.span_id] = fact(use)
    return {
        key: (trace.facts, repeated(trace.parents, trace.facts.values()))
        for key, trace in traces.items()
    }


__all__ = ["Key", "Settled", "TraceBook", "Verdict", "verdicts_of"]
