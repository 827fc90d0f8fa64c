# SPDX-License-Identifier: Apache-2.0
"""One run is one tree, and the tree is what the user drew."""

from __future__ import annotations

import asyncio
import operator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda
from langgraph.func import entrypoint, task
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.pregel import Pregel
from langgraph.types import Command, Send

from tests.fakes.chat_models import ScriptedChatModel, StreamingChatModel, calls
from tests.fakes.graphs import react
from tests.fakes.langgraph_limits import both_ways, without_async_config
from tests.fakes.span_trees import Traced, parsed, tree

REACT = """\
invoke_workflow demo
  node agent
    chat scripted-1
    edge agent → tools
  node tools
    execute_tool add
  node agent
    chat scripted-1
    edge agent → __end__"""
QUESTION = {"messages": [HumanMessage("1+2?")]}


def script() -> ScriptedChatModel:
    return ScriptedChatModel(lines=[calls("add", a=1, b=2), "3"])


def test_a_react_agent_gives_exactly_this_tree(traced: Traced) -> None:
    react(script()).compile(name="demo").invoke(QUESTION)
    assert traced.tree() == REACT


def test_the_async_road_gives_the_same_tree(traced: Traced) -> None:
    asyncio.run(react(script(), asynchronous=True).compile(name="demo").ainvoke(QUESTION))
    assert traced.tree() == REACT


def test_streaming_a_graph_gives_the_same_tree(traced: Traced) -> None:
    chunks = list(react(script()).compile(name="demo").stream(QUESTION, stream_mode="updates"))
    assert len(chunks) == 3
    assert traced.tree() == REACT


def test_astream_and_astream_events_give_the_same_tree(traced: Traced) -> None:
    async def run() -> None:
        graph = react(script(), asynchronous=True).compile(name="demo")
        assert len([c async for c in graph.astream(QUESTION)]) == 3
        graph = react(script(), asynchronous=True).compile(name="demo")
        assert [e async for e in graph.astream_events(QUESTION, version="v2")]

    asyncio.run(run())
    assert traced.trees() == [REACT, REACT]


def test_every_item_of_a_batch_is_its_own_tree(traced: Traced) -> None:
    def double(state: dict[str, Any]) -> dict[str, Any]:
        return {"n": state["n"] * 2}

    graph = StateGraph(dict)
    graph.add_node("double", double)
    graph.add_edge(START, "double")
    app = graph.compile(name="twice")
    app.batch([{"n": 1}, {"n": 2}])
    asyncio.run(app.abatch([{"n": 3}, {"n": 4}]))
    assert traced.trees() == ["invoke_workflow twice\n  node double"] * 4


def test_the_attributes_of_workflow_node_and_edge_are_the_conventions_ones(traced: Traced) -> None:
    react(script()).compile(name="demo").invoke(QUESTION, {"configurable": {"thread_id": "t-7"}})
    workflow, node = traced.one("invoke_workflow demo"), traced.named("node agent")[0]
    assert workflow.attributes["gen_ai.operation.name"] == "invoke_workflow"
    assert workflow.attributes["gen_ai.workflow.name"] == "demo"
    assert workflow.kind.name == "INTERNAL"
    assert parsed(workflow, "gen_ai.input.messages") == [
        {"role": "user", "parts": [{"type": "text", "content": "1+2?"}]}
    ]
    assert parsed(workflow, "gen_ai.output.messages")[0]["parts"][0]["content"] == "3"
    assert node.attributes["langgraph.node"] == "agent"
    assert node.attributes["langgraph.step"] == 1
    assert node.attributes["langgraph.checkpoint_ns"].startswith("agent:")
    assert parsed(node, "output.value")["messages"][0]["role"] == "assistant"
    edge = traced.one("edge agent → tools")
    assert edge.attributes["langgraph.edge.source"] == "agent"
    assert edge.attributes["langgraph.edge.target"] == "tools"


