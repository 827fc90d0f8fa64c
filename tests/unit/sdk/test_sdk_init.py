# SPDX-License-Identifier: Apache-2.0
"""`init()` gives what `opentelemetry-instrument` gives, once, and never hurts the program."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

import agentstack_otel
from tests.fakes.otlp_receiver import Receiver, spans_of

Run = Callable[..., tuple[str, list[Span]]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run a program in a fresh interpreter; its output and the spans in its solo spool.

    A process each, because the tracer provider of a process can be set once only.
    """

    def run(source: str, *command: str, **env: str) -> tuple[str, list[Span]]:
        spool = tmp_path / "run.db"
        (tmp_path / "program.py").write_text(
            "from opentelemetry import trace\nimport agentstack_otel\n" + textwrap.dedent(source)
        )
        inherited = {n: v for n, v in os.environ.items() if n != "PYTHONPATH"}
        done = subprocess.run(
            [*command, sys.executable, str(tmp_path / "program.py")],
            env={**inherited, "AGENTSTACK_SPOOL": str(spool), **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        spans = []
        if spool.exists():
            connection = sqlite3.connect(spool)
            for (payload,) in connection.execute("SELECT payload FROM records"):
                spans += spans_of(ExportTraceServiceRequest.FromString(payload))
            connection.close()
        return done.stdout + done.stderr, spans

    return run


def test_after_init_spans_are_kept_redacted_and_threads_keep_their_parents(run: Run) -> None:
    output, spans = run(
        """
        import threading
        agentstack_otel.init()
        tracer = trace.get_tracer("t")
        def inner(): tracer.start_span("inner", attributes={"to": "bob@example.com"}).end()
        with tracer.start_as_current_span("outer"):
            thread = threading.Thread(target=inner)
            thread.start(); thread.join()
        """
    )

    inner, outer = spans
    assert inner.parent_span_id == outer.span_id
    assert inner.attributes[0].value.string_value.startswith("[EMAIL:")
    assert output == ""


def test_calling_it_again_changes_nothing(run: Run) -> None:
    _, spans = run(
        """
        agentstack_otel.init(); agentstack_otel.init(); agentstack_otel.init(service_name="other")
        trace.get_tracer("t").start_span("once").end()
        """
    )

    assert [span.name for span in spans] == ["once"]


def test_under_opentelemetry_instrument_it_does_nothing(run: Run) -> None:
    _, spans = run(
        """
        agentstack_otel.init()
        trace.get_tracer("t").start_span("once").end()
        """,
        str(Path(sys.executable).parent / "opentelemetry-instrument"),
    )

    assert [span.name for span in spans] == ["once"]


def test_a_provider_the_program_already_has_keeps_its_exporters_and_gets_ours(run: Run) -> None:
    output, spans = run(
        """
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
        trace.set_tracer_provider(provider)
        agentstack_otel.init()
        agentstack_otel.init()
        trace.get_tracer("t").start_span("both").end()
        """
    )

    assert [span.name for span in spans] == ["both"]
    assert output.count('"name": "both"') == 1


def test_debug_reports_the_settings_whoever_made_the_provider(run: Run) -> None:
    for made in ("", "trace.set_tracer_provider(TracerProvider())"):
        output, _ = run(
            f"""
            from opentelemetry.sdk.trace import TracerProvider
            {made}
            agentstack_otel.init(debug=True, api_key="hunter2")
            """
        )
        assert output.count("AGENTSTACK_DEBUG = True") == 1
        assert "hunter2" not in output


def test_flush_makes_spans_visible_at_once_and_shutdown_ends_tracing(run: Run) -> None:
    output, spans = run(
        """
        import sqlite3, os
        agentstack_otel.init(schedule_delay=60)
        tracer = trace.get_tracer("t")
        tracer.start_span("first").end()
        print(agentstack_otel.flush())
        count = "SELECT count(*) FROM records"
        print(sqlite3.connect(os.environ["AGENTSTACK_SPOOL"]).execute(count).fetchone())
        tracer.start_span("second").end()
        print(agentstack_otel.shutdown())
        tracer.start_span("third").end()
        """
    )

    assert output.split("\n")[:3] == ["True", "(1,)", "True"]
    assert [span.name for span in spans] == ["first", "second"]


def test_keywords_win_over_the_environment(run: Run) -> None:
    with Receiver() as receiver:
        run(
            f"""
            agentstack_otel.init(collector_url={receiver.url!r}, service_name="kw", api_key="k")
            trace.get_tracer("t").start_span("sent").end()
            """,
            AGENTSTACK_COLLECTOR_URL="http://127.0.0.1:9",
            AGENTSTACK_SERVICE_NAME="env",
        )
        receiver.wait(1)

    [got] = receiver.taken
    attributes = got.request.resource_spans[0].resource.attributes
    names = {pair.key: pair.value.string_value for pair in attributes}
    assert names["service.name"] == "kw"
    assert got.headers["authorization"] == "Bearer k"


def test_keywords_win_over_what_a_configuration_file_tells_the_exporter(run: Run) -> None:
    output, _ = run(
        """
        agentstack_otel.init(content="none", headers={"x-team": "red"})
        made = agentstack_otel.AgentStackSpanExporter(content="full", project="of-the-file")
        print(made.settings.content, made.settings.project, made.settings.headers)
        """,
        OTEL_CONFIG_FILE="otel.yaml",
    )

    assert "none of-the-file {'x-team': 'red'}" in output


def test_exporters_the_user_added_run_beside_ours(run: Run) -> None:
    output, spans = run(
        """
        agentstack_otel.init()
        trace.get_tracer("t").start_span("both").end()
        """,
        OTEL_TRACES_EXPORTER="agentstack,console",
    )

    assert [span.name for span in spans] == ["both"]
    assert output.count('"name": "both"') == 1


@pytest.mark.parametrize("how", ["agentstack_otel.init(enabled=False)", "agentstack_otel.init()"])
def test_switched_off_it_does_nothing(run: Run, how: str) -> None:
    env = {} if "enabled" in how else {"AGENTSTACK_ENABLED": "0"}
    output, spans = run(
        f"""
        {how}
        trace.get_tracer("t").start_span("s").end()
        print(type(trace.get_tracer_provider()).__name__, agentstack_otel.flush())
        """,
        **env,
    )

    assert spans == []
    assert output == "ProxyTracerProvider True\n"


@pytest.mark.parametrize(
    "given", [{"content": "some"}, {"collector_url": "nowhere"}, {"timeout": -1}, {"spool": ""}]
)
def test_keywords_that_make_no_sense_raise_before_anything_is_set_up(given: dict[str, Any]) -> None:
    [name] = given
    with pytest.raises(agentstack_otel.ConfigError, match=rf"init\({name}=…\) must"):
        agentstack_otel.init(**given)


def test_a_bad_variable_is_logged_and_does_not_raise(run: Run) -> None:
    output, spans = run(
        """
        agentstack_otel.init()
        trace.get_tracer("t").start_span("kept").end()
        """,
        AGENTSTACK_TIMEOUT="soon",
    )

    assert output.count("AGENTSTACK_TIMEOUT must be a time above zero") == 1
    assert [span.name for span in spans] == ["kept"]


def test_an_instrumentor_that_breaks_takes_neither_the_others_nor_the_program_with_it(
    run: Run, tmp_path: Path
) -> None:
    """A broken one is found before the threading instrumentor, through its metadata on the path."""
    info = tmp_path / "aaa_broken-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: aaa-broken\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[opentelemetry_instrumentor]\naaa = aaa_broken:Instrumentor\n"
    )
    (tmp_path / "aaa_broken.py").write_text("raise ZeroDivisionError('at import')\n")
    output, spans = run(
        """
        import threading
        agentstack_otel.init()
        tracer = trace.get_tracer("t")
        with tracer.start_as_current_span("outer"):
            thread = threading.Thread(target=lambda: tracer.start_span("inner").end())
            thread.start(); thread.join()
        """
    )

    inner, outer = spans
    assert inner.parent_span_id == outer.span_id
    assert "instrumentor aaa failed: ZeroDivisionError" in output
    assert "Traceback" not in output


def test_a_rival_instrumentor_for_the_same_library_is_not_loaded(run: Run, tmp_path: Path) -> None:
    info = tmp_path / "openinference_instrumentation_langchain-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: openinference-instrumentation-langchain\nVersion: 1.0\n"
    )
    (info / "entry_points.txt").write_text(
        "[opentelemetry_instrumentor]\nlangchain = rival:Instrumentor\n"
    )
    (tmp_path / "rival.py").write_text(
        "class Instrumentor:\n    def instrument(self, **_): print('rival loaded')\n"
    )
    output, _ = run("agentstack_otel.init()")
    assert "rival loaded" not in output

    output, _ = run(
        "agentstack_otel.init()", OTEL_PYTHON_DISABLED_INSTRUMENTATIONS="agentstack_langchain"
    )
    assert "rival loaded" in output


