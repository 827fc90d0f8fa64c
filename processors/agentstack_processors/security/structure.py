# SPDX-License-Identifier: Apache-2.0
"""What the shape of a trace says: delegation in circles, timeouts that travel, retries, explosion.

Children end before their parents, so what is below a span is known when it comes. Spans that come
the other way round are followed upwards as far as their parents are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentstack_processors.otlp.opened import OpenSpan
from agentstack_processors.security.loops import Sign
from agentstack_processors.semconv.attributes import ERROR_TYPE, EXCEPTION_TYPE

_TIMEOUT = re.compile(
    r"time[d]?[ _-]?out|deadline[ _]?exceeded|\b504\b|\b408\b|ETIMEDOUT", re.IGNORECASE
)
_AGENTS = frozenset(("invoke_agent", "create_agent", "invoke_workflow"))
_NEAR = 50_000_000
_NO_BACKOFF = 100_000_000
_CLIMB = 40
_BYTES_OF_NODE = 700
_MOST_NODES = 2_000
_MOST_NAMES = 8
_DEEP = {26: 40.0, 51: 60.0}
_WIDE = {250: 35.0, 1_000: 55.0}
_MANY = {2_000: 35.0, 10_000: 60.0}


class _Node:
    __slots__ = (
        "agent",
        "chain",
        "end",
        "failed",
        "height",
        "kids",
        "late",
        "names",
        "pairs",
        "parent",
    )

    def __init__(self) -> None:
        self.parent: str | None = None
        self.agent = ""
        self.end = 0
        self.failed = False
        self.chain = 0
        self.late: list[tuple[int, int]] = []
        self.height = 0
        self.kids = 0
        self.names: frozenset[str] = frozenset()
        self.pairs: frozenset[tuple[str, str]] = frozenset()


class _Retry:
    __slots__ = ("count", "end", "hasty")

    def __init__(self, end: int) -> None:
        self.count = 1
        self.end = end
        self.hasty = True


class Structure:
    """The tree of one trace as far as it is known: bounded."""

    __slots__ = ("_cycles", "_nodes", "_retries", "_spans")

    def __init__(self) -> None:
        self._nodes: dict[str, _Node] = {}
        self._retries: dict[tuple[str, str], _Retry] = {}
        self._cycles: set[tuple[str, str]] = set()
        self._spans = 0

    def size(self) -> int:
        """About how many bytes this takes."""
        return _BYTES_OF_NODE * len(self._nodes) + 200 * len(self._retries)

    def note(self, span: OpenSpan) -> list[Sign]:
        """Take one span in; gives what it completes."""
        signs: list[Sign] = []
        self._spans += 1
        if self._spans in _MANY:
            signs.append(
                _sign(
                    "structure.many-spans",
                    _MANY[self._spans],
                    "The trace has {} spans",
                    self._spans,
                )
            )
        if span.status != "UNSET" or self._retries:
            signs += self._retried(span)
        if len(self._nodes) < _MOST_NODES:
            self._placed(span, signs)
        return signs

    def _placed(self, span: OpenSpan, signs: list[Sign]) -> None:
        node = self._node(span.span_id)
        node.parent = span.parent_span_id
        node.end = span.end
        if span.status == "ERROR":
            node.failed = True
            node.chain = int(timed_out(span))
        if span.agent and span.operation in _AGENTS:
            node.agent = span.agent
        if span.parent_span_id:
            parent = self._node(span.parent_span_id)
            parent.kids += 1
            if parent.kids in _WIDE:
                wide = _WIDE[parent.kids]
                told = "One span has {} children"
                signs.append(_sign("structure.many-children", wide, told, parent.kids))
        self._climbed(node, signs)
        if node.failed:
            signs += self._delayed(node)

    def _delayed(self, node: _Node) -> Iterator[Sign]:
        """Timeouts below take this span with them, and this one the spans above."""
        timeout = node.chain > 0
        for _ in range(_CLIMB):
            chain = max(
                (chain + 1 for end, chain in node.late if timeout or abs(node.end - end) <= _NEAR),
                default=0,
            )
            if chain > node.chain:
                node.chain = chain
                yield _sign(
                    "structure.timeout-chain",
                    55.0 if chain == 2 else 70.0,
                    "A timeout took {} calls with it",
                    chain,
                )
            parent = self._nodes.get(node.parent) if node.parent else None
            if not node.chain or parent is None or len(parent.late) >= _MOST_NAMES:
                return
            parent.late.append((node.end, node.chain))
            if not parent.failed:
                return
            node, timeout = parent, parent.chain > 0

    def _node(self, span_id: str) -> _Node:
        found = self._nodes.get(span_id)
        if found is None:
            found = self._nodes[span_id] = _Node()
        return found

    def _climbed(self, node: _Node, signs: list[Sign]) -> None:
        """Tell everybody above what is below them, until nothing is new to them."""
        if node.agent or node.height:
            signs += self._circle(node)
        passed = {id(node)}
        for _ in range(_CLIMB):
            parent = self._nodes.get(node.parent) if node.parent else None
            if parent is None or id(parent) in passed or not _learns(parent, node):
                return
            passed.add(id(parent))
            if parent.parent is None:
                return  # has not come yet; it will look itself
            if parent.height in _DEEP:
                signs.append(_deep(parent.height))
            signs += self._circle(parent)
            node = parent

    def _circle(self, node: _Node) -> Iterator[Sign]:
        if not node.agent:
            if node.height in _DEEP and node.parent is not None:
                yield _deep(node.height)
            return
        for upper, lower in sorted(node.pairs):
            if lower == node.agent and (lower, upper) not in self._cycles:
                self._cycles.add((lower, upper))
                yield Sign(
                    "structure.delegation-cycle",
                    "loop",
                    50.0,
                    f"{lower[:80]} delegated to {upper[:80]}, who delegated back",
                    f"{lower[:80]}/{upper[:80]}",
                )

    def _retried(self, span: OpenSpan) -> Iterator[Sign]:
        key = (span.parent_span_id, span.name)
        known = self._retries.get(key)
        if span.status != "ERROR":
            if known is not None:
                del self._retries[key]
            return
        if known is None:
            if len(self._retries) < _MOST_NODES:
                self._retries[key] = _Retry(span.end)
            return
        if span.start < known.end:
            return  # at the same time: not one after the other failed
        known.hasty = known.hasty and span.start - known.end < _NO_BACKOFF
        known.count += 1
        known.end = span.end
        score = {3: 70.0 if known.hasty else 40.0, 10: 80.0 if known.hasty else 60.0}
        if known.count in score:
            how = "without waiting" if known.hasty else "with pauses"
            yield _sign(
                "structure.retry-storm",
                score[known.count],
                f"{span.name[:80]} failed and was tried again {how}, {{}} times",
                known.count,
            )


def timed_out(span: OpenSpan) -> bool:
    """Whether a failed span failed because somebody waited too long."""
    texts = (
        span.attributes.get(ERROR_TYPE, ""),
        span.attributes.get("http.response.status_code", ""),
        span.status_message[:500],
        *(event.attributes.get(EXCEPTION_TYPE, "") for event in span.events[:8]),
    )
    return any(text and _TIMEOUT.search(text) for text in texts)


def _learns(parent: _Node, node: _Node) -> bool:
    """Pass on what is below; whether the parent did not know."""
    changed = False
    if node.height + 1 > parent.height:
        parent.height = node.height + 1
        changed = True
    if node.names or node.agent:
        names = node.names | ({node.agent} if node.agent else frozenset())
        pairs = node.pairs
        if node.agent:
            pairs |= {(node.agent, name) for name in node.names if name != node.agent}
        if not (names <= parent.names and pairs <= parent.pairs):
            changed = True
            if len(names | parent.names) <= _MOST_NAMES:
                parent.names |= names
                parent.pairs |= pairs
    return changed


def _deep(height: int) -> Sign:
    return _sign("structure.deep", _DEEP[height], "Spans are nested {} deep", height)


def _sign(rule: str, score: float, description: str, count: int) -> Sign:
    return Sign(
        rule, "anomaly", score, description.format(count), str(count), (("count", str(count)),)
    )


__all__ = ["Structure", "timed_out"]
