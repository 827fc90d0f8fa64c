# SPDX-License-Identifier: Apache-2.0
"""A recorded run, step by step: nothing is executed again.

Each start and each end of a span is a step, and so is each span event. State only ever grows
(messages, tool results, errors, counters), so the state after step *i* is a set of lengths into
shared lists: stepping forward, back or anywhere costs the same, and 20,000 spans are no copies.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar, overload

from agentstack_otel.query.messages import Message, parse
from agentstack_otel.query.span import Event, Span, usage
from agentstack_otel.query.trace import Node, Tree

StepKind = Literal["start", "end", "event"]
_COUNTERS = (
    "messages",
    "tool_results",
    "errors",
    "llm_calls",
    "tool_calls",
    "input_tokens",
    "output_tokens",
)


@dataclass(frozen=True, slots=True)
class Step:
    """One tick. `time` is nanoseconds since the epoch, made consistent: never before the start of
    the parent, never outside of the span."""

    index: int
    kind: StepKind
    time: int
    row: int
    """Index of the span in `Replay.nodes` (tree order)."""
    event: Event | None = None


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool answered, or why it failed."""

    span_id: str
    tool: str
    arguments: str
    result: str
    failed: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A span that ended with status ERROR."""

    span_id: str
    name: str
    message: str


T = TypeVar("T")


class Prefix(Sequence[T]):
    """The first `length` items of a list that only grows, without a copy."""

    __slots__ = ("_items", "_length")

    def __init__(self, items: Sequence[T], length: int) -> None:
        self._items = items
        self._length = length

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self._items[at] for at in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self._items[index % self._length]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by content, like a list


@dataclass(frozen=True, slots=True)
class State:
    """Everything known after a step. `elapsed_ms` counts from the first step."""

    elapsed_ms: float
    open_spans: tuple[str, ...]
    messages: Sequence[Message]
    tool_results: Sequence[ToolResult]
    errors: Sequence[Failure]
    llm_calls: int
    tool_calls: int
    input_tokens: int
    output_tokens: int


@dataclass(slots=True)
class Replay:
    """A run that can be read at any step.

    Attributes:
        tree: The trace.
        nodes: Its spans in tree order; `Step.row` points here.
        steps: In time order, ties broken by tree order.
        first, last: By row, the step of the span's start and of its end (`len(steps)` if open).
    """

    tree: Tree
    nodes: list[Node]
    steps: list[Step]
    first: list[int]
    last: list[int]
    messages: list[Message] = field(default_factory=list)
    tool_results: list[ToolResult] = field(default_factory=list)
    errors: list[Failure] = field(default_factory=list)
    counts: dict[str, array[int]] = field(default_factory=dict)

    def state(self, index: int) -> State:
        """The state after step `index`; -1 is before the first."""
        return self._state(index, self.open_rows(index))

    def states(self) -> Iterator[State]:
        """The state after each step in turn."""
        open_rows: dict[int, None] = {}
        for step in self.steps:
            if step.kind == "start":
                open_rows[step.row] = None
            elif step.kind == "end":
                del open_rows[step.row]
            yield self._state(step.index, sorted(open_rows))

    def open_rows(self, index: int) -> list[int]:
        """Rows of the spans that have started and not ended after step `index`."""
        spans = zip(self.first, self.last, strict=True)
        return [row for row, (first, last) in enumerate(spans) if first <= index < last]

    def elapsed_ms(self, index: int) -> float:
        """Milliseconds from the first step to step `index`."""
        return (self.steps[index].time - self.steps[0].time) / 1e6 if index >= 0 else 0.0

    def count(self, counter: str, index: int) -> int:
        """How far `counter` (a name of `State`) has come after step `index`."""
        return self.counts[counter][index] if index >= 0 else 0

    def seek(self, elapsed_ms: float) -> int:
        """The last step at or before `elapsed_ms`."""
        wanted = self.steps[0].time + int(elapsed_ms * 1e6)
        return bisect_right(self.steps, wanted, key=lambda step: step.time) - 1

    def after(self, index: int, steps: Sequence[int]) -> int | None:
        """The first of the sorted `steps` after `index`."""
        at = bisect_right(steps, index)
        return steps[at] if at < len(steps) else None

    def before(self, index: int, steps: Sequence[int]) -> int | None:
        """The last of the sorted `steps` before `index`."""
        at = bisect_left(steps, index)
        return steps[at - 1] if at else None

    def _state(self, index: int, open_rows: Sequence[int]) -> State:
        return State(
            elapsed_ms=self.elapsed_ms(index),
            open_spans=tuple(self.nodes[row].span.span_id for row in open_rows),
            messages=Prefix(self.messages, self.count("messages", index)),
            tool_results=Prefix(self.tool_results, self.count("tool_results", index)),
            errors=Prefix(self.errors, self.count("errors", index)),
            llm_calls=self.count("llm_calls", index),
            tool_calls=self.count("tool_calls", index),
            input_tokens=self.count("input_tokens", index),
            output_tokens=self.count("output_tokens", index),
        )


def build(tree: Tree) -> Replay:
    """The replay of a trace; the same tree always gives the same steps."""
    nodes = list(tree.walk())
    steps, first, last = _steps(tree, nodes)
    replay = Replay(tree, nodes, steps, first, last)
    _Recorder(replay).record()
    return replay


def _steps(tree: Tree, nodes: list[Node]) -> tuple[list[Step], list[int], list[int]]:
    ticks = sorted(_ticks(tree, nodes), key=lambda tick: tick[:3])
    steps: list[Step] = []
    first, last = [0] * len(nodes), [len(ticks)] * len(nodes)
    for index, (time, _, _, kind, row, event) in enumerate(ticks):
        steps.append(Step(index, kind, time, row, event))
        if kind == "start":
            first[row] = index
        elif kind == "end":
            last[row] = index
    return steps, first, last


_Tick = tuple[int, int, int, StepKind, int, "Event | None"]


def _ticks(tree: Tree, nodes: list[Node]) -> Iterator[_Tick]:
    """Unsorted ticks: consistent time, place in the tour of the tree, number within the span."""
    rows = {id(node): row for row, node in enumerate(nodes)}
    stack: list[tuple[Node, int, bool]] = [(top, 0, False) for top in reversed(tree.tops)]
    tour = 0
    while stack:
        node, floor, leaving = stack.pop()
        span, row = node.span, rows[id(node)]
        # A clock that is behind cannot put a child before the span that called it.
        start = max(span.start, floor)
        end = max(span.end, start)
        tour += 1
        if leaving:
            yield end, tour, 0, "end", row, None
            continue
        yield start, tour, 0, "start", row, None
        for number, event in enumerate(span.events, 1):
            time = max(event.time, start)
            yield min(time, end) if span.end else time, tour, number, "event", row, event
        if span.end:
            stack.append((node, floor, True))
        stack.extend((child, start, False) for child in reversed(node.children))


class _Recorder:
    """Walks the steps once and writes down how far each list and counter has come."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._usage = usage(node.span for node in replay.nodes)
        self._known: Counter[Message] = Counter()
        self._now = dict.fromkeys(_COUNTERS, 0)

    def record(self) -> None:
        replay = self._replay
        replay.counts = {name: array("q") for name in _COUNTERS}
        for step in replay.steps:
            self._apply(step, replay.nodes[step.row].span)
            self._now["messages"] = len(replay.messages)
            self._now["tool_results"] = len(replay.tool_results)
            self._now["errors"] = len(replay.errors)
            for name, column in replay.counts.items():
                column.append(self._now[name])

    def _apply(self, step: Step, span: Span) -> None:
        if step.kind == "start":
            self._start(span)
        elif step.kind == "end":
            self._end(span)

    def _start(self, span: Span) -> None:
        self._now["llm_calls"] += span.is_llm
        self._now["tool_calls"] += span.is_tool
        if span.is_llm:
            system = parse(span.attributes.get("gen_ai.system_instructions", ""), "system")
            self._say([*system, *parse(span.input, "user")])

    def _end(self, span: Span) -> None:
        used = self._usage.get(span.span_id, (0, 0))
        self._now["input_tokens"] += used[0]
        self._now["output_tokens"] += used[1]
        if span.is_llm:
            self._say(parse(span.output, "assistant"), sent=False)
        if span.is_tool:
            self._replay.tool_results.append(_result(span))
        if span.is_error:
            self._replay.errors.append(Failure(span.span_id, span.name, reason(span)))

    def _say(self, messages: list[Message], *, sent: bool = True) -> None:
        """Add what is new. A call sends the whole history again: only more copies than are known
        already are new; an answer always is."""
        here: Counter[Message] = Counter()
        for message in messages:
            here[message] += 1
            if not sent or here[message] > self._known[message]:
                self._known[message] += 1
                self._replay.messages.append(message)


def _result(span: Span) -> ToolResult:
    text = span.output or (reason(span) if span.is_error else "")
    return ToolResult(span.span_id, span.tool or span.name, span.input, text, span.is_error)


def reason(span: Span) -> str:
    """Why a span failed, in its own words."""
    if span.status_message:
        return span.status_message
    for event in span.events:
        if event.name == "exception":
            kind = event.attributes.get("exception.type", "")
            return f"{kind}: {event.attributes.get('exception.message', '')}".strip(": ")
    return span.attributes.get("error.type", "")


__all__ = ["Failure", "Replay", "State", "Step", "StepKind", "ToolResult", "build", "reason"]
