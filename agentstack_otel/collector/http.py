# SPDX-License-Identifier: Apache-2.0
"""OTLP/HTTP as a bare ASGI application: no framework between the socket and the pipeline."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentstack_processors.otlp.json_request import json_to_protobuf
from agentstack_processors.verdicts import ConfigError, Retry

from agentstack_otel.collector import answers, meters
from agentstack_otel.collector.admission import Admission, Ticket, too_large
from agentstack_otel.collector.answers import JSON, PROTOBUF, Fault, fault
from agentstack_otel.collector.auth import PROJECT_HEADER, KeyRing
from agentstack_otel.collector.inflate import inflate
from agentstack_otel.collector.intake import Arrival, Intake
from agentstack_otel.collector.pipeline import Signal

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Headers = dict[bytes, bytes]

ROUTES: Mapping[str, Signal] = {
    "/v1/traces": "traces",
    "/v1/logs": "logs",
    "/v1/metrics": "metrics",
}
_TYPES = {b"application/x-protobuf": PROTOBUF, b"application/json": JSON}
_SMALL_JSON = 16 << 10  # JSON costs 20 times the CPU of protobuf: bigger ones leave the loop
_PROJECT_HEADER = PROJECT_HEADER.encode()
_MAX_DRAIN = 64 << 20
_DRAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of the HTTP side."""

    cors_origins: tuple[str, ...] = ()
    """Origins whose pages may send ("https://app.example"); "*" allows every page."""
    body_timeout: float = 30.0
    """Seconds a sender may take for one body."""

    def validate(self) -> None:
        """Raise ConfigError naming the setting."""
        if self.body_timeout <= 0:
            raise ConfigError("gateway body_timeout must be above 0 seconds")
        for origin in self.cors_origins:
            if origin != "*" and "://" not in origin:
                raise ConfigError(f"cors_origins: {origin!r} is no origin; write https://host:port")


class _Gone(Exception):
    """The sender hung up before its body was complete."""


class HttpApp:
    """The ASGI application of the gateway: export, health and metrics."""

    def __init__(
        self,
        *,
        config: Config,
        intake: Intake,
        admission: Admission,
        keys: KeyRing,
        health: Callable[[], dict[str, Any]],
        counters: meters.Meters,
    ) -> None:
        config.validate()
        self._config = config
        self._intake = intake
        self._admission = admission
        self._keys = keys
        self._health = health
        self._counters = counters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            return
        headers: Headers = dict(scope["headers"])
        reply = _Reply(send, self._cors(headers))
        signal = ROUTES.get(scope["path"])
        if signal is None:
            await self._page(scope, headers, reply)
        elif scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await self._preflight(headers, reply)
        elif scope["method"] != "POST":
            wrong = Fault(answers.WRONG_METHOD, f"{scope['path']} takes POST only")
            await reply.fault(wrong, _type_or_json(headers), {b"allow": b"POST"})
        else:
            await self._export(signal, headers, receive, reply)

    async def _export(
        self, signal: Signal, headers: Headers, receive: Receive, reply: _Reply
    ) -> None:
        kind = _content_type(headers)
        ticket = self._admission.ticket()
        try:
            if not kind:
                raise _WrongType
            project = self._project(headers)
            body = await asyncio.wait_for(
                self._body(headers, receive, ticket), self._config.body_timeout
            )
        except _Gone:
            ticket.close()
            return
        except Exception as refused:
            ticket.close()
            if not isinstance(refused, asyncio.TimeoutError):
                await _drain(headers, receive)
            answer = _refusal(refused)
            self._counters.refused("http", signal, answer.row.name)
            await reply.fault(answer, kind or JSON, {b"connection": b"close"})
            return
        encoding = headers.get(b"content-encoding", b"").decode("latin-1").strip().lower()
        decode = _Decoder(signal, kind, encoding, self._admission)
        heavy = bool(encoding) or (kind == JSON and len(body) > _SMALL_JSON)
        arrival = Arrival("http", signal, project, body, heavy, decode)
        taken = await self._intake.take(arrival, ticket)
        if isinstance(taken, Fault):
            await reply.fault(taken, kind)
        elif kind == PROTOBUF:
            await reply.send(200, kind, taken.protobuf())
        else:
            await reply.send(200, kind, json.dumps(taken.json()).encode())

    async def _body(self, headers: Headers, receive: Receive, ticket: Ticket) -> bytes:
        """Read the whole body, with or without Content-Length, within cap and budget."""
        limit = self._admission.config.http_body
        declared = headers.get(b"content-length", b"0")
        if declared.isdigit() and int(declared) > limit:
            raise too_large(int(declared), limit, "the body")
        pieces: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            piece = message.get("body", b"")
            size += len(piece)
            if size > limit:
                raise too_large(f"more than {limit}", limit, "the body")
            ticket.grow(len(piece))
            pieces.append(piece)
            if not message.get("more_body", False):
                return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _project(self, headers: Headers) -> str:
        authorization = headers.get(b"authorization")
        api_key = headers.get(b"x-api-key")
        wanted = headers.get(_PROJECT_HEADER)
        return self._keys.project(
            authorization.decode("latin-1") if authorization else None,
            api_key.decode("latin-1") if api_key else None,
            wanted.decode("latin-1") if wanted else None,
        )

    async def _page(self, scope: Scope, headers: Headers, reply: _Reply) -> None:
        """Serve health and counters; everything else is not here."""
        path = scope["path"]
        if path == "/metrics":
            # Gauges and dependencies may read a disk: not on the loop that takes requests.
            counted = await asyncio.to_thread(self._counters.render)
            await reply.send(200, meters.CONTENT_TYPE, counted)
        elif path == "/health/live":
            await reply.send(200, JSON, b'{"alive":true}')
        elif path in ("/health", "/health/ready"):
            state = await asyncio.to_thread(self._health)
            await reply.send(200 if state["ready"] else 503, JSON, json.dumps(state).encode())
        else:
            known = ", ".join(ROUTES)
            missing = Fault(answers.NOT_FOUND, f"{path} is not here; OTLP/HTTP is at {known}")
            await reply.fault(missing, _type_or_json(headers))

    async def _preflight(self, headers: Headers, reply: _Reply) -> None:
        if not reply.cors:
            denied = Fault(answers.FORBIDDEN, "this origin is not in cors_origins")
            await reply.fault(denied, JSON)
            return
        asked = headers.get(b"access-control-request-headers", b"content-type")
        extra = {
            b"access-control-allow-methods": b"POST",
            b"access-control-allow-headers": asked,
            b"access-control-max-age": b"7200",
        }
        await reply.send(204, "", b"", extra)

    def _cors(self, headers: Headers) -> Headers:
        """Return the headers that let the page which asks read the answer, if it may."""
        origin = headers.get(b"origin")
        allowed = self._config.cors_origins
        if not origin or not ("*" in allowed or origin.decode("latin-1") in allowed):
            return {}
        return {b"access-control-allow-origin": origin, b"vary": b"Origin"}


