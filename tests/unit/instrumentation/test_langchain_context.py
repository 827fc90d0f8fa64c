# SPDX-License-Identifier: Apache-2.0
"""A run's span is current inside the user's code, and nowhere else, whatever happens to the run."""

from __future__ import annotations

import asyncio
import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from opentelemetry import baggage, context, trace
from opentelemetry.trace import StatusCode

from tests.fakes.chat_models import ScriptedChatModel, StreamingChatModel, calls
from tests.fakes.graphs import react
from tests.fakes.span_trees import Traced

ASK = {"messages": [HumanMessage("go")]}


def current() -> str:
    return getattr(trace.get_current_span(), "name", "-")


def one_node(node: Any, name: str = "work") -> Any:
    graph = StateGraph(dict)
    graph.add_node(name, node)
    graph.add_edge(START, name)
    return graph.compile(name="g")


def test_spans_opened_by_user_code_nest_below_node_tool_model_and_retriever(traced: Traced) -> None:
    def http(what: str) -> None:
        with traced.tracer.start_as_current_span(f"GET {what}"):
            pass

    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            http("index")
            return []

    @tool
    def look() -> str:
        """Look."""
        http("tool")
        Shelf().invoke("q")
        return "seen"

    model = ScriptedChatModel(lines=[calls("look"), "done"], seen=lambda: http("model"))
    react(model, [look]).compile(name="g").invoke(ASK)
    assert traced.tree() == (
        "invoke_workflow g\n"
        "  node agent\n"
        "    chat scripted-1\n"
        "      GET model\n"
        "    edge agent → tools\n"
        "  node tools\n"
        "    execute_tool look\n"
        "      GET tool\n"
        "      retrieval Shelf\n"
        "        GET index\n"
        "  node agent\n"
        "    chat scripted-1\n"
        "      GET model\n"
        "    edge agent → __end__"
    )


def test_the_same_holds_in_async_nodes_tools_and_models(traced: Traced) -> None:
    seen: list[str] = []

    class Shelf(BaseRetriever):
        def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            raise NotImplementedError

        async def _aget_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
            await asyncio.sleep(0)
            seen.append(current())
            return []

    @tool
    async def look() -> str:
        """Look."""
        seen.append(current())
        await asyncio.sleep(0)
        await Shelf().ainvoke("q")
        seen.append(current())
        return "seen"

    model = ScriptedChatModel(lines=[calls("look"), "done"], seen=lambda: seen.append(current()))

    async def node(state: dict[str, Any]) -> dict[str, Any]:
        seen.append(current())
        await react(model, [look], asynchronous=True).compile(name="sub").ainvoke(ASK)
        seen.append(current())
        return {}

    asyncio.run(one_node(node).ainvoke({"a": 1}))
    assert seen == [
        "node work",
        "chat scripted-1",
        "execute_tool look",
        "retrieval Shelf",
        "execute_tool look",
        "chat scripted-1",
        "node work",
    ]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_streaming_model_sees_its_span_and_its_consumer_does_not(
    traced: Traced, asynchronous: bool
) -> None:
    inside: list[str] = []
    outside: list[str] = []
    model = StreamingChatModel(lines=[AIMessage("a b c")], seen=lambda: inside.append(current()))

    async def read() -> None:
        outside.extend([current() async for _ in model.astream("go")])

    if asynchronous:
        asyncio.run(read())
    else:
        outside.extend(current() for _ in model.stream("go"))
    assert set(inside) == {"chat scripted-1"}
    assert len(inside) >= 4
    assert set(outside) == {"-"}


@pytest.mark.parametrize("asynchronous", [False, True])
def test_the_consumer_of_a_streaming_graph_keeps_its_own_current_span(
    traced: Traced, asynchronous: bool
) -> None:
    outside: list[str] = []
    app = react(ScriptedChatModel(lines=[calls("add", a=1, b=2), "3"])).compile(name="g")

    async def read() -> None:
        with traced.tracer.start_as_current_span("request"):
            outside.extend([current() async for _ in app.astream(ASK)])

    if asynchronous:
        asyncio.run(read())
    else:
        with traced.tracer.start_as_current_span("request"):
            outside.extend(current() for _ in app.stream(ASK))
    assert outside == ["request"] * 3


