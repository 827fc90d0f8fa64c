# SPDX-License-Identifier: Apache-2.0
"""The spans of one trace as a tree, whatever state they arrive in.

Spans come late, twice, without their parent, or (from broken instrumentation) as each other's
parent. Every span is in the tree exactly once; nothing is dropped.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agentstack_exporters.clickhouse.protocol import Row

from agentstack_otel.query import cost_marks
from agentstack_otel.query.span import Span, from_row, usage


@dataclass(slots=True)
class Node:
    """A span with its children in time order. `orphan`: its parent was never stored."""

    span: Span
    depth: int = 0
    orphan: bool = False
    children: list[Node] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Tree:
    """All spans of a trace under a virtual root; `tops` are that root's children."""

    trace_id: str
    tops: list[Node]

    def walk(self) -> Iterator[Node]:
        """Every node, parents first, siblings in time order."""
        stack = list(reversed(self.tops))
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children))

    @property
    def spans(self) -> list[Span]:
        """Every span, in tree order."""
        return [node.span for node in self.walk()]

    @property
    def root(self) -> Span:
        """The span that stands for the run: the first real root, else the first top."""
        return next((top.span for top in self.tops if not top.orphan), self.tops[0].span)

    @property
    def complete(self) -> bool:
        """Whether there is a root and no span waits for its parent."""
        return bool(self.tops) and not any(top.orphan for top in self.tops)


def build(rows: Iterable[Row], trace_id: str = "") -> Tree:
    """The tree of `rows` (any order, duplicates allowed)."""
    nodes = {span.span_id: Node(span) for span in _once(map(from_row, rows))}
    tops: list[Node] = []
    for node in nodes.values():
        parent_id = node.span.parent_span_id
        parent = nodes.get(parent_id)
        if parent is None or parent is node:
            node.orphan = bool(parent_id)
            tops.append(node)
        else:
            parent.children.append(node)
    _break_cycles(nodes, tops)
    for children in (tops, *(node.children for node in nodes.values())):
        children.sort(key=_order)
    tree = Tree(trace_id, tops)
    _set_depths(tree)
    return tree


def _once(spans: Iterable[Span]) -> list[Span]:
    """Each span id once: the copy that ended last, then the one that was seen first."""
    best: dict[str, Span] = {}
    for span in spans:
        kept = best.get(span.span_id)
        if kept is None or span.end > kept.end:
            best[span.span_id] = span
    return sorted(best.values(), key=lambda span: (span.start, span.span_id))


def _order(node: Node) -> tuple[int, int, str]:
    # A parent that starts at the same instant as its sibling and lasts longer comes first.
    return node.span.start, -node.span.finish, node.span.span_id


def _break_cycles(nodes: dict[str, Node], tops: list[Node]) -> None:
    """Cut each ring of parents at its earliest span, which becomes a top."""
    seen = _reachable(tops)
    for node in nodes.values():  # in start order, see _once
        if node.span.span_id in seen:
            continue
        ring = _ring_of(node, nodes)
        cut = min((nodes[span_id] for span_id in ring), key=_order)
        nodes[cut.span.parent_span_id].children.remove(cut)
        cut.orphan = True
        tops.append(cut)
        seen |= _reachable([cut])


def _ring_of(node: Node, nodes: dict[str, Node]) -> list[str]:
    """The ids of the ring that `node`'s chain of parents ends in."""
    path: dict[str, int] = {}
    at = node.span
    while at.span_id not in path:
        path[at.span_id] = len(path)
        at = nodes[at.parent_span_id].span
    return list(path)[path[at.span_id] :]


def _reachable(tops: Sequence[Node]) -> set[str]:
    seen: set[str] = set()
    stack = list(tops)
    while stack:
        node = stack.pop()
        seen.add(node.span.span_id)
        stack.extend(node.children)
    return seen


def _set_depths(tree: Tree) -> None:
    for node in tree.walk():
        for child in node.children:
            child.depth = node.depth + 1


def summary(tree: Tree) -> Row:
    """The trace in one row: name, service, start_ns, duration_ms, counts, tokens, cost, status."""
    spans, root = tree.spans, tree.root
    start = min(span.start for span in spans)
    tokens = usage(spans).values()
    models = Counter(span.model for span in spans if span.model)
    return {
        "trace_id": tree.trace_id,
        "name": root.name,
        "service": root.service,
        "status": root.status,
        "start_time": root.row.get("start_time", ""),
        "start_ns": start,
        "duration_ms": (max(span.finish for span in spans) - start) / 1e6,
        "span_count": len(spans),
        "errors": sum(span.is_error for span in spans),
        "models": [model for model, _ in models.most_common()],
        "input_tokens": sum(used[0] for used in tokens),
        "output_tokens": sum(used[1] for used in tokens),
        **cost_marks.total(span.row for span in spans),
        "conversation": next((span.conversation for span in spans if span.conversation), ""),
        "complete": tree.complete,
    }


def to_json(tree: Tree) -> str:
    """The summary with the nested spans under `spans`, as one line of ASCII JSON.

    Written without recursion: a chain of 20,000 spans is deeper than any JSON library goes.
    """
    pieces = [json.dumps(summary(tree))[:-1], ', "spans": [']
    stack: list[Node | str] = ["]}"]
    _push(stack, tree.tops)
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            pieces.append(item)
            continue
        own = {key: value for key, value in item.span.row.items() if key not in _INTERNAL}
        own["orphan"] = item.orphan
        pieces.append(json.dumps(own)[:-1] + ', "children": [')
        stack.append("]}")
        _push(stack, item.children)
    return "".join(pieces)


_INTERNAL = frozenset({"start_ns", "end_ns", "event_ns"})


def _push(stack: list[Node | str], nodes: Sequence[Node]) -> None:
    for index in range(len(nodes) - 1, -1, -1):
        stack.append(nodes[index])
        if index:
            stack.append(", ")


__all__ = ["Node", "Tree", "build", "summary", "to_json"]
