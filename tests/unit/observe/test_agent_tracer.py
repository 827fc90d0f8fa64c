# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import asyncio
import json
import threading

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from agentstack_otel.runs import AgentTracer


def test_a_run_with_a_model_call_and_a_tool_follows_the_conventions(spans):
    with AgentTracer({"deployment.environment": "test"}).run("travel", conversation="t-42") as run:
        with run.step("answer", operation="chat", model="gpt-5", provider="openai") as step:
            step.input([{"role": "user", "content": "to Rome"}])
            step.output("LH400")
            step.tokens(input=12, output=3, cached=4, reasoning=0)
        with run.step("book", operation="execute_tool") as step:
            step.input({"flight": "LH400"})
            step.output({"ok": True})
    chat, tool, root = (
        spans.one(name) for name in ("chat gpt-5", "execute_tool book", "invoke_agent travel")
    )
    assert chat.kind is SpanKind.CLIENT
    assert chat.parent.span_id == tool.parent.span_id == root.context.span_id
    assert root.attributes == {
        "deployment.environment": "test",
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": "travel",
        "gen_ai.conversation.id": "t-42",
    }
    assert json.loads(chat.attributes["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": "to Rome"}]}
    ]
    assert json.loads(chat.attributes["gen_ai.output.messages"]) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "LH400"}]}
    ]
    assert chat.attributes["gen_ai.provider.name"] == "openai"
    assert chat.attributes["gen_ai.request.model"] == "gpt-5"
    assert {key: n for key, n in chat.attributes.items() if "usage" in key} == {
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 3,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 0,
    }
    assert tool.attributes["gen_ai.tool.call.arguments"] == '{"flight":"LH400"}'
    assert tool.attributes["gen_ai.tool.call.result"] == '{"ok":true}'


def test_tool_calls_in_openais_shape_become_parts(spans):
    call = {"id": "c1", "type": "function", "function": {"name": "search", "arguments": "{}"}}
    with AgentTracer().run("a") as run, run.step("m", operation="chat", model="m") as step:
        step.output({"role": "assistant", "content": None, "tool_calls": [call]})
    assert json.loads(spans.one("chat m").attributes["gen_ai.output.messages"]) == [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "search", "arguments": "{}"}],
        }
    ]


def test_what_is_raised_inside_marks_step_and_run_and_goes_on(spans):
    error = ValueError("sold out")
    with (
        pytest.raises(ValueError, match="sold out") as caught,
        AgentTracer().run("a") as run,
        run.step("buy"),
    ):
        raise error
    assert caught.value is error
    for name in ("buy", "invoke_agent a"):
        assert spans.one(name).status.status_code is StatusCode.ERROR
        assert spans.one(name).attributes["error.type"] == "ValueError"


def test_a_caught_failure_marks_the_step_and_not_the_run(spans):
    with AgentTracer().run("a") as run, run.step("try") as step:
        step.failure(TimeoutError("slow"))
    assert spans.one("try").status.status_code is StatusCode.ERROR
    assert spans.one("invoke_agent a").status.status_code is StatusCode.UNSET


def test_asynchronous_runs_keep_parallel_steps_apart(spans):
    async def work(run, name):
        async with run.step(name) as step:
            await asyncio.sleep(0)
            assert trace.get_current_span() is step.span

    async def main():
        async with AgentTracer().run("a") as run:
            await asyncio.gather(work(run, "left"), work(run, "right"))
            return run.trace_id

    trace_id = asyncio.run(main())
    root = spans.one("invoke_agent a")
    assert f"{root.context.trace_id:032x}" == trace_id
    assert spans.one("left").parent.span_id == root.context.span_id
    assert spans.one("right").parent.span_id == root.context.span_id
    assert not trace.get_current_span().get_span_context().is_valid


def test_a_step_in_another_thread_still_belongs_to_its_run(spans):
    with AgentTracer().run("a") as run:

        def work():
            with run.step("elsewhere"):
                pass

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    root = spans.one("invoke_agent a")
    assert spans.one("elsewhere").parent.span_id == root.context.span_id


def test_steps_nest_by_where_they_are_opened(spans):
    with AgentTracer().run("a") as run, run.step("outer") as outer, outer.step("inner"):
        pass
    assert spans.one("inner").parent.span_id == spans.one("outer").context.span_id


def test_content_none_keeps_messages_out(spans, monkeypatch):
    monkeypatch.setenv("AGENTSTACK_CONTENT", "none")
    with AgentTracer().run("a") as run, run.step("m", operation="chat", model="m") as step:
        step.input("private")
        step.output("private")
        step.tokens(input=1)
    attributes = spans.one("chat m").attributes
    assert "private" not in str(dict(attributes))
    assert attributes["gen_ai.usage.input_tokens"] == 1


def test_misuse_is_silent(spans):
    step = AgentTracer().run("never entered").step("nor this")
    step.input("x")
    step.output("x")
    step.tokens(input=1)
    step.failure(ValueError())
    step.set("k", "v")
    assert step.trace_id == "0" * 32
    assert spans.all() == ()