def test_interleaved_streams_in_one_thread_do_not_disturb_each_other(traced: Traced) -> None:
    first = react(ScriptedChatModel(lines=["1"])).compile(name="first").stream(ASK)
    second = react(ScriptedChatModel(lines=["2"])).compile(name="second").stream(ASK)
    next(first)
    next(second)
    assert list(first) == []
    assert current() == "-"
    assert list(second) == []
    assert current() == "-"
    assert [t.splitlines()[0] for t in traced.trees()] == [
        "invoke_workflow first",
        "invoke_workflow second",
    ]


def test_a_span_of_the_users_own_function_stays_between_node_and_model(traced: Traced) -> None:
    model = ScriptedChatModel(lines=["ok"])

    def node(state: dict[str, Any]) -> dict[str, Any]:
        with traced.tracer.start_as_current_span("my_function"):
            (RunnableLambda(lambda x: x) | model).invoke("hello")
        return {}

    one_node(node).invoke({"a": 1})
    assert traced.tree() == (
        "invoke_workflow g\n  node work\n    my_function\n      chat scripted-1"
    )


def test_a_model_called_in_a_users_thread_with_copied_context_finds_its_node(
    traced: Traced,
) -> None:
    import contextvars

    def node(state: dict[str, Any]) -> dict[str, Any]:
        copied = contextvars.copy_context()
        thread = threading.Thread(
            target=copied.run, args=(ScriptedChatModel(lines=["ok"]).invoke, "hello")
        )
        thread.start()
        thread.join()
        return {}

    one_node(node).invoke({"a": 1})
    assert traced.tree() == "invoke_workflow g\n  node work\n    chat scripted-1"


def test_baggage_reaches_user_code(traced: Traced) -> None:
    seen: list[object] = []

    def node(state: dict[str, Any]) -> dict[str, Any]:
        seen.append(baggage.get_baggage("tenant"))
        return {}

    token = context.attach(baggage.set_baggage("tenant", "acme"))
    try:
        one_node(node).invoke({"a": 1})
    finally:
        context.detach(token)
    assert seen == ["acme"]


def test_an_exception_in_a_node_ends_every_span_and_leaves_nothing_current(traced: Traced) -> None:
    def node(state: dict[str, Any]) -> dict[str, Any]:
        raise KeyError("lost")

    with pytest.raises(KeyError, match="lost"):
        one_node(node).invoke({"a": 1})
    assert traced.tree() == "invoke_workflow g  !KeyError\n  node work  !KeyError"
    inner, outer = traced.one("node work"), traced.one("invoke_workflow g")
    assert [e.name for e in inner.events] == ["exception"]
    assert [e.name for e in outer.events] == [], "one stack trace is enough"
    assert current() == "-"


def test_the_exception_arrives_unchanged(traced: Traced) -> None:
    error = KeyError("lost")

    def node(state: dict[str, Any]) -> dict[str, Any]:
        raise error

    with pytest.raises(KeyError) as caught:
        one_node(node).invoke({"a": 1})
    assert caught.value is error