def test_thread_id_is_the_conversation_on_every_span(traced: Traced) -> None:
    react(script()).compile(name="demo").invoke(QUESTION, {"configurable": {"thread_id": "t-7"}})
    assert {s.attributes.get("gen_ai.conversation.id") for s in traced.spans} == {"t-7"}


def test_no_conversation_is_invented(traced: Traced) -> None:
    react(script()).compile(name="demo").invoke(QUESTION)
    assert all("gen_ai.conversation.id" not in s.attributes for s in traced.spans)


def test_a_subgraph_is_nested_below_its_node_with_its_namespace(traced: Traced) -> None:
    outer = StateGraph(MessagesState)
    outer.add_node("solve", react(script()).compile(name="demo"))
    outer.add_edge(START, "solve")
    outer.compile(name="outer").invoke(QUESTION)
    inner = "\n".join("    " + line for line in REACT.splitlines())
    assert traced.tree() == f"invoke_workflow outer\n  node solve\n{inner}"
    namespace = traced.named("node agent")[0].attributes["langgraph.checkpoint_ns"]
    assert [part.partition(":")[0] for part in namespace.split("|")] == ["solve", "agent"]


class Fan(TypedDict, total=False):
    items: list[int]
    item: int
    done: Annotated[list[int], operator.add]


def fan_out() -> Any:
    graph = StateGraph(Fan)
    graph.add_node("plan", lambda state: {"items": [1, 2, 3]})
    graph.add_node("work", lambda state: {"done": [state["item"] * 10]})
    graph.add_edge(START, "plan")
    graph.add_conditional_edges("plan", lambda s: [Send("work", {"item": i}) for i in s["items"]])
    graph.add_edge("work", END)
    return graph.compile(name="fan")


@pytest.mark.parametrize("asynchronous", [False, True])
def test_parallel_branches_stay_below_their_graph(traced: Traced, asynchronous: bool) -> None:
    app = fan_out()
    result = asyncio.run(app.ainvoke({})) if asynchronous else app.invoke({})
    assert sorted(result["done"]) == [10, 20, 30]
    assert traced.tree().splitlines() == [
        "invoke_workflow fan",
        "  node plan",
        "    edge plan → work x3",
        "  node work",
        "  node work",
        "  node work",
    ]
    assert traced.one("edge plan → work x3").attributes["langgraph.edge.target"] == "work,work,work"


def test_a_conditional_entry_point_and_a_goto_are_visible(traced: Traced) -> None:
    graph = StateGraph(dict)
    graph.add_node("a", lambda state: Command(goto="b"))
    graph.add_node("b", lambda state: {"x": 1})
    graph.add_conditional_edges(START, lambda state: "a")
    graph.compile(name="jump").invoke({"x": 0})
    assert traced.tree().splitlines() == [
        "invoke_workflow jump",
        "  edge __start__ → a",
        "  node a",
        "  node b",
    ]
    assert parsed(traced.one("node a"), "output.value")["goto"] == "b"


def test_an_edge_whose_function_sends_no_callbacks_is_shown_all_the_same(traced: Traced) -> None:
    from langgraph._internal._runnable import RunnableCallable

    # `create_agent` builds its edges like this.
    silent = RunnableCallable(lambda state: "b" if state["n"] else END, trace=False)
    graph = StateGraph(dict)
    graph.add_node("a", lambda state: {"n": 1})
    graph.add_node("b", lambda state: {"n": 2})
    graph.add_edge(START, "a")
    graph.add_conditional_edges("a", silent)
    app = graph.compile(name="g")
    config = {"configurable": {"thread_id": "t1"}}
    app.invoke({"n": 0}, config)
    asyncio.run(app.ainvoke({"n": 0}, config))
    assert traced.trees() == ["invoke_workflow g\n  node a\n    edge a → b\n  node b"] * 2
    edge = traced.named("edge a → b")[0]
    assert edge.attributes["gen_ai.conversation.id"] == "t1"
    assert edge.start_time <= edge.end_time <= traced.named("node a")[0].end_time


