# SPDX-License-Identifier: Apache-2.0
"""Every setting: where it comes from, what it accepts, what is said when it makes no sense."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from agentstack_exporters.otlp import sender
from agentstack_exporters.otlp import settings as table_module
from agentstack_exporters.otlp.settings import Settings, resolve, resolve_leniently, table, variable
from agentstack_processors.verdicts import ConfigError

from agentstack_otel import config, environment_variables

DOCS = Path(__file__).resolve().parents[3] / "docs" / "configuration.md"


def test_with_nothing_set_every_setting_has_its_default_and_no_origin() -> None:
    settings = resolve({})

    assert settings == Settings()
    assert settings.origins == {}
    assert settings.traces_url == "http://localhost:4318/v1/traces"
    assert not settings.solo


@pytest.mark.parametrize(
    ("env", "given", "expected", "origin"),
    [
        ({}, {}, None, None),
        ({"OTEL_SERVICE_NAME": "o"}, {}, "o", "OTEL_SERVICE_NAME"),
        (
            {"OTEL_SERVICE_NAME": "o", "AGENTSTACK_SERVICE_NAME": "a"},
            {},
            "a",
            "AGENTSTACK_SERVICE_NAME",
        ),
        (
            {
                "OTEL_SERVICE_NAME": "o",
                "AGENTSTACK_SERVICE_NAME": "a",
                "OTEL_PYTHON_AGENTSTACK_SERVICE_NAME": "f",
            },
            {},
            "f",
            "OTEL_PYTHON_AGENTSTACK_SERVICE_NAME",
        ),
        (
            {"OTEL_PYTHON_AGENTSTACK_SERVICE_NAME": "f"},
            {"service_name": "k"},
            "k",
            "init(service_name=…)",
        ),
        ({"AGENTSTACK_SERVICE_NAME": "", "OTEL_SERVICE_NAME": "o"}, {}, "o", "OTEL_SERVICE_NAME"),
    ],
)
def test_keyword_beats_flag_beats_agentstack_beats_otel_beats_default(
    env: dict[str, str], given: dict[str, Any], expected: str | None, origin: str | None
) -> None:
    settings = resolve(env, **given)

    assert settings.service_name == expected
    assert settings.origins.get("service_name") == origin


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("enabled", "0", False),
        ("enabled", "Yes", True),
        ("content", "NONE", "none"),
        ("spool_max_bytes", "64MiB", 64 << 20),
        ("spool_max_bytes", "1g", 1 << 30),
        ("spool_max_bytes", "2000000", 2_000_000),
        ("timeout", "2.5", 2.5),
        ("timeout", "1500ms", 1.5),
        ("max_queue_spans", "9", 9),
        ("headers", "A=1, b=x%20y", {"a": "1", "b": "x y"}),
        ("spool", "~/x.db", str(Path.home() / "x.db")),
        ("collector_url", "https://[::1]:99/base", "https://[::1]:99/base"),
    ],
)
def test_texts_become_values(name: str, text: str, value: Any) -> None:
    assert getattr(resolve({variable(name): text}), name) == value


NONSENSE = [
    ("enabled", "maybe", "true or false"),
    ("collector_url", "localhost:4318", "http://host:4318"),
    ("collector_url", "http://", "http://host:4318"),
    ("collector_url", "http://host:99999", "http://host:4318"),
    ("collector_url", "http://me:pw@host", "AGENTSTACK_API_KEY"),
    ("content", "some", "none, scrubbed or full"),
    ("spool_max_bytes", "-5", "a size"),
    ("spool_max_bytes", "big", "a size"),
    ("timeout", "0", "above zero"),
    ("timeout", "soon", "above zero"),
    ("max_queue_spans", "1.5", "whole number"),
    ("max_batch_spans", "0", "whole number"),
    ("headers", "novalue", "name=value"),
    ("headers", "a=x%0Ay", "name=value"),
    ("service_name", "a\nb", "line breaks"),
    ("compression", "zstd", "gzip or none"),
]


@pytest.mark.parametrize(("name", "text", "sentence"), NONSENSE)
def test_nonsense_is_refused_with_the_name_of_who_said_it_and_what_is_accepted(
    name: str, text: str, sentence: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve({variable(name): text})

    assert str(caught.value).startswith(variable(name))
    assert sentence in str(caught.value)


@pytest.mark.parametrize(("name", "text", "sentence"), NONSENSE)
def test_in_a_running_process_nonsense_falls_back_and_is_one_sentence(
    name: str, text: str, sentence: str
) -> None:
    settings, [problem] = resolve_leniently({variable(name): text})

    assert sentence in problem
    defaults = Settings()
    if name in ("enabled", "collector_url"):
        assert settings.enabled is False
    elif name == "content":
        assert settings.content == "none"
    else:
        assert getattr(settings, name) == getattr(defaults, name)


def test_secrets_are_not_quoted_in_complaints() -> None:
    _, [problem] = resolve_leniently({"AGENTSTACK_HEADERS": "s3cret"})

    assert "s3cret" not in problem


def test_settings_that_contradict_each_other_are_refused_or_fall_back() -> None:
    env = {"AGENTSTACK_MAX_BATCH_SPANS": "100", "AGENTSTACK_MAX_QUEUE_SPANS": "10"}
    with pytest.raises(ConfigError, match="MAX_BATCH_SPANS must not be larger"):
        resolve(env)
    settings, [problem] = resolve_leniently(env)

    assert "must not be larger" in problem
    assert settings.max_queue_spans == 10
    settings.validate()


def test_a_queue_smaller_than_the_default_batch_is_no_contradiction() -> None:
    assert resolve({"OTEL_BSP_MAX_QUEUE_SIZE": "100"}).max_queue_spans == 100


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({"AGENTSTACK_COLLECTOR_URL": "http://h:1"}, "http://h:1/v1/traces"),
        ({"AGENTSTACK_COLLECTOR_URL": "http://h:1/"}, "http://h:1/v1/traces"),
        ({"AGENTSTACK_COLLECTOR_URL": "http://h/otlp/v1/traces"}, "http://h/otlp/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1/x"}, "http://h:1/x/v1/traces"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h:1/x"}, "http://h:1/x"),
    ],
)
def test_addresses_are_completed_as_the_otlp_specification_says(
    env: dict[str, str], url: str
) -> None:
    assert resolve(env).traces_url == url


@pytest.mark.parametrize(
    ("env", "solo"),
    [
        ({"AGENTSTACK_SPOOL": "f.db"}, True),
        ({"AGENTSTACK_SPOOL": "f.db", "AGENTSTACK_COLLECTOR_URL": "http://h"}, False),
        ({"AGENTSTACK_SPOOL": "f.db", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, False),
        ({}, False),
    ],
)
def test_a_spool_alone_is_solo_mode(env: dict[str, str], solo: bool) -> None:
    assert resolve(env).solo is solo


def test_the_sdk_switch_of_opentelemetry_is_obeyed() -> None:
    assert resolve({"OTEL_SDK_DISABLED": "true"}).enabled is False
    assert resolve({"OTEL_SDK_DISABLED": "false"}).enabled is True
    assert resolve({"OTEL_BSP_SCHEDULE_DELAY": "250"}).schedule_delay == 0.25


def test_an_unknown_keyword_is_a_mistake_in_the_program() -> None:
    with pytest.raises(TypeError, match="colector_url"):
        resolve({}, colector_url="http://h")


def test_each_problem_is_logged_once_in_a_process(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        table_module.complain(["AGENTSTACK_X must be y"])
        table_module.complain(["AGENTSTACK_X must be y"])

    assert caplog.text.count("AGENTSTACK_X must be y") == 1


def test_the_report_names_origins_and_hides_secrets() -> None:
    env = {
        "AGENTSTACK_API_KEY": "k-123",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20abc",
        "AGENTSTACK_PROJECT": "shop",
    }
    report = config.report(resolve(env))

    assert "k-123" not in report
    assert "Basic" not in report
    assert "AGENTSTACK_API_KEY = (hidden)  [AGENTSTACK_API_KEY]" in report
    assert "AGENTSTACK_HEADERS = (hidden)  [OTEL_EXPORTER_OTLP_HEADERS]" in report
    assert "AGENTSTACK_PROJECT = 'shop'  [AGENTSTACK_PROJECT]" in report
    assert "AGENTSTACK_TIMEOUT = 10.0  [default]" in report


def test_the_documentation_page_is_the_table() -> None:
    """Mend with: python -m agentstack_otel.config > docs/configuration.md"""
    assert DOCS.read_text() == config.markdown()


def test_every_setting_is_documented_in_a_sentence() -> None:
    for row in table():
        assert row.metadata["doc"].endswith("."), row.name


def test_every_setting_but_secrets_is_a_flag_of_opentelemetry_instrument() -> None:
    flags = {name for name in dir(environment_variables) if name.startswith("OTEL_")}
    expected = {
        "OTEL_PYTHON_" + variable(row.name) for row in table() if not row.metadata["secret"]
    }

    assert flags == expected
    for name in flags:
        assert getattr(environment_variables, name) == name


@pytest.mark.parametrize(
    ("content", "capture", "hide"), [("none", "NO_CONTENT", "true"), ("full", "SPAN_ONLY", "false")]
)
def test_the_content_policy_is_passed_on_to_other_peoples_instrumentors(
    content: str, capture: str, hide: str
) -> None:
    env: dict[str, str] = {"TRACELOOP_TRACE_CONTENT": "mine"}
    config.apply_defaults(resolve({}, content=content), env)

    legacy = {"NO_CONTENT": "false", "SPAN_ONLY": "true"}[capture]
    assert env["OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"] in (capture, legacy)
    assert env["OPENINFERENCE_HIDE_INPUTS"] == hide
    assert env["TRACELOOP_TRACE_CONTENT"] == "mine"


def test_defaults_fill_in_and_never_overwrite() -> None:
    env = {"OTEL_METRICS_EXPORTER": "console", "OTEL_BSP_SCHEDULE_DELAY": "77"}
    config.apply_defaults(resolve(env, collector_url="http://h:1"), env)

    assert env["OTEL_METRICS_EXPORTER"] == "console"
    assert env["OTEL_BSP_SCHEDULE_DELAY"] == "77"
    assert env["OTEL_TRACES_EXPORTER"] == "agentstack"
    assert env["OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"] == "1024"
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://h:1"


def test_no_secret_is_printed_with_settings_problems_or_errors() -> None:
    address = "http://bob:hunter2@host:4318"
    _, [problem] = resolve_leniently({"AGENTSTACK_COLLECTOR_URL": address})
    assert "must not carry credentials" in problem
    assert "hunter2" not in problem

    secrets = {"api_key": "hunter2", "redaction_key": "hunter2", "headers": {"x-key": "hunter2"}}
    assert "hunter2" not in repr(resolve({}, **secrets))
    assert "hunter2" not in repr(sender.Config(headers={"authorization": "Bearer hunter2"}))


@pytest.mark.parametrize(
    "headers", [{"x-key": "hunter2\nb"}, {"x key": "v"}, {"": "v"}, {"x:": "v"}, "=v", "a b=v"]
)
def test_headers_no_request_can_carry_are_refused_at_once(headers: object) -> None:
    with pytest.raises(ConfigError, match="must look like") as caught:
        resolve({}, headers=headers)
    assert "hunter2" not in str(caught.value)
