# SPDX-License-Identifier: Apache-2.0
"""A real gateway on real sockets, in front of a log in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest

from agentstack_otel.collector.gateway import Config, Gateway
from tests.fakes.memory_log import MemoryLog

PROTOBUF = {"content-type": "application/x-protobuf"}


@dataclass
class Running:
    """A started gateway, its log, and the two ways in."""

    gateway: Gateway
    log: MemoryLog
    health: dict[str, str]

    @property
    def url(self) -> str:
        return f"http://{self.gateway.addresses.http}"

    def post(self, body: Any, path: str = "/v1/traces", **headers: str) -> httpx.Response:
        sent = PROTOBUF | {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(self.url + path, content=body, headers=sent, timeout=20)

    def post_json(self, body: bytes, path: str = "/v1/traces", **headers: str) -> httpx.Response:
        return self.post(body, path, **{"content_type": "application/json"} | headers)

    def call(
        self, body: bytes, signal: str = "trace", compression: Any = None, **options: Any
    ) -> bytes:
        """Export over gRPC; raises grpc.RpcError."""
        method = f"/opentelemetry.proto.collector.{signal}.v1.{signal.capitalize()}Service/Export"
        unlimited = [("grpc.max_send_message_length", -1)]
        with grpc.insecure_channel(self.gateway.addresses.grpc, options=unlimited) as channel:
            answer: bytes = channel.unary_unary(method)(
                body, timeout=20, compression=compression, **options
            )
            return answer


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Start a gateway with the given parts of its Config (and `redactor=`); stopped afterwards."""
    running: list[Running] = []

    def start(redactor: Any = None, **parts: Any) -> Running:
        log = MemoryLog()
        health: dict[str, str] = {"log": "ok"}
        config = Config(**{"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"} | parts)
        gateway = Gateway(config, log, redactor, health=lambda: health)
        gateway.start()
        running.append(Running(gateway, log, health))
        return running[-1]

    yield start
    for each in running:
        each.log.release()
        each.gateway.stop(grace=1)


@pytest.fixture
def running(start: Callable[..., Running]) -> Running:
    """A gateway with default settings."""
    return start()
