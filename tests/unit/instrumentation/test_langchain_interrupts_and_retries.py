# SPDX-License-Identifier: Apache-2.0
"""Pauses for a human are not errors; every try of a retried step is visible."""

from __future__ import annotations

import asyncio
import importlib.util
import json
from typing import Any

import pytest
from langchain_core.callbacks import dispatch_custom_event
from langchain_core.messages import HumanMessage
from langchain_core.runnables import RunnableLambda
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import Command, RetryPolicy, interrupt
from opentelemetry.trace import StatusCode

from tests.fakes.chat_models import ScriptedChatModel
from tests.fakes.langgraph_limits import both_ways
from tests.fakes.span_trees import Traced

# LangGraph tells a graph's own run about interrupts since 1.2.
HAS_LIFECYCLE_CALLBACKS = importlib.util.find_spec("langgraph.callbacks") is not None
THREAD = {"configurable": {"thread_id": "t1"}}


def approval(*, subgraph: bool = False) -> Any:
    def ask(state: dict[str, Any]) -> dict[str, Any]:
        return {"answer": interrupt({"question": "send it?"})}

    graph = StateGraph(dict)
    graph.add_node("ask", ask)
    graph.add_edge(START, "ask")
    if not subgraph:
        return graph.compile(checkpointer=InMemorySaver(), name="approval")
    outer = StateGraph(dict)
    outer.add_node("sub", graph.compile(name="approval"))
    outer.add_edge(START, "sub")
    return outer.compile(checkpointer=InMemorySaver(), name="outer")


@pytest.mark.parametrize("asynchronous", both_ways)
def test_an_interrupt_is_marked_and_is_no_error(traced: Traced, asynchronous: bool) -> None:
    app = approval()
    result = asyncio.run(app.ainvoke({}, THREAD)) if asynchronous else app.invoke({}, THREAD)
    assert result["__interrupt__"]
    for name in ("node ask", "invoke_workflow approval"):
        span = traced.one(name)
        assert span.status.status_code is StatusCode.UNSET, name
        assert span.attributes["langgraph.interrupted"] is True, name
        (event,) = span.events
        assert event.name == "langgraph.interrupt"
        values = json.loads(event.attributes["langgraph.interrupt.values"])
        assert values == [{"question": "send it?"}]
        assert event.attributes["langgraph.interrupt.ids"]
    assert "error.type" not in traced.one("node ask").attributes


@pytest.mark.parametrize("asynchronous", both_ways)
def test_the_resumed_run_says_so_and_belongs_to_the_same_conversation(
    traced: Traced, asynchronous: bool
) -> None:
    app = approval()
    app.invoke({}, THREAD)
    resume: Any = Command(resume="yes")
    result = (
        asyncio.run(app.ainvoke(resume, THREAD)) if asynchronous else app.invoke(resume, THREAD)
    )
    assert result["answer"] == "yes"
    first, second = traced.named("invoke_workflow approval")
    assert "langgraph.resumed" not in first.attributes
    assert second.attributes["langgraph.resumed"] is True
    if HAS_LIFECYCLE_CALLBACKS:
        assert [e.name for e in second.events] == ["langgraph.resume"]
    assert json.loads(second.attributes["input.value"])["resume"] == "yes"
    ids = {s.attributes["gen_ai.conversation.id"] for s in traced.spans}
    assert ids == {"t1"}


def test_an_interrupt_in_a_subgraph_marks_the_whole_way_up(traced: Traced) -> None:
    approval(subgraph=True).invoke({}, THREAD)
    assert "!" not in traced.tree()
    marked = [s.name for s in traced.spans if s.attributes.get("langgraph.interrupted")]
    assert set(marked) == {
        "node ask",
        "invoke_workflow approval",
        "node sub",
        "invoke_workflow outer",
    }


def test_a_command_to_the_parent_graph_is_no_error(traced: Traced) -> None:
    inner = StateGraph(MessagesState)
    inner.add_node("hand_over", lambda state: Command(goto="other", graph=Command.PARENT))
    inner.add_edge(START, "hand_over")
    outer = StateGraph(MessagesState)
    outer.add_node("sub", inner.compile(name="inner"))
    outer.add_node("other", lambda state: {})
    outer.add_edge(START, "sub")
    outer.compile(name="outer").invoke({"messages": [HumanMessage("go")]})
    assert "!" not in traced.tree()
    assert traced.one("node hand_over").attributes["langgraph.command"] == "parent"
    assert traced.one("node other")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_every_try_of_a_retried_node_is_a_span_with_its_number(
    traced: Traced, asynchronous: bool
) -> None:
    tries: list[int] = []

    def flaky(state: dict[str, Any]) -> dict[str, Any]:
        tries.append(1)
        if len(tries) < 3:
            raise ConnectionError(f"try {len(tries)}")
        return {"ok": True}

    graph = StateGraph(dict)
    policy = RetryPolicy(max_attempts=3, initial_interval=0.001, jitter=False)
    graph.add_node("flaky", flaky, retry_policy=policy)
    graph.add_edge(START, "flaky")
    app = graph.compile(name="g")
    asyncio.run(app.ainvoke({})) if asynchronous else app.invoke({})
    assert traced.tree() == (
        "invoke_workflow g\n"
        "  node flaky  !ConnectionError\n"
        "  node flaky  !ConnectionError\n"
        "  node flaky"
    )
    attempts = [s.attributes.get("agentstack.retry.attempt") for s in traced.named("node flaky")]
    assert attempts == [None, 2, 3]
    assert traced.one("invoke_workflow g").status.status_code is StatusCode.UNSET


def test_every_try_of_a_retried_runnable_is_a_span_with_its_number(traced: Traced) -> None:
    model = ScriptedChatModel(lines=[ConnectionError("1"), ConnectionError("2"), "ok"])
    retrying = model.with_retry(stop_after_attempt=3, wait_exponential_jitter=False)
    graph = StateGraph(dict)
    graph.add_node("ask", lambda state: {"a": retrying.invoke("hello").content})
    graph.add_edge(START, "ask")
    # tenacity waits a second between tries unless told otherwise
    retrying.__dict__["wait_exponential_jitter"] = False
    graph.compile(name="g").invoke({})
    attempts = [
        s.attributes.get("agentstack.retry.attempt") for s in traced.named("chat scripted-1")
    ]
    assert attempts == [None, 2, 3]
    assert traced.tree().splitlines()[-1].strip() == "chat scripted-1"


def test_a_fallback_shows_the_failure_and_the_model_that_answered(traced: Traced) -> None:
    first = ScriptedChatModel(lines=[ConnectionError("down")], model="big")
    second = ScriptedChatModel(lines=["ok"], model="small")
    graph = StateGraph(dict)
    graph.add_node("ask", lambda s: {"a": first.with_fallbacks([second]).invoke("hi").content})
    graph.add_edge(START, "ask")
    assert graph.compile(name="g").invoke({})["a"] == "ok"
    assert traced.tree() == (
        "invoke_workflow g\n  node ask\n    chat big  !ConnectionError\n    chat small"
    )


def test_the_users_custom_events_become_span_events(traced: Traced) -> None:
    def work(x: int) -> int:
        dispatch_custom_event("progress", {"percent": 50})
        return x

    RunnableLambda(work).with_config(run_name="job").invoke(1)
    (event,) = traced.one("invoke_workflow job").events
    assert event.name == "progress"
    assert json.loads(event.attributes["langchain.custom_event.data"]) == {"percent": 50}
