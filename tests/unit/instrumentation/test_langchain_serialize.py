# SPDX-License-Identifier: Apache-2.0
"""Whatever a program hands around, an attribute is valid JSON of bounded size."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from langchain_core.documents import Document
from langchain_core.messages import AIMessage
from langgraph.types import Command, Send
from pydantic import BaseModel

from agentstack_otel.instrumentation.langchain.serialize import to_json, to_text

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | st.complex_numbers()
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers() | st.tuples(st.integers()), inner)
        | st.frozensets(st.integers() | st.text())
        | st.builds(AIMessage, content=st.text())
        | st.builds(Document, page_content=st.text())
    ),
    max_leaves=20,
)


def strict(text: str) -> Any:
    def no(name: str) -> None:
        raise ValueError(f"{name} is no JSON")

    return json.loads(text, parse_constant=no)


@given(values)
def test_any_value_becomes_valid_json(value: Any) -> None:
    strict(to_json(value))


@given(values, st.integers(min_value=400, max_value=2_000))
def test_no_value_becomes_longer_than_its_limit_allows(value: Any, limit: int) -> None:
    text = to_json([value, "x" * 5_000, {"deep": ["y" * 5_000] * 10}], limit)
    strict(text)
    assert len(text) <= 2 * limit + 100


@given(st.text(max_size=300))
def test_text_stays_as_it_is(text: str) -> None:
    assert to_text(text) == text


def test_a_long_conversation_loses_tails_of_texts_before_it_loses_messages() -> None:
    text = to_json([AIMessage("z" * 50_000) for _ in range(30)], 300_000)
    found = strict(text)
    assert len(found) == 30
    assert found[29]["parts"][0]["content"].endswith("more characters]")


def test_ten_megabytes_are_cut_and_still_parse() -> None:
    found = strict(to_json({"blob": "q" * 10_000_000}))
    assert found["blob"].startswith("qqq")
    assert len(found["blob"]) < 70_000


def test_graph_control_values_and_models_are_readable() -> None:
    class Order(BaseModel):
        number: int

    @dataclass
    class Box:
        order: Order

    found = strict(
        to_json({"a": Command(goto="b"), "s": Send("w", {"i": 1}), "x": Box(Order(number=7))})
    )
    assert found["a"]["goto"] == "b"
    assert (found["s"]["node"], found["s"]["arg"]) == ("w", {"i": 1})
    assert found["x"] == {"order": {"number": 7}}


def test_a_cycle_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)
    strict(to_json(loop))


def test_a_value_nested_a_thousand_deep_ends() -> None:
    deep: Any = "bottom"
    for _ in range(5_000):
        deep = [deep]
    strict(to_json(deep))
