# SPDX-License-Identifier: Apache-2.0
"""Tools, retrievers, embeddings: arguments, results, documents, failures."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.messages import HumanMessage
from langchain_core.retrievers import BaseRetriever
from langchain_core.tools import ToolException, tool
from opentelemetry.trace import SpanKind, StatusCode

from tests.fakes.chat_models import ScriptedChatModel, calls
from tests.fakes.graphs import add, react
from tests.fakes.span_trees import Traced, parsed

ASK = {"messages": [HumanMessage("go")]}


def test_a_tool_span_has_name_call_id_arguments_and_result(traced: Traced) -> None:
    model = ScriptedChatModel(lines=[calls("add", "call_9", a=1, b=2), "done"])
    react(model).compile().invoke(ASK)
    span = traced.one("execute_tool add")
    assert span.kind is SpanKind.INTERNAL
    assert span.attributes["gen_ai.operation.name"] == "execute_tool"
    assert span.attributes["gen_ai.tool.name"] == "add"
    assert span.attributes["gen_ai.tool.type"] == "function"
    assert span.attributes["gen_ai.tool.description"] == "Add two numbers."
    assert span.attributes["gen_ai.tool.call.id"] == "call_9"
    assert parsed(span, "gen_ai.tool.call.arguments") == {"a": 1, "b": 2}
    assert span.attributes["gen_ai.tool.call.result"] == "3"


def test_an_async_tool_says_the_same(traced: Traced) -> None:
    @tool
    async def slow_add(a: int, b: int) -> int:
        """Add, slowly."""
        await asyncio.sleep(0)
        return a + b

    assert asyncio.run(slow_add.ainvoke({"a": 1, "b": 2})) == 3
    span = traced.one("execute_tool slow_add")
    assert json.loads(span.attributes["gen_ai.tool.call.arguments"]) == {"a": 1, "b": 2}
    assert span.attributes["gen_ai.tool.call.result"] == "3"


def test_a_tool_that_raises_is_an_error_and_the_model_may_try_again(traced: Traced) -> None:
    tries: list[int] = []

    @tool
    def flaky() -> str:
        """Fail once."""
        tries.append(1)
        if len(tries) == 1:
            raise TimeoutError("504")
        return "ok"

    model = ScriptedChatModel(lines=[calls("flaky", "c1"), calls("flaky", "c2"), "done"])
    graph = react(model, [flaky])
    from langgraph.prebuilt import ToolNode

    graph.nodes.pop("tools")
    graph.add_node("tools", ToolNode([flaky], handle_tool_errors=True))
    graph.compile().invoke(ASK)
    first, second = traced.named("execute_tool flaky")
    assert first.status.status_code is StatusCode.ERROR
    assert first.attributes["error.type"] == "TimeoutError"
    assert [e.name for e in first.events] == ["exception"]
    assert second.status.status_code is StatusCode.UNSET
    assert second.attributes["gen_ai.tool.call.id"] == "c2"
    assert traced.one("invoke_workflow LangGraph").status.status_code is StatusCode.UNSET


def test_an_error_the_tool_reports_instead_of_raising_is_an_error_too(traced: Traced) -> None:
    @tool
    def polite() -> str:
        """Fail politely."""
        raise ToolException("no such city")

    polite.handle_tool_error = True
    answer = polite.invoke({"type": "tool_call", "id": "c1", "name": "polite", "args": {}})
    assert answer.status == "error"
    span = traced.one("execute_tool polite")
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes["error.type"] == "tool_error"
    assert span.attributes["gen_ai.tool.call.result"] == "no such city"


class Shelf(BaseRetriever):
    broken: bool = False

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        if self.broken:
            raise OSError("index gone")
        return [
            Document(id="d1", page_content="alpha", metadata={"score": 0.9, "source": "a.md"}),
            Document(page_content="beta", metadata={"source": "b.md"}),
        ]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_retrieval_has_query_and_documents_with_scores(
    traced: Traced, asynchronous: bool
) -> None:
    shelf = Shelf()
    found = asyncio.run(shelf.ainvoke("greek")) if asynchronous else shelf.invoke("greek")
    assert len(found) == 2
    span = traced.one("retrieval Shelf")
    assert span.kind is SpanKind.CLIENT
    assert span.attributes["gen_ai.operation.name"] == "retrieval"
    assert span.attributes["gen_ai.retrieval.query.text"] == "greek"
    first, second = parsed(span, "gen_ai.retrieval.documents")
    assert (first["id"], first["score"], first["content"]) == ("d1", 0.9, "alpha")
    assert (second["id"], second["content"]) == ("b.md", "beta")
    assert "score" not in second


def test_a_failing_retriever_is_an_error(traced: Traced) -> None:
    with pytest.raises(OSError, match="index gone"):
        Shelf(broken=True).invoke("greek")
    assert traced.one("retrieval Shelf").attributes["error.type"] == "OSError"


def embedder() -> Any:
    class LetterEmbeddings(Embeddings):
        model = "letters-2"

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if "boom" in texts:
                raise ValueError("boom")
            return [[float(len(t)), 1.0] for t in texts]

        def embed_query(self, text: str) -> list[float]:
            return self.embed_documents([text])[0]

    return LetterEmbeddings()


def test_embeddings_are_traced_although_langchain_has_no_callback_for_them(traced: Traced) -> None:
    assert embedder().embed_query("abc") == [3.0, 1.0]
    span = traced.one("embeddings letters-2")
    assert span.attributes["gen_ai.operation.name"] == "embeddings"
    assert span.attributes["gen_ai.provider.name"] == "letter"
    assert span.attributes["gen_ai.embeddings.dimension.count"] == 2


def test_embeddings_inside_a_tool_are_its_children_also_async_and_failing(traced: Traced) -> None:
    letters = embedder()

    @tool
    async def search(text: str) -> str:
        """Search."""
        return str(await letters.aembed_documents([text]))

    asyncio.run(search.ainvoke({"text": "abc"}))
    with pytest.raises(ValueError, match="boom"):
        asyncio.run(search.ainvoke({"text": "boom"}))
    assert traced.trees() == [
        "execute_tool search\n  embeddings letters-2",
        "execute_tool search  !ValueError\n  embeddings letters-2  !ValueError",
    ]


def test_a_tool_invoked_without_a_graph_is_a_root(traced: Traced) -> None:
    add.invoke({"a": 1, "b": 2})
    assert traced.tree() == "execute_tool add"
