# SPDX-License-Identifier: Apache-2.0
"""Entry point `opentelemetry_configurator`: builds the SDK with our span processor in it.

With OTEL_CONFIG_FILE the SDK reads that file instead and takes no processors from us; the exporter
`agentstack`, which the file may name, carries redaction and spool in itself.
"""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from agentstack_exporters.otlp.batch import ByteBatchSpanProcessor
from agentstack_exporters.otlp.batch import Config as BatchConfig
from agentstack_exporters.otlp.exporter import DISTRO, AgentStackSpanExporter, remember_keywords
from agentstack_exporters.otlp.settings import Settings, complain
from opentelemetry.sdk._configuration import _OTelSDKConfigurator
from opentelemetry.sdk.trace import SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from agentstack_otel import capturing, config
from agentstack_otel.version import __version__

_logger = logging.getLogger("agentstack")


class AgentStackConfigurator(_OTelSDKConfigurator):
    """The SDK's own configurator with our batch processor, resource and settings filled in."""

    def _configure(self, **kwargs: Any) -> None:
        """Configure the global providers; `settings` may carry what `init()` resolved."""
        given: Settings | None = kwargs.pop("settings", None)
        settings = given or _load_and_complain()
        if settings.debug:
            show(settings)
        if not settings.enabled:
            return
        capturing.decide_content(settings.content)
        if os.environ.get("OTEL_CONFIG_FILE"):
            remember_keywords(settings)
            super()._configure()  # type: ignore[no-untyped-call]  # untyped in the SDK
            return
        given_attributes = kwargs.pop("resource_attributes", None) or {}
        attributes = {**resource_attributes(settings), **given_attributes}
        if given is not None:
            kwargs["exporter_args_map"] = {AgentStackSpanExporter: {"configured": settings}}
        super()._configure(  # type: ignore[no-untyped-call]  # untyped in the SDK
            resource_attributes=attributes,
            export_span_processor=lambda exporter: span_processor(exporter, settings),
            **kwargs,
        )


def span_processor(exporter: SpanExporter, settings: Settings) -> SpanProcessor:
    """Our batch processor for our exporter, the stock one for exporters the user added."""
    if not isinstance(exporter, AgentStackSpanExporter):
        return BatchSpanProcessor(exporter)
    return ByteBatchSpanProcessor(
        exporter,
        BatchConfig(
            schedule_delay=settings.schedule_delay,
            max_queue_spans=settings.max_queue_spans,
            max_queue_bytes=settings.max_queue_bytes,
            max_batch_spans=min(settings.max_batch_spans, settings.max_queue_spans),
            max_batch_bytes=min(settings.max_batch_bytes, settings.max_queue_bytes),
        ),
    )


def resource_attributes(settings: Settings) -> dict[str, str]:
    """What we know about the process, over what OTEL_* say only where AGENTSTACK_* were set."""
    attributes = {
        "telemetry.distro.name": DISTRO,
        "telemetry.distro.version": __version__,
    }
    if settings.service_name:
        attributes["service.name"] = settings.service_name
    elif "service.name=" not in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        attributes["service.name"] = script_name()
    if settings.environment:
        attributes["deployment.environment.name"] = settings.environment
    if settings.project != "default":
        attributes["agentstack.project"] = settings.project
    return attributes


def script_name() -> str:
    """Name of what is run: `app` for `python app.py` and `python -m app`."""
    arguments = list(sys.orig_argv[1:])
    while arguments:
        argument = arguments.pop(0)
        if argument == "-m" and arguments:
            return arguments[0]
        if argument in ("-W", "-X", "-Q") and arguments:
            arguments.pop(0)
        elif argument == "-c":
            break
        elif not argument.startswith("-"):
            stem = os.path.splitext(os.path.basename(argument.rstrip("/")))[0]
            return stem or "python"
    return "python"


def _load_and_complain() -> Settings:
    settings, problems = config.load()
    complain(problems)
    return settings


def show(settings: Settings) -> None:
    """Report the settings in force, and let our debug messages through."""
    _logger.setLevel(logging.DEBUG)
    if not _logger.handlers:
        _logger.addHandler(logging.StreamHandler())
    _logger.info("AgentStack %s, settings in force:\n%s", __version__, config.report(settings))


__all__ = ["AgentStackConfigurator", "resource_attributes", "script_name", "show", "span_processor"]
