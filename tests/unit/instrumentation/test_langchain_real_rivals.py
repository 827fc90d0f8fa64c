# SPDX-License-Identifier: Apache-2.0
"""The real other instrumentors beside ours, in a virtual environment of their own.

Make it once:
    python -m venv ~/.cache/agentstack-tests/rivals-langchain
    ~/.cache/agentstack-tests/rivals-langchain/bin/pip install "langchain>=1" langgraph \
        opentelemetry-instrumentation-genai-langchain openinference-instrumentation-langchain \
        opentelemetry-instrumentation-langchain
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PYTHON = Path.home() / ".cache/agentstack-tests/rivals-langchain/bin/python"
RIVALS = {
    "official": "opentelemetry.instrumentation.genai.langchain",
    "openinference": "openinference.instrumentation.langchain",
    "traceloop": "opentelemetry.instrumentation.langchain",
}
SCOPE = "agentstack_otel.instrumentation.langchain"
# Traceloop also wraps two functions, where no callback is involved. Under our distribution it is
# not even loaded; only a program that calls its `instrument()` by hand sees these two beside ours.
ALSO_WRAPPED = {"traceloop": {"create_agent helper", "invoke_agent helper"}}
SCRIPT = """
import importlib, sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
from agentstack_otel.instrumentation.langchain import AgentStackLangChainInstrumentor
for which in sys.argv[1].split(","):
    if which == "ours":
        AgentStackLangChainInstrumentor().instrument(replace_rivals=sys.argv[2] == "replace")
    else:
        rival = importlib.import_module(which)
        kind = getattr(rival, "LangChainInstrumentor", None) or rival.LangchainInstrumentor
        kind().instrument()
from langchain.agents import create_agent
from tests.fakes.chat_models import ScriptedChatModel, calls
from tests.fakes.graphs import add
model = ScriptedChatModel(lines=[calls("add", a=1, b=2), "3"])
agent = create_agent(model, [add], name="helper")
agent.invoke({"messages": [("user", "1+2?")]}, {"configurable": {"thread_id": "t1"}})
for span in sorted(exporter.get_finished_spans(), key=lambda s: s.start_time):
    print(span.instrumentation_scope.name, "|", span.name)
"""
OURS = [
    "invoke_agent helper",
    "node model",
    "chat scripted-1",
    "edge model → tools",
    "node tools",
    "execute_tool add",
    "edge tools → model",
    "node model",
    "chat scripted-1",
    "edge model → __end__",
]

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not PYTHON.exists(), reason="the rivals' environment is not installed"),
]


def run(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    places = [ROOT, ROOT / "processors", ROOT / "exporters"]
    done = subprocess.run(
        [PYTHON, "-c", script, *arguments],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(map(str, places)),
            "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT",
        },
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def spans_of(order: list[str], policy: str) -> list[tuple[str, str]]:
    done = run(SCRIPT, ",".join(order), policy)
    return [
        (scope, name)
        for scope, _, name in (line.partition(" | ") for line in done.stdout.splitlines())
    ]


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_real_rival_adds_no_span_to_ours(rival: str, first: str) -> None:
    order = ["ours", RIVALS[rival]][:: 1 if first == "ours" else -1]
    found = spans_of(order, "replace")
    assert [name for scope, name in found if scope == SCOPE] == OURS
    assert {name for scope, name in found if scope != SCOPE} <= ALSO_WRAPPED.get(rival, set())


@pytest.mark.parametrize("rival", RIVALS)
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_ours_gives_way_to_a_real_rival_when_told_to(rival: str, first: str) -> None:
    order = ["ours", RIVALS[rival]][:: 1 if first == "ours" else -1]
    found = spans_of(order, "yield")
    assert found
    assert SCOPE not in {scope for scope, _ in found}


def test_all_three_at_once_add_no_span_to_ours() -> None:
    found = spans_of(["ours", *RIVALS.values()], "replace")
    assert [name for scope, name in found if scope == SCOPE] == OURS
    assert {name for scope, name in found if scope != SCOPE} <= ALSO_WRAPPED["traceloop"]


PROVIDER = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
exporter, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
from agentstack_otel.instrumentation.langchain import AgentStackLangChainInstrumentor
AgentStackLangChainInstrumentor().instrument(tracer_provider=provider)
from opentelemetry.util.genai.handler import TelemetryHandler
from tests.fakes.chat_models import ScriptedChatModel
handler = TelemetryHandler(tracer_provider=provider)
def client():
    with handler.inference("openai", request_model="gpt-x"):
        pass
client()
ScriptedChatModel(lines=["hi"], seen=client).invoke("hello")
client()
print([span.name for span in exporter.get_finished_spans()])
"""


def test_a_providers_own_instrumentor_adds_no_second_chat_span() -> None:
    done = run(PROVIDER)
    assert done.stdout.strip() == "['chat gpt-x', 'chat scripted-1', 'chat gpt-x']"
