# SPDX-License-Identifier: Apache-2.0
"""The demo agent under the real `opentelemetry-instrument`, kept in a file without any server."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from agentstack_exporters.log.sqlite import Config, SqliteLog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "examples" / "demo_agent.py"
SECRETS = ("536-22-8714", "5T2MQW7XJ4RNB6ZD", "sk-proj-7Qm2vX9b", "4111 1111 1111 1111")


def run_traced(spool: Path, **env: str) -> subprocess.CompletedProcess[str]:
    command = [Path(sys.executable).with_name("opentelemetry-instrument"), sys.executable, DEMO]
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
        env={**os.environ, "AGENTSTACK_SPOOL": str(spool), "DEMO_PACE": "0", **env},
    )


def spans_in(spool: Path) -> tuple[list[Any], bytes]:
    log = SqliteLog(Config(path=spool))
    try:
        payloads = [stored.record.payload for stored in log.read(0)]
    finally:
        log.close()
    requests = [ExportTraceServiceRequest.FromString(payload) for payload in payloads]
    spans = [
        s for r in requests for rs in r.resource_spans for ss in rs.scope_spans for s in ss.spans
    ]
    return spans, b"".join(payloads)


def attributes(span: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Any], bytes, str]:
    spool = tmp_path_factory.mktemp("demo") / "run.db"
    done = run_traced(spool)
    return (*spans_in(spool), done.stdout + done.stderr)


def test_its_source_knows_nothing_of_tracing() -> None:
    imported = [
        name
        for node in ast.walk(ast.parse(DEMO.read_text()))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    ]
    assert not [n for n in imported if n.startswith(("agentstack", "opentelemetry"))]


def test_the_run_is_one_tree_with_every_kind_of_step(
    recorded: tuple[list[Any], bytes, str],
) -> None:
    spans, _, _ = recorded
    assert len({s.trace_id for s in spans}) == 1
    (root,) = [s for s in spans if not s.parent_span_id]
    assert root.name == "invoke_workflow support_desk"
    ids = {s.span_id for s in spans}
    assert all(s.parent_span_id in ids for s in spans if s is not root)
    count = {name: sum(s.name == name for s in spans) for name in {s.name for s in spans}}
    assert count == {
        "invoke_workflow support_desk": 1,
        "node recall": 1,
        "retrieval HelpCentre": 1,
        "node assistant": 5,
        "chat gpt-4o": 6,
        "edge assistant → tools": 3,
        "edge assistant → write": 1,
        "edge assistant → __end__": 1,
        "node tools": 3,
        "execute_tool look_up_order": 2,
        "execute_tool get_customer": 1,
        "execute_tool send_mail": 1,
        "node write": 1,
        "node review": 1,
        "chat gpt-4o-mini": 1,
        "edge review → assistant": 1,
    }


def test_one_tool_call_failed_and_the_next_one_worked(
    recorded: tuple[list[Any], bytes, str],
) -> None:
    tries = [s for s in recorded[0] if s.name == "execute_tool look_up_order"]
    tries.sort(key=lambda s: s.start_time_unix_nano)
    assert [s.status.code for s in tries] == [2, 0]
    assert attributes(tries[0])["error.type"] == "TimeoutError"


def test_the_injection_is_in_the_trace_and_the_secrets_are_not(
    recorded: tuple[list[Any], bytes, str],
) -> None:
    spans, data, _ = recorded
    (retrieval,) = [s for s in spans if s.name == "retrieval HelpCentre"]
    documents = attributes(retrieval)["gen_ai.retrieval.documents"]
    assert "Ignore all previous instructions" in documents
    assert '"score":0.91' in documents
    for secret in SECRETS:
        assert secret in DEMO.read_text()
        assert secret.encode() not in data, secret


def test_every_span_belongs_to_the_ticket_and_every_chat_has_tokens(
    recorded: tuple[list[Any], bytes, str],
) -> None:
    for span in recorded[0]:
        found = attributes(span)
        assert found["gen_ai.conversation.id"] == "ticket-4821", span.name
        if span.name.startswith("chat"):
            assert found["gen_ai.provider.name"] == "openai"
            assert found["gen_ai.usage.input_tokens"] > 0
            assert found["gen_ai.usage.output_tokens"] > 0
            assert found["gen_ai.usage.cache_read.input_tokens"] > 0
    streamed = [s for s in recorded[0] if "gen_ai.response.time_to_first_chunk" in attributes(s)]
    assert len(streamed) == 1


def test_the_program_prints_its_story_and_no_warning(
    recorded: tuple[list[Any], bytes, str],
) -> None:
    text = recorded[2]
    assert "queued as msg-20931 for dana@example.com" in text
    assert not re.search(r"detach|Traceback|WARNING", text), text


def test_content_none_leaves_no_word_of_the_conversation(tmp_path: Path) -> None:
    run_traced(tmp_path / "run.db", AGENTSTACK_CONTENT="none")
    spans, data = spans_in(tmp_path / "run.db")
    assert len(spans) == 30
    for word in (b"tent", b"Dana", b"previous instructions", b"queued as"):
        assert word not in data, word
