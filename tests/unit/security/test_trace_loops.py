# SPDX-License-Identifier: Apache-2.0
"""Loops, storms, chains and explosions in the shape of a trace; and honest work that is none."""

from __future__ import annotations

import itertools

import pytest
from agentstack_processors.otlp.opened import OpenSpan
from agentstack_processors.security.alert import Alert
from agentstack_processors.security.engine import Config as EngineConfig
from agentstack_processors.security.engine import Engine
from agentstack_processors.security.spans import SpanJudge

from tests.fakes.open_spans import Run, a_span

ENGINE = Engine(EngineConfig(disabled=frozenset(("statistics",))))


def _alerts(spans: list[OpenSpan]) -> list[Alert]:
    judge = SpanJudge(ENGINE)
    return [alert for span in spans for alert in judge.judge(span)]


def _rules(spans: list[OpenSpan]) -> dict[str, str]:
    return {alert.rule: alert.severity for alert in _alerts(spans)}


def test_the_same_call_with_the_same_result_is_a_loop_at_three_and_a_bad_one_at_five() -> None:
    run = Run("Where is my order?")
    for _ in range(6):
        run.calls("get_order", {"id": "A-1"}, "not found")
    grown = [_rules(run.spans[: 2 * count]).get("loop.same-call") for count in range(2, 7)]
    assert grown == [None, "MEDIUM", "MEDIUM", "HIGH", "HIGH"]
    assert len([a for a in _alerts(run.spans) if a.category == "loop"]) == 2


def test_request_ids_and_timestamps_do_not_hide_a_loop_but_other_things_are_other_calls() -> None:
    same = Run("Where is my order?")
    other = Run("Where are my orders?")
    for number in range(4):
        same.calls("get_order", {"id": "A-1", "request_id": f"r{number}", "timestamp": number}, "-")
        other.calls("get_order", {"id": f"A-{number}"}, f"found {number}")
    assert "loop.same-call" in _rules(same.spans)
    assert not [rule for rule in _rules(other.spans) if rule.startswith("loop")]


def test_polling_says_less_than_standing_still() -> None:
    run = Run("Wait for the job.")
    for number in range(8):
        run.calls("job_status", {"id": "j1"}, f"{number * 10} %")
    assert _rules(run.spans) == {"loop.same-call": "LOW"}


@pytest.mark.parametrize("period", [2, 3, 4])
def test_calls_in_a_circle_are_a_loop_at_the_third_round(period: int) -> None:
    run = Run("Repair it.")
    steps = [(f"tool_{n}", {"step": n}, f"result {n}") for n in range(period)]
    for tool, arguments, result in itertools.islice(itertools.cycle(steps), period * 3 - 1):
        run.calls(tool, arguments, result)
    assert "loop.cycle" not in _rules(run.spans)
    run.calls(*steps[-1])
    assert _rules(run.spans)["loop.cycle"] == "MEDIUM"


def test_a_loop_is_seen_without_spans_for_tools() -> None:
    run = Run("Where is my order?")
    for _ in range(6):
        run.calls("get_order", {"id": "A-1"}, "not found")
    models = [span for span in run.spans if span.operation == "chat"]
    assert "loop.same-call" in _rules(models)


def test_a_model_that_repeats_itself_is_a_loop() -> None:
    run = Run("Hello?")
    for number in range(3):
        run.says("I am sorry, I cannot find anything about that in the documents I was given here.")
        run.hears(f"Try again, {number}.")
    assert _rules(run.spans) == {"loop.same-answer": "MEDIUM"}


def test_different_answers_and_short_ones_are_no_loop() -> None:
    run = Run("Count.")
    for number in range(6):
        run.says("Done.").says(f"{number} " + " ".join(f"word{n * number}" for n in range(40)))
    assert _rules(run.spans) == {}


def test_a_tool_that_fails_whatever_it_is_given_is_no_progress() -> None:
    run = Run("Query the table.")
    for number in range(6):
        run.calls("sql", {"query": f"SELECT {number}"}, "no such table: users", status="ERROR")
    assert "loop.no-progress" in _rules(run.spans)


