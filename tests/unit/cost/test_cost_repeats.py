# SPDX-License-Identifier: Apache-2.0
"""Each token is paid once, whoever tells of it and in whatever order the spans come."""

from __future__ import annotations

import itertools
import random

import pytest
from agentstack_processors.cost.book import TraceBook, traces_of
from agentstack_processors.cost.calls import open_uses
from agentstack_processors.cost.repeats import Fact, repeated

from tests.fakes.agent_traces import AgentTrace, usage

AGENT = {"gen_ai.operation.name": "invoke_agent"}
TOTALS = {"gen_ai.usage.input_tokens": 300, "gen_ai.usage.output_tokens": 30}


def counted(trace: AgentTrace) -> set[str]:
    """Span ids that count, by what the book says after every order it is shown the spans in."""
    reads = [open_uses(payload) for payload in trace.requests]
    uses = {use.span_id for read in reads for use in read.uses}
    orders = list(itertools.permutations(reads)) if len(reads) <= 5 else []
    orders += [tuple(random.Random(n).sample(reads, len(reads))) for n in range(20)]
    answers = set()
    for order in orders:
        book, repeated = TraceBook(), set()
        for now, read in enumerate(order):
            book.take(read)
            for verdict in book.settle(now):
                repeated = {span for span, place in verdict.places.items() if place.repeated}
        answers.add(frozenset(uses - repeated))
    assert len(answers) == 1, "the order of arrival must not matter"
    [whole] = traces_of(reads).values()
    assert uses - {at for at, place in whole.places.items() if place.repeated} == set(*answers)
    return set(*answers)


def test_an_agent_that_sums_up_its_calls_does_not_count() -> None:
    trace = AgentTrace()
    agent = trace.span({**AGENT, **TOTALS, "gen_ai.request.model": "gpt-4o"})
    calls = {trace.span(usage(100, 10), agent, begin=n).hex() for n in range(3)}
    assert counted(trace) == calls


def test_an_agent_counts_when_nothing_below_it_tells_of_usage() -> None:
    trace = AgentTrace()
    agent = trace.span({**AGENT, **TOTALS, "gen_ai.request.model": "gpt-4o"})
    trace.span({"gen_ai.operation.name": "execute_tool"}, agent)
    assert counted(trace) == {agent.hex()}


def test_of_two_agents_side_by_side_only_the_one_with_calls_below_it_is_left_out() -> None:
    trace = AgentTrace()
    root = trace.span({"gen_ai.operation.name": "invoke_workflow"})
    remote = trace.span({**AGENT, **TOTALS}, root)
    local = trace.span({**AGENT, **TOTALS}, root)
    step = trace.span({}, local)
    call = trace.span(usage(300, 30), step)
    assert counted(trace) == {remote.hex(), call.hex()}


def test_calls_below_nested_agents_count_once() -> None:
    trace = AgentTrace()
    outer = trace.span({**AGENT, **TOTALS})
    own = trace.span(usage(100, 10), outer)
    inner = trace.span({**AGENT, **TOTALS}, outer)
    other = trace.span(usage(200, 20), inner)
    assert counted(trace) == {own.hex(), other.hex()}


def test_spans_without_an_operation_count_only_where_no_call_below_them_does() -> None:
    plain = {"gen_ai.request.model": "gpt-4o", **TOTALS}
    alone, outer = AgentTrace(), AgentTrace()
    only = alone.span(plain)
    wrapper = outer.span(plain)
    call = outer.span(usage(300, 30), wrapper)
    assert (counted(alone), counted(outer)) == ({only.hex()}, {call.hex()})


def test_vercels_outer_span_repeats_the_inner_calls() -> None:
    trace = AgentTrace()
    outer = trace.span(
        {
            "ai.operationId": "ai.generateText",
            "ai.model.id": "gpt-4o",
            "ai.usage.promptTokens": 300,
            "ai.usage.completionTokens": 30,
        }
    )
    inner = {"ai.operationId": "ai.generateText.doGenerate", "ai.model.id": "gpt-4o"}
    first = trace.span(
        {**inner, "ai.usage.promptTokens": 100, "ai.usage.completionTokens": 10}, outer
    )
    second = trace.span(
        {**inner, "ai.usage.promptTokens": 200, "ai.usage.completionTokens": 20}, outer
    )
    assert counted(trace) == {first.hex(), second.hex()}


def test_traceloops_workflow_and_tasks_repeat_their_calls() -> None:
    trace = AgentTrace()
    kinds = [{"traceloop.span.kind": kind} for kind in ("workflow", "agent", "task")]
    parent = b""
    for kind in kinds:
        parent = trace.span(
            {**kind, "gen_ai.usage.prompt_tokens": 9, "gen_ai.usage.completion_tokens": 1}, parent
        )
    call = trace.span(
        {
            "llm.request.type": "chat",
            "gen_ai.system": "OpenAI",
            "gen_ai.request.model": "gpt-4o",
            "gen_ai.usage.prompt_tokens": 9,
            "gen_ai.usage.completion_tokens": 1,
        },
        parent,
    )
    assert counted(trace) == {call.hex()}


def test_a_frameworks_call_around_the_clients_call_is_the_same_call() -> None:
    """CrewAI's LLM span around LiteLLM's around the SDK's: the model is named three ways."""
    trace = AgentTrace()
    outer = trace.span(usage(100, 10, "openai/gpt-4o"), scope="crewai")
    middle = trace.span(usage(100, 10, "gpt-4o"), outer, scope="litellm")
    inner = trace.span(
        usage(100, 10, "gpt-4o", **{"gen_ai.response.model": "gpt-4o-2024-08-06"}),
        middle,
        scope="openai",
    )
    assert counted(trace) == {inner.hex()}