CONTENT_REACHES_EVERYBODY = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
@agentstack_otel.observe
def ask(question): return "answer " + question
{start}
trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(ConsoleSpanExporter()))
from langchain_core.runnables import RunnableLambda
ask("why"); RunnableLambda(ask).invoke("how")
"""


@pytest.mark.parametrize(
    "start",
    [
        'agentstack_otel.init(content="none")',
        'trace.set_tracer_provider(TracerProvider()); agentstack_otel.init(content="none")',
        "agentstack_otel.init()",
    ],
)
def test_content_none_is_obeyed_where_spans_are_recorded_not_only_by_our_exporter(
    run: Run, start: str
) -> None:
    wrong = {} if "none" in start else {"AGENTSTACK_CONTENT": "nonsense"}  # counts as none
    output, spans = run(CONTENT_REACHES_EVERYBODY.format(start=start), **wrong)

    assert [span.name for span in spans].count("ask") == 2
    assert "answer" not in output
    assert "why" not in output
    assert "how" not in output


def test_the_content_flag_is_obeyed_where_spans_are_recorded(run: Run) -> None:
    output, spans = run(
        CONTENT_REACHES_EVERYBODY.format(start=""),
        str(Path(sys.executable).parent / "opentelemetry-instrument"),
        "--agentstack_content",
        "none",
    )

    assert [span.name for span in spans].count("ask") == 2
    assert "answer" not in output


def test_the_keyword_wins_over_a_variable_that_forbids_content(run: Run) -> None:
    _, spans = run(
        """
        @agentstack_otel.observe
        def ask(question): return "answer"
        agentstack_otel.init(content="full")
        ask("why")
        """,
        AGENTSTACK_CONTENT="none",
    )

    found = {pair.key: pair.value.string_value for pair in spans[0].attributes}
    assert found["output.value"] == "answer"