def test_delegation_in_a_circle_is_told_once() -> None:
    def agent(name: str, span_id: str, parent: str) -> OpenSpan:
        attributes = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": name}
        return a_span(attributes, name=f"invoke_agent {name}", span_id=span_id, parent=parent)

    inner = agent("planner", "3" * 16, "2" * 16)
    middle = agent("writer", "2" * 16, "1" * 16)
    outer = agent("planner", "1" * 16, "")
    for order in itertools.permutations((inner, middle, outer)):
        assert [a.rule for a in _alerts(list(order))] == ["structure.delegation-cycle"]
    sibling = agent("planner", "3" * 16, "1" * 16)
    supervisor = agent("boss", "1" * 16, "")
    assert _alerts([middle, sibling, supervisor]) == []


def _timeout(
    span_id: str, parent: str, begin: float, lasts: float, *, own: bool = False
) -> OpenSpan:
    attributes = {"error.type": "ReadTimeout"} if own else {"error.type": "ToolError"}
    return a_span(
        attributes, span_id=span_id, parent=parent, status="ERROR", begin=begin, lasts=lasts
    )


def test_a_timeout_that_takes_its_callers_with_it_is_a_chain() -> None:
    leaf = _timeout("4" * 16, "3" * 16, 0, 1000, own=True)
    chain = [
        leaf,
        _timeout("3" * 16, "2" * 16, 0, 1010),
        _timeout("2" * 16, "1" * 16, 0, 1020),
    ]
    assert _rules(chain[:1]) == {}
    assert _rules(chain[:2]) == {"structure.timeout-chain": "MEDIUM"}
    assert _rules(chain) == {"structure.timeout-chain": "HIGH"}
    handled = _timeout("3" * 16, "2" * 16, 0, 9000)
    assert _rules([leaf, handled]) == {}


@pytest.mark.parametrize(("gap", "severity"), [(5, "HIGH"), (2000, "LOW")])
def test_retries_without_pause_are_a_storm_and_with_pauses_a_note(gap: int, severity: str) -> None:
    spans = [
        a_span({}, name="POST /v1/chat", parent="1" * 16, status="ERROR", begin=n * (100 + gap))
        for n in range(3)
    ]
    assert _rules(spans) == {"structure.retry-storm": severity}
    saved = [*spans[:2], a_span({}, name="POST /v1/chat", parent="1" * 16, status="OK", begin=9000)]
    assert _rules([*saved, spans[2]]) == {}


def test_a_trace_that_explodes_is_told_in_depth_and_breadth() -> None:
    deep = [a_span({}, span_id=f"{n + 1:016x}", parent=f"{n:016x}" if n else "") for n in range(30)]
    assert "structure.deep" in _rules(deep[::-1])
    assert "structure.deep" in _rules(deep)
    wide = [a_span({}, parent="1" * 16) for _ in range(260)]
    assert _rules(wide) == {"structure.many-children": "LOW"}


def test_spans_that_are_their_own_ancestors_do_no_harm() -> None:
    ring = [
        a_span({}, span_id="1" * 16, parent="2" * 16, status="ERROR", message="timeout"),
        a_span({}, span_id="2" * 16, parent="1" * 16, status="ERROR", message="timeout"),
        a_span({}, span_id="3" * 16, parent="3" * 16, status="ERROR", message="timeout"),
    ]
    _alerts(ring * 3)


def test_a_context_that_snowballs_is_an_explosion_and_steady_growth_is_none() -> None:
    bad, good = Run("Go."), Run("Go.")
    for number in range(8):
        bad.says(f"step {number}", tokens=1000 * 2**number)
        good.says(f"step {number}", tokens=1000 + 1500 * number)
    assert "anomaly.token-explosion" in _rules(bad.spans)
    assert _rules(good.spans) == {}


def test_a_long_honest_run_has_no_alerts() -> None:
    run = Run("Plan my trip through Norway, day by day.")
    for day in range(25):
        run.calls("search_hotels", {"city": f"City {day}", "day": day}, f"Hotel number {day}")
        run.calls("get_weather", {"city": f"City {day}"}, f"{day} degrees and some clouds")
        run.says(f"On day {day} you stay at hotel {day}, bring clothes for {day} degrees.")
    assert _alerts(run.spans) == []