def test_a_call_that_retries_inside_repeats_the_answer_that_came() -> None:
    trace = AgentTrace()
    outer = trace.span(usage(100, 10), scope="langchain")
    trace.span(
        {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}, outer, error=True
    )
    answered = trace.span(usage(100, 10), outer, scope="openai", begin=500)
    assert counted(trace) == {answered.hex()}


def test_a_cheaper_call_inside_a_call_is_another_call() -> None:
    trace = AgentTrace()
    outer = trace.span(usage(1000, 200, "gpt-4o"))
    judge = trace.span(usage(50, 5, "gpt-4o-mini"), outer)
    assert counted(trace) == {outer.hex(), judge.hex()}


def test_calls_of_a_tool_inside_a_call_are_other_calls() -> None:
    trace = AgentTrace()
    outer = trace.span(usage(100, 10))
    tool = trace.span({"gen_ai.operation.name": "execute_tool"}, outer)
    inner = trace.span(usage(500, 50), tool)
    assert counted(trace) == {outer.hex(), inner.hex()}


def test_two_instrumentations_side_by_side_tell_of_one_call() -> None:
    trace = AgentTrace()
    root = trace.span({"gen_ai.operation.name": "invoke_workflow"})
    ours = trace.span(usage(100, 10), root, scope="agentstack_otel.langchain", end=900)
    trace.span(
        {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o",
            "llm.token_count.prompt": 100,
            "llm.token_count.completion": 10,
        },
        root,
        scope="openinference.instrumentation.langchain",
        begin=1,
        end=901,
    )
    assert counted(trace) == {ours.hex()}


@pytest.mark.parametrize("scope", ["same", "other"])
def test_retries_and_equal_calls_one_after_the_other_each_count(scope: str) -> None:
    trace = AgentTrace()
    first = trace.span(usage(100, 10), scope="same", begin=0, end=400)
    again = trace.span(usage(100, 10), scope=scope, begin=500, end=900)
    assert counted(trace) == {first.hex(), again.hex()}


def test_equal_calls_at_the_same_time_from_one_instrumentation_each_count() -> None:
    trace = AgentTrace()
    both = {trace.span(usage(100, 10)).hex() for _ in range(2)}
    assert counted(trace) == both


def test_two_instrumentations_tell_of_each_of_two_equal_calls() -> None:
    trace = AgentTrace()
    ours = {trace.span(usage(100, 10), scope="ours").hex() for _ in range(2)}
    for _ in range(2):
        trace.span(usage(100, 10), scope="theirs", begin=1)
    assert counted(trace) == ours


def test_one_answer_is_paid_once_wherever_it_is_told() -> None:
    trace = AgentTrace()
    answer = {"gen_ai.response.id": "chatcmpl-1"}
    first = trace.span(usage(100, 10, **answer), begin=0, end=10)
    trace.span(usage(100, 10, **answer), begin=500, end=510)
    assert counted(trace) == {first.hex()}


def test_a_span_that_comes_twice_is_one() -> None:
    trace = AgentTrace()
    call = trace.span(usage(100, 10))
    trace.span(usage(100, 10), span_id=call)
    assert counted(trace) == {call.hex()}


def test_spans_that_are_each_others_parents_do_not_hang_anything() -> None:
    trace = AgentTrace()
    one, two = b"\x01" * 8, b"\x02" * 8
    trace.span({**AGENT, **TOTALS}, two, span_id=one)
    trace.span({**AGENT, **TOTALS}, one, span_id=two)
    trace.span(usage(1, 1), b"\x03" * 8, span_id=b"\x03" * 8)
    assert b"\x03".hex() * 8 in counted(trace)


def test_a_call_without_usage_is_told_of_unless_a_call_below_tells() -> None:
    silent = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o"}
    alone, outer = AgentTrace(), AgentTrace()
    gap = alone.span(silent)
    streamed = outer.span(silent)
    inner = outer.span(usage(10, 1), streamed)
    assert (counted(alone), counted(outer)) == ({gap.hex()}, {inner.hex()})


def test_what_the_book_forgot_has_to_be_loaded_before_more_is_said() -> None:
    book = TraceBook(most_spans=5)
    first = AgentTrace()
    agent = first.span({**AGENT, **TOTALS}, end=5000)
    call = first.span(usage(300, 30), agent)
    whole = [open_uses(payload) for payload in first.requests]
    assert not any(map(book.missing, whole))
    book.take(whole[1])
    assert book.settle(first.start + 1) == []
    for n in range(10):
        other = AgentTrace(first.project)
        other.span(usage(1, 1))
        book.take(open_uses(other.requests[0]))
        book.settle(first.start + 2 + n)
    key = (first.project, first.trace_id.hex())
    assert book.missing(whole[0]) == {key}
    book.load(key, whole[1], {})
    book.take(whole[0])
    [verdict] = book.settle(first.start + 100)
    assert {at: place.repeated for at, place in verdict.places.items()} == {agent.hex(): True}
    assert call.hex() != agent.hex()


def test_a_loop_of_equal_calls_is_not_compared_call_by_call() -> None:
    asked = 0

    class Scope(str):
        def __hash__(self) -> int:
            nonlocal asked
            asked += 1
            return super().__hash__()

    many = 2_000
    facts = [Fact(str(at), True, 9, 1, "m", "", "", Scope("one"), at, at + 1) for at in range(many)]
    assert repeated({}, facts) == frozenset()
    assert asked < 20 * many