def test_internals_are_hidden_and_their_children_move_up(traced: Traced) -> None:
    chain = (
        ChatPromptTemplate.from_messages([("human", "{q}")])
        | ScriptedChatModel(lines=["yes"])
        | StrOutputParser()
        | RunnableLambda(lambda text: text.upper())
    )
    graph = StateGraph(dict)
    graph.add_node("ask", lambda state: {"a": chain.invoke({"q": state["q"]})})
    graph.add_edge(START, "ask")
    assert graph.compile(name="lcel").invoke({"q": "ok?"})["a"] == "YES"
    assert traced.tree() == "invoke_workflow lcel\n  node ask\n    chat scripted-1"


def test_a_runnable_the_user_tagged_as_hidden_is_hidden(traced: Traced) -> None:
    def helper(text: str) -> str:
        return str(ScriptedChatModel(lines=["yes"]).invoke(text).content)

    hidden = RunnableLambda(helper).with_config(tags=["langsmith:hidden"])
    graph = StateGraph(dict)
    graph.add_node("ask", lambda state: {"a": hidden.invoke("ok?")})
    graph.add_edge(START, "ask")
    graph.compile(name="g").invoke({})
    assert traced.tree() == "invoke_workflow g\n  node ask\n    chat scripted-1"


def test_a_runnable_sequence_used_as_a_node_is_no_edge(traced: Traced) -> None:
    graph = StateGraph(dict)

    def shout(text: Any) -> dict[str, Any]:
        return {"a": text.content.upper()}

    question = RunnableLambda(lambda state: state["q"])
    graph.add_node("ask", question | ScriptedChatModel(lines=["yes"]) | RunnableLambda(shout))
    graph.add_edge(START, "ask")
    assert graph.compile(name="seq").invoke({"q": "ok?"})["a"] == "YES"
    assert traced.tree() == "invoke_workflow seq\n  node ask\n    chat scripted-1\n    step shout"


def test_a_chain_without_a_graph_is_a_workflow(traced: Traced) -> None:
    chain = ChatPromptTemplate.from_messages([("human", "{q}")]) | ScriptedChatModel(lines=["yes"])
    chain.with_config(run_name="faq").invoke({"q": "ok?"})
    assert traced.tree() == "invoke_workflow faq\n  chat scripted-1"


def test_a_model_called_on_its_own_is_a_root(traced: Traced) -> None:
    ScriptedChatModel(lines=["yes"]).invoke("ok?")
    assert traced.tree() == "chat scripted-1"


def test_a_named_agent_is_an_invoke_agent_span_and_names_its_children(traced: Traced) -> None:
    # What `create_agent(..., name="helper")` binds to its graph.
    about = {"ls_integration": "langchain_create_agent", "lc_agent_name": "helper"}
    react(script()).compile(name="helper").with_config({"metadata": about}).invoke(QUESTION)
    agent = traced.one("invoke_agent helper")
    assert agent.parent is None
    assert agent.attributes["gen_ai.operation.name"] == "invoke_agent"
    assert {s.attributes["gen_ai.agent.name"] for s in traced.spans} == {"helper"}


def test_an_agent_inside_a_workflow_keeps_its_own_name(traced: Traced) -> None:
    about = {"ls_integration": "langchain_create_agent", "lc_agent_name": "helper"}
    outer = StateGraph(MessagesState)
    outer.add_node("solve", react(script()).compile(name="x").with_config({"metadata": about}))
    outer.add_edge(START, "solve")
    outer.compile(name="outer").invoke(QUESTION)
    assert traced.tree().splitlines()[:3] == [
        "invoke_workflow outer",
        "  node solve",
        "    invoke_agent helper",
    ]
    assert "gen_ai.agent.name" not in traced.one("node solve").attributes
    assert traced.one("execute_tool add").attributes["gen_ai.agent.name"] == "helper"


