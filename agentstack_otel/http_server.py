# SPDX-License-Identifier: Apache-2.0
"""Run any ASGI application on uvicorn, on a thread of its own."""

from __future__ import annotations

import socket
import threading
from typing import Any

import uvicorn
from agentstack_processors.verdicts import ConfigError

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 75  # longer than exporters' pools keep a connection, so that they close it
_START_TIMEOUT = 10.0


class HttpServer:
    """One uvicorn server. It installs no signal handlers: the process belongs to somebody else.

    Args:
        app: ASGI 3 application.
        host: Address to bind.
        port: Port to bind; 0 takes any free one.
    """

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._app = app
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self.address = ""

    def start(self) -> None:
        """Bind and serve; returns when connections are accepted, `address` is then host:port.

        Raises:
            ConfigError: The address is taken or not ours.
        """
        listener = bind(self._host, self._port, "HTTP")
        listener.listen(_BACKLOG)
        config = uvicorn.Config(
            self._app,
            http="httptools",
            loop="asyncio",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=5,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="agentstack-http", daemon=True
        )
        self._thread.start()
        if not self._server.ready.wait(_START_TIMEOUT):
            raise ConfigError(f"the HTTP server on {self._host}:{self._port} did not start")
        self.address = _text(listener)

    def stop(self, grace: float = 5.0) -> None:
        """Stop accepting, give running requests `grace` seconds, end the thread. Idempotent."""
        if self._server is None or self._thread is None:
            return
        self._server.config.timeout_graceful_shutdown = max(1, round(grace))
        self._server.should_exit = True
        self._thread.join(grace + _START_TIMEOUT)
        self._server = self._thread = None


def bind(host: str, port: int, what: str) -> socket.socket:
    """Return a bound TCP socket.

    Args:
        host: Address or name of this machine.
        port: 0 takes any free one.
        what: Who wants it, for the sentence: "HTTP", "OTLP/gRPC".

    Raises:
        ConfigError: The address is taken or not ours.
    """
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as refused:
        listener.close()
        raise ConfigError(
            f"{what} cannot listen on {host}:{port}: {refused.strerror}; "
            "stop what uses it or choose another port"
        ) from None
    return listener


class _Server(uvicorn.Server):
    """Tells when it is listening (or has given up) instead of having to be asked."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start as uvicorn does, then say so."""
        await super().startup(sockets)
        self.ready.set()


def _text(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