class _WrongType(Exception):
    """The Content-Type is not one of OTLP's two."""


class _Decoder:
    """Body → protobuf, as `Arrival.decode` wants it."""

    __slots__ = ("_admission", "_encoding", "_kind", "_signal")

    def __init__(self, signal: Signal, kind: str, encoding: str, admission: Admission) -> None:
        self._signal = signal
        self._kind = kind
        self._encoding = encoding
        self._admission = admission

    def __call__(self, body: bytes, grow: Callable[[int], None]) -> bytes:
        plain = inflate(body, self._encoding, self._admission.config, grow)
        return plain if self._kind == PROTOBUF else json_to_protobuf(self._signal, plain)


class _Reply:
    """Writes one HTTP response."""

    __slots__ = ("_send", "cors")

    def __init__(self, send: Send, cors: Headers) -> None:
        self._send = send
        self.cors = cors

    async def send(
        self, status: int, kind: str, body: bytes, extra: Mapping[bytes, bytes] | None = None
    ) -> None:
        headers = [(b"content-length", b"%d" % len(body))] if status != 204 else []
        if kind:
            headers.append((b"content-type", kind.encode()))
        headers += self.cors.items()
        headers += (extra or {}).items()
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def fault(
        self, refused: Fault, kind: str, extra: Mapping[bytes, bytes] | None = None
    ) -> None:
        headers = dict(extra or {})
        if refused.retry_after:
            headers[b"retry-after"] = b"%d" % refused.retry_after
        if refused.row is answers.UNAUTHENTICATED:
            headers[b"www-authenticate"] = b"Bearer"
        await self.send(refused.row.http, kind, refused.body(kind), headers)


def _content_type(headers: Headers) -> str:
    kind = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    return _TYPES.get(kind, "")


def _type_or_json(headers: Headers) -> str:
    return _content_type(headers) or JSON


def _refusal(error: Exception) -> Fault:
    if isinstance(error, _WrongType):
        return Fault(answers.WRONG_TYPE, f"Content-Type must be {PROTOBUF} or {JSON} for OTLP/HTTP")
    if isinstance(error, asyncio.TimeoutError):
        return fault(Retry("the body did not arrive in time; send again"))
    return fault(error)


async def _drain(headers: Headers, receive: Receive) -> None:
    """Read on for a moment: clients look at the answer only after they have sent everything."""
    declared = headers.get(b"content-length", b"0")
    if not declared.isdigit() or int(declared) > _MAX_DRAIN:
        return
    deadline = time.monotonic() + _DRAIN_SECONDS
    left = _MAX_DRAIN
    while left > 0 and (wait := deadline - time.monotonic()) > 0:
        try:
            message = await asyncio.wait_for(receive(), wait)
        except asyncio.TimeoutError:
            return
        left -= len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return


__all__ = ["ROUTES", "Config", "HttpApp"]