def test_the_functional_api_is_traced_too(traced: Traced) -> None:
    @task
    def double(n: int) -> int:
        return n * 2

    @entrypoint()
    def flow(n: int) -> int:
        return double(n).result() + 1

    assert flow.invoke(4) == 9
    assert traced.tree() == "invoke_workflow LangGraph\n  node flow\n    step double"


def test_the_users_own_span_around_a_run_is_its_parent(traced: Traced) -> None:
    with traced.tracer.start_as_current_span("request"):
        react(script()).compile(name="demo").invoke(QUESTION)
    assert traced.tree().splitlines()[:2] == ["request", "  invoke_workflow demo"]


def test_twenty_runs_in_threads_do_not_mix(traced: Traced) -> None:
    def run(n: int) -> str:
        app = react(ScriptedChatModel(lines=[calls("add", a=n, b=n), f"answer {n}"]))
        config = {"configurable": {"thread_id": f"t{n}"}}
        return app.compile(name="demo").invoke(QUESTION, config)["messages"][-1].content

    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(run, range(20))) == [f"answer {n}" for n in range(20)]
    _twenty_separate_trees(traced)


@without_async_config
def test_twenty_runs_in_one_event_loop_do_not_mix(traced: Traced) -> None:
    async def run(n: int) -> None:
        model = ScriptedChatModel(lines=[calls("add", a=n, b=n), f"answer {n}"])
        app = react(model, asynchronous=True).compile(name="demo")
        await app.ainvoke(QUESTION, {"configurable": {"thread_id": f"t{n}"}})

    async def run_all() -> None:
        await asyncio.gather(*(run(n) for n in range(20)))

    asyncio.run(run_all())
    _twenty_separate_trees(traced)


def _twenty_separate_trees(traced: Traced) -> None:
    assert traced.trees() == [REACT] * 20
    for root in traced.named("invoke_workflow demo"):
        mine = [s for s in traced.spans if s.context.trace_id == root.context.trace_id]
        thread = root.attributes["gen_ai.conversation.id"]
        assert {s.attributes["gen_ai.conversation.id"] for s in mine} == {thread}
        assert tree(root, mine) == REACT
        (tool,) = [s for s in mine if s.name == "execute_tool add"]
        assert parsed(tool, "gen_ai.tool.call.arguments")["a"] == int(thread[1:])


def test_messages_streamed_out_of_a_graph_do_not_change_the_tree(traced: Traced) -> None:
    model = StreamingChatModel(lines=[AIMessage("a b c")])
    chunks = list(react(model).compile(name="demo").stream(QUESTION, stream_mode="messages"))
    assert len(chunks) >= 3
    assert traced.tree() == (
        "invoke_workflow demo\n  node agent\n    chat scripted-1\n    edge agent → __end__"
    )
    assert traced.one("chat scripted-1").attributes["gen_ai.request.stream"] is True


@pytest.mark.skipif(not hasattr(Pregel, "stream_events"), reason="comes with LangGraph 1.2")
@pytest.mark.filterwarnings("ignore")  # the third version of this protocol is still beta
@pytest.mark.parametrize("asynchronous", both_ways)
def test_the_content_block_protocol_gives_the_same_tree(traced: Traced, asynchronous: bool) -> None:
    app = react(StreamingChatModel(lines=[AIMessage("a b c")])).compile(name="demo")

    async def read() -> None:
        async for _ in await app.astream_events(QUESTION, version="v3"):
            pass

    if asynchronous:
        asyncio.run(read())
    else:
        assert list(app.stream_events(QUESTION, version="v3"))
    assert traced.tree() == (
        "invoke_workflow demo\n  node agent\n    chat scripted-1\n    edge agent → __end__"
    )
    assert traced.one("chat scripted-1").attributes["gen_ai.request.stream"] is True
