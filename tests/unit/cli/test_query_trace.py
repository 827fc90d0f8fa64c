# SPDX-License-Identifier: Apache-2.0
"""The tree of a trace, whatever state its spans are in."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agentstack_otel.query.trace import Node, build, summary, to_json
from tests.unit.cli.spans import llm, row


def shape(nodes: list[Node]) -> Any:
    return {node.span.span_id: shape(node.children) for node in nodes}


def test_children_hang_below_their_parents_in_time_order():
    tree = build([row("c", "a", 5), row("b", "a", 1), row("a", "", 0, 20), row("d", "b", 2)])
    assert shape(tree.tops) == {"a": {"b": {"d": {}}, "c": {}}}
    assert [node.span.span_id for node in tree.walk()] == ["a", "b", "d", "c"]
    assert [node.depth for node in tree.walk()] == [0, 1, 2, 1]
    assert tree.complete


def test_a_span_whose_parent_is_missing_stays_visible_and_the_trace_is_not_complete():
    tree = build([row("root"), row("lost", "nobody", 3), row("below", "lost", 4)])
    assert shape(tree.tops) == {"root": {}, "lost": {"below": {}}}
    assert [top.orphan for top in tree.tops] == [False, True]
    assert tree.root.span_id == "root"
    assert not tree.complete


def test_a_ring_of_parents_is_cut_at_its_earliest_span():
    tree = build([row("a", "c", 2), row("b", "a", 0), row("c", "b", 1), row("leaf", "c", 5)])
    assert shape(tree.tops) == {"b": {"c": {"a": {}, "leaf": {}}}}


def test_a_span_that_is_its_own_parent_is_a_top():
    assert shape(build([row("a", "a")]).tops) == {"a": {}}


def test_a_span_that_arrives_twice_is_there_once_and_the_later_end_wins():
    tree = build([row("a", end=5), row("a", end=9), row("a", end=7)])
    assert [span.duration_ms for span in tree.spans] == [9]


def test_a_span_that_ends_before_it_starts_lasts_nothing():
    assert build([row("a", start=5, end=1)]).spans[0].duration_ms == 0


def test_a_chain_deeper_than_any_json_library_is_written_whole():
    deep = 20_000
    rows = [row("s0")] + [row(f"s{n}", f"s{n - 1}", n) for n in range(1, deep)]
    text = to_json(build(rows, "ab" * 16))
    assert text.count('"span_id"') == deep
    assert text.endswith("]}" * (deep + 1))


def test_nested_json_can_be_read_back():
    rows = [row("a", "", 0, 20), row("b", "a", 1), row("c", "a", 2), row("d", "b", 3)]
    told = json.loads(to_json(build(rows, "ab" * 16)))
    assert told["trace_id"] == "ab" * 16
    assert [span["span_id"] for span in told["spans"]] == ["a"]
    children = told["spans"][0]["children"]
    assert [child["span_id"] for child in children] == ["b", "c"]
    assert children[0]["children"][0]["span_id"] == "d"
    assert "start_ns" not in children[0]


def test_json_of_a_trace_is_ascii_so_that_no_captured_text_speaks_to_the_terminal():
    text = to_json(build([row("a", name="\x1b]0;owned\x07 \x9b31m\u202e")]))
    assert text.isascii()
    assert "\x1b" not in text
    assert "\x07" not in text


def test_tokens_of_agents_are_not_counted_on_top_of_their_calls():
    spans = [
        row("agent", operation="invoke_agent", input_tokens=30, output_tokens=6),
        llm("one", "agent", input_tokens=10, output_tokens=2),
        llm("two", "agent", input_tokens=20, output_tokens=4),
    ]
    told = summary(build(spans))
    assert (told["input_tokens"], told["output_tokens"]) == (30, 6)


def test_tokens_of_an_agent_count_when_no_call_reports_any():
    spans = [
        row("flow", operation="invoke_workflow", input_tokens=7, output_tokens=3),
        row("agent", "flow", operation="invoke_agent", input_tokens=7, output_tokens=3),
        llm("one", "agent"),
    ]
    told = summary(build(spans))
    assert (told["input_tokens"], told["output_tokens"]) == (7, 3)


def test_the_summary_counts_failed_steps_but_takes_the_status_of_the_root():
    told = summary(build([row("a", end=50), row("b", "a", 1, 2, status="ERROR")]))
    assert (told["status"], told["errors"], told["span_count"]) == ("UNSET", 1, 2)
    assert told["duration_ms"] == 50


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(-1, 13), st.integers(0, 30)), min_size=1))
def test_every_span_is_in_the_tree_exactly_once_whatever_the_parents_are(spans):
    rows = [row(f"s{i}", f"s{p}" if p >= 0 else "", t, t + 5) for i, p, t in spans]
    tree = build(rows)
    walked = [node.span.span_id for node in tree.walk()]
    assert sorted(walked) == sorted({each["span_id"] for each in rows})


@given(st.permutations(range(8)), st.randoms())
def test_the_order_in_which_spans_arrive_changes_nothing(order, rng: random.Random):
    rows = [row(f"s{n}", f"s{(n * 5 + 3) % 11}", rng.randrange(4)) for n in range(8)]
    assert shape(build(rows).tops) == shape(build([rows[at] for at in order]).tops)