@pytest.mark.parametrize("inside", ["node", "model", "tool"])
def test_a_cancelled_run_ends_all_its_spans(traced: Traced, inside: str) -> None:
    started: list[asyncio.Event] = []

    async def hang() -> None:
        started[0].set()
        await asyncio.sleep(60)

    class HangingModel(ScriptedChatModel):
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            await hang()

    @tool
    async def wait() -> str:
        """Wait."""
        await hang()
        return "never"

    async def node(state: dict[str, Any]) -> dict[str, Any]:
        if inside == "model":
            await HangingModel().ainvoke("hello")
        elif inside == "tool":
            await wait.ainvoke({})
        else:
            await hang()
        return {}

    async def run() -> None:
        started.append(asyncio.Event())
        job = asyncio.create_task(one_node(node).ainvoke({"a": 1}))
        await started[0].wait()
        job.cancel()
        with pytest.raises(asyncio.CancelledError):
            await job

    asyncio.run(run())
    lines = traced.tree().splitlines()
    assert lines[:2] == ["invoke_workflow g  !CancelledError", "  node work  !CancelledError"]
    assert len(lines) == (2 if inside == "node" else 3)
    assert all("!CancelledError" in line for line in lines)


def test_a_timed_out_model_call_is_ended_although_its_node_goes_on(traced: Traced) -> None:
    class HangingModel(ScriptedChatModel):
        async def _agenerate(self, *args: Any, **kwargs: Any) -> Any:
            await asyncio.sleep(60)

    async def node(state: dict[str, Any]) -> dict[str, Any]:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(HangingModel().ainvoke("hello"), 0.01)
        return {}

    asyncio.run(one_node(node).ainvoke({"a": 1}))
    assert traced.tree() == ("invoke_workflow g\n  node work\n    chat scripted-1  !CancelledError")


def test_a_graph_stream_dropped_half_way_is_ended_and_marked(traced: Traced) -> None:
    app = react(ScriptedChatModel(lines=[calls("add", a=1, b=2), "3"])).compile(name="g")
    stream = app.stream(ASK)
    next(stream)
    del stream
    gc.collect()
    root = traced.one("invoke_workflow g")
    assert root.attributes["agentstack.run.abandoned"] is True
    assert root.status.status_code is StatusCode.UNSET
    assert current() == "-"


def test_an_async_graph_stream_dropped_half_way_is_ended_too(traced: Traced) -> None:
    async def run() -> None:
        model = ScriptedChatModel(lines=[calls("add", a=1, b=2), "3"])
        async for _ in react(model, asynchronous=True).compile(name="g").astream(ASK):
            break
        gc.collect()
        for _ in range(20):
            await asyncio.sleep(0)

    asyncio.run(run())
    assert traced.one("invoke_workflow g").attributes["agentstack.run.abandoned"] is True


@pytest.mark.parametrize("where", ["here", "another thread"])
def test_a_model_stream_dropped_half_way_is_ended_wherever_it_is_closed(
    traced: Traced, where: str
) -> None:
    stream = StreamingChatModel(lines=[AIMessage("a b c d")]).stream("go")
    next(stream)
    if where == "here":
        stream.close()
    else:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(stream.close).result()
    assert traced.one("chat scripted-1").attributes["agentstack.run.abandoned"] is True
    assert current() == "-"


def test_a_conditional_edge_function_runs_inside_its_edge(traced: Traced) -> None:
    seen: list[str] = []
    graph = StateGraph(MessagesState)
    graph.add_node("a", lambda state: {})
    graph.add_edge(START, "a")

    def route(state: MessagesState) -> str:
        seen.append(current())
        return "__end__"

    graph.add_conditional_edges("a", route)
    graph.compile().invoke(ASK)
    assert seen == ["edge a"]


def test_a_graph_called_by_a_tool_of_another_graph_is_nested(traced: Traced) -> None:
    @tool
    def ask_colleague() -> str:
        """Ask another agent."""
        app = react(ScriptedChatModel(lines=["42"])).compile(name="colleague")
        return str(app.invoke(ASK)["messages"][-1].content)

    model = ScriptedChatModel(lines=[calls("ask_colleague"), "done"])
    react(model, [ask_colleague]).compile(name="boss").invoke(ASK)
    lines = traced.tree().splitlines()
    at = lines.index("    execute_tool ask_colleague")
    assert lines[at + 1 : at + 4] == [
        "      invoke_workflow colleague",
        "        node agent",
        "          chat scripted-1",
    ]
