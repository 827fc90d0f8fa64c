# SPDX-License-Identifier: Apache-2.0
"""`init()`: what `opentelemetry-instrument` does, from inside the program."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from agentstack_exporters.otlp.settings import Settings

_logger = logging.getLogger("agentstack")

_lock = threading.Lock()


def init(
    *,
    enabled: bool | None = None,
    collector_url: str | None = None,
    api_key: str | None = None,
    headers: dict[str, str] | None = None,
    service_name: str | None = None,
    project: str | None = None,
    environment: str | None = None,
    content: Literal["none", "scrubbed", "full"] | None = None,
    redaction: bool | None = None,
    redaction_key: str | None = None,
    redaction_types: str | Sequence[str] | None = None,
    redaction_mode: Literal["replace", "hash", "mask", "drop"] | None = None,
    redaction_patterns: str | Sequence[str] | None = None,
    redaction_allow: str | Sequence[str] | None = None,
    spool: str | os.PathLike[str] | None = None,
    spool_max_bytes: int | str | None = None,
    debug: bool | None = None,
    timeout: float | None = None,
    schedule_delay: float | None = None,
    instrument: bool = True,
) -> None:
    """Trace this process. Call it once, early; later calls change nothing.

    Under `opentelemetry-instrument` it is not needed and does nothing. When the program already
    has a TracerProvider of the OpenTelemetry SDK, our exporter is added to it; that provider's
    resource, with its service name, stays as it is.

    Args:
        enabled: False: do nothing at all.
        collector_url: Where spans go; default http://localhost:4318.
        api_key: Key of the server, when it asks for one.
        headers: Further request headers.
        service_name: Default: the name of the script.
        project: Project the spans belong to.
        environment: For example `production`.
        content: What becomes of prompts, answers, arguments and results.
        redaction: False: redact nothing.
        redaction_key: Secret that makes markers agree between processes.
        redaction_types: What is looked for: these types, or changes such as `"+IP_ADDRESS"`.
        redaction_mode: What stands in the place of a value.
        redaction_patterns: Types of your own: `"NAME=regular expression"`, or `"@file"`.
        redaction_allow: Regular expressions of values that are left alone, or `"@file"`.
        spool: File to keep spans in; alone, nothing is sent.
        spool_max_bytes: Bound of that file; `"64MiB"` is understood.
        debug: Report the settings in force.
        timeout: Of one request, in seconds.
        schedule_delay: Longest wait of a finished span, in seconds.
        instrument: Also load the instrumentors that are installed.

    Raises:
        ConfigError: An argument makes no sense. Bad environment variables never raise: they are
            logged and fall back.
    """
    given = {name: value for name, value in locals().items() if name != "instrument"}
    settings = _settings({name: value for name, value in given.items() if value is not None})
    with _lock:
        try:
            _start(settings, instrument=instrument)
        except Exception:  # tracing must not stop the program it watches
            _logger.exception("AgentStack: tracing could not be started")


def _settings(given: dict[str, Any]) -> Settings:
    from agentstack_otel import config

    config.resolve({}, **given)  # arguments are the caller's code: say at once what is wrong
    settings, problems = config.load(**given)
    config.complain(problems)
    return settings


def _start(settings: Settings, *, instrument: bool) -> None:
    if not settings.enabled or _is_ours():
        return
    from opentelemetry import trace

    from agentstack_otel import capturing, config, lifecycle

    capturing.decide_content(settings.content)
    config.apply_defaults(settings, os.environ)
    provider = trace.get_tracer_provider()
    add = getattr(provider, "add_span_processor", None)
    if add is None:
        _configure(settings)
    else:
        from agentstack_exporters.otlp.exporter import AgentStackSpanExporter

        from agentstack_otel.configurator import show, span_processor

        if settings.debug:
            show(settings)
        add(span_processor(AgentStackSpanExporter(settings), settings))
    if instrument:
        _instrument()
    lifecycle.install(settings.flush_timeout, sigterm=settings.flush_on_sigterm)


def _configure(settings: Settings) -> None:
    from agentstack_otel.configurator import AgentStackConfigurator

    AgentStackConfigurator().configure(settings=settings)  # type: ignore[no-untyped-call]  # untyped in the SDK


def _instrument() -> None:
    from opentelemetry.instrumentation.auto_instrumentation._load import _load_instrumentors

    from agentstack_otel.distro import AgentStackDistro

    _load_instrumentors(AgentStackDistro())  # type: ignore[no-untyped-call]  # untyped in the SDK


def _is_ours() -> bool:
    """Whether a processor of ours, or a stock one with our exporter, is already at work."""
    from agentstack_exporters.otlp.exporter import AgentStackSpanExporter
    from opentelemetry import trace

    active = getattr(trace.get_tracer_provider(), "_active_span_processor", None)
    exporters = (
        getattr(processor, "exporter", None) or getattr(processor, "span_exporter", None)
        for processor in getattr(active, "_span_processors", ())
    )
    return any(isinstance(exporter, AgentStackSpanExporter) for exporter in exporters)


__all__ = ["init"]
