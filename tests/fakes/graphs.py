# SPDX-License-Identifier: Apache-2.0
"""Small LangGraph graphs used by several tests."""

from __future__ import annotations

from typing import Any

from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def react(model: Any, tools: list[Any] | None = None, *, asynchronous: bool = False) -> StateGraph:
    """The classic loop: agent → tools → agent until no tool is asked for. Not compiled yet."""
    bound = model.bind_tools(tools or [add])

    def agent(state: MessagesState) -> Any:
        return {"messages": [bound.invoke(state["messages"])]}

    async def aagent(state: MessagesState) -> Any:
        return {"messages": [await bound.ainvoke(state["messages"])]}

    def route(state: MessagesState) -> bool:
        return bool(state["messages"][-1].tool_calls)

    graph = StateGraph(MessagesState)
    graph.add_node("agent", aagent if asynchronous else agent)
    graph.add_node("tools", ToolNode(tools or [add]))
    graph.add_edge(START, "agent")
    graph.add_conditional_edges("agent", route, {True: "tools", False: END})
    graph.add_edge("tools", "agent")
    return graph
