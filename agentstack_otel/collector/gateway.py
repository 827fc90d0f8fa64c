# SPDX-License-Identifier: Apache-2.0
"""The gateway put together: OTLP over gRPC and HTTP in, durable records in the log out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from agentstack_exporters.log.protocol import Log
from agentstack_processors.verdicts import ConfigError

from agentstack_otel.collector import admission, auth, intake, pipeline
from agentstack_otel.collector import http as web
from agentstack_otel.collector.grpc import GrpcServer
from agentstack_otel.collector.memory import keep_freed_memory
from agentstack_otel.collector.meters import Meters
from agentstack_otel.http_server import HttpServer

OK = "ok"
_MAX_PORT = 65_535

Health = Callable[[], Mapping[str, str]]
"""Names of dependencies → "ok", or one sentence that says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of the gateway; each part documents its own."""

    grpc: str = "127.0.0.1:4317"
    """host:port of OTLP/gRPC; port 0 takes any free one."""
    http: str = "127.0.0.1:4318"
    """host:port of OTLP/HTTP; port 0 takes any free one."""
    keys: auth.Config = field(default_factory=auth.Config)
    """Who may send, to which project."""
    limits: admission.Config = field(default_factory=admission.Config)
    """Size caps and the in-flight budget."""
    work: intake.Config = field(default_factory=intake.Config)
    """Threads and the wait for the log."""
    processing: pipeline.Config = field(default_factory=pipeline.Config)
    """What is worth storing."""
    pages: web.Config = field(default_factory=web.Config)
    """CORS and slow bodies."""

    def validate(self) -> None:
        """Raise ConfigError naming the setting that makes no sense."""
        for part in (self.keys, self.limits, self.work, self.processing, self.pages):
            part.validate()
        for name in ("grpc", "http"):
            split_address(getattr(self, name), f"gateway {name}")
            self.keys.check_bind(getattr(self, name))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the gateway really listens, as host:port."""

    grpc: str
    http: str


class Gateway:
    """Accepts OTLP and acknowledges what the log has on disk.

    Args:
        config: Where to listen and what to allow.
        log: Where records go; the gateway does not close it.
        redactor: Scrubs requests whose bytes look suspicious; None leaves content alone.
        health: Asked for the state of dependencies (the log, the store) by `/health`.

    Raises:
        ConfigError: A setting makes no sense.
    """

    def __init__(
        self,
        config: Config,
        log: Log,
        redactor: pipeline.Redactor | None = None,
        health: Health | None = None,
    ) -> None:
        config.validate()
        self._health = health or dict
        self._state = "starting"
        self.meters = Meters()
        self._admission = admission.Admission(config.limits)
        keys = auth.KeyRing(config.keys)
        self._intake = intake.Intake(
            config.work,
            pipeline.Pipeline(config.processing, redactor, redacted=self.meters.redacted),
            log,
            self._admission,
            self.meters,
        )
        self._grpc = GrpcServer(
            split_address(config.grpc, "gateway grpc"),
            intake=self._intake,
            admission=self._admission,
            keys=keys,
            meters=self.meters,
            ready=lambda: self.ready,
        )
        app = web.HttpApp(
            config=config.pages,
            intake=self._intake,
            admission=self._admission,
            keys=keys,
            health=self.health,
            counters=self.meters,
        )
        self._http = HttpServer(app, *split_address(config.http, "gateway http"))
        self._register_gauges()

    def prepare(self) -> None:
        """Begin what the first request would have to wait for; `start` does so too."""
        self._intake.prepare()

    def start(self) -> None:
        """Bind both addresses and serve; returns when both accept.

        Raises:
            ConfigError: An address cannot be had; nothing is left running.
        """
        keep_freed_memory()
        self._http.start()
        try:
            self._grpc.start()
        except ConfigError:
            self._http.stop(0)
            self._intake.close()
            raise
        self.prepare()
        self._state = "ready"

    def stop(self, grace: float = 5.0) -> None:
        """Turn unready, accept nothing more, finish what is in flight. Idempotent.

        Args:
            grace: Seconds that running requests are given.
        """
        if self._state in ("stopping", "stopped"):
            return
        self._state = "stopping"
        with ThreadPoolExecutor(2) as both:
            ends = [both.submit(self._grpc.stop, grace), both.submit(self._http.stop, grace)]
            for end in ends:
                end.result()
        self._intake.close()
        self._state = "stopped"

    @property
    def addresses(self) -> Addresses:
        """Where it listens; meaningful after `start`."""
        return Addresses(grpc=self._grpc.address, http=self._http.address)

    @property
    def ready(self) -> bool:
        """True while requests are taken and every dependency is well."""
        return self._state == "ready" and all(text == OK for text in self._health().values())

    def health(self) -> dict[str, Any]:
        """Return what `/health` shows, ready to be JSON."""
        dependencies = dict(self._health())
        well = all(text == OK for text in dependencies.values())
        degraded = self._state == "ready" and not well
        return {
            "status": "degraded" if degraded else self._state,
            "alive": True,
            "ready": self._state == "ready" and well,
            "stress": self._admission.stress,
            "dependencies": dependencies,
        }

    def _register_gauges(self) -> None:
        gauge = self.meters.gauge
        gauge(
            "agentstack_gateway_in_flight_bytes",
            "Bytes of requests that are not answered yet",
            lambda: self._admission.held,
        )
        gauge(
            "agentstack_gateway_stress",
            "Share of the in-flight budget in use, 0 to 100",
            lambda: self._admission.stress,
        )
        gauge("agentstack_gateway_ready", "1 while requests are taken", lambda: float(self.ready))


def split_address(address: str, name: str) -> tuple[str, int]:
    """Return (host, port) of "host:port". Raises ConfigError naming the setting."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or int(port) > _MAX_PORT:
        raise ConfigError(f"{name} must be host:port, got {address!r}")
    return host.strip("[]"), int(port)
