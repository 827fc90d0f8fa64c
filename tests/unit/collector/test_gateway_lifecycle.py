# SPDX-License-Identifier: Apache-2.0
"""Starting, taken ports, and stopping without losing what is under way."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import grpc
import httpx
import pytest
from agentstack_processors.verdicts import ConfigError

from agentstack_otel.collector.gateway import Config, Gateway
from agentstack_otel.http_server import HttpServer
from tests.fakes.memory_log import MemoryLog
from tests.fakes.otlp_requests import trace_request
from tests.unit.collector.conftest import Running

Start = Callable[..., Running]
BODY = trace_request(1).SerializeToString()


def _gateway_threads() -> list[str]:
    names = (thread.name for thread in threading.enumerate())
    return [name for name in names if name.startswith("agentstack-")]


@pytest.mark.parametrize("which", ["grpc", "http"])
def test_a_taken_port_is_one_clear_sentence_and_leaves_nothing_running(which: str) -> None:
    before = _gateway_threads()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        both = {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"} | {which: address}
        with pytest.raises(ConfigError) as caught:
            Gateway(Config(**both), MemoryLog()).start()
    assert address in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "Address already in use" in str(caught.value)
    assert _gateway_threads() == before


def test_an_address_that_is_not_ours_is_one_clear_sentence() -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        HttpServer(None, "192.0.2.1", 0).start()


def test_two_gateways_live_in_one_process(start: Start) -> None:
    first, second = start(), start()
    for running in (first, second):
        assert running.call(BODY) == b""
        assert running.post(BODY).status_code == 200
        assert len(running.log.records) == 2


def test_requests_in_flight_are_finished_and_acknowledged(start: Start) -> None:
    running = start()
    running.log.held = True
    with ThreadPoolExecutor(3) as pool:
        over_grpc = pool.submit(running.call, BODY)
        over_http = pool.submit(running.post, BODY)
        for _ in range(2):
            assert running.log.asked.acquire(timeout=10)
        stopped = pool.submit(running.gateway.stop, 5)
        while running.gateway.ready:
            threading.Event().wait(0.01)
        running.log.release()
        assert over_grpc.result(10) == b""
        assert over_http.result(10).status_code == 200
        stopped.result(10)
    assert len(running.log.records) == 2


def test_after_stop_nobody_listens_and_no_thread_is_left(start: Start) -> None:
    before = _gateway_threads()
    running = start()
    running.post(BODY)
    running.call(BODY)
    running.gateway.stop(1)
    running.gateway.stop(1)
    assert running.gateway.health()["status"] == "stopped"
    with pytest.raises(httpx.ConnectError):
        running.post(BODY)
    with pytest.raises(grpc.RpcError):
        running.call(BODY)
    assert _gateway_threads() == before


def test_unready_before_it_stops_listening(start: Start) -> None:
    running = start()
    running.log.held = True
    with ThreadPoolExecutor(2) as pool:
        pool.submit(running.post, BODY)
        assert running.log.asked.acquire(timeout=10)
        stopped = pool.submit(running.gateway.stop, 5)
        while running.gateway.health()["status"] == "ready":
            threading.Event().wait(0.01)
        assert not stopped.done()
        assert running.gateway.health()["ready"] is False
        running.log.release()
        stopped.result(10)


def test_the_http_server_runs_any_application_and_stops() -> None:
    async def hello(scope: object, receive: object, send: Callable[..., object]) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    server = HttpServer(hello, "127.0.0.1", 0)
    server.start()
    assert httpx.get(f"http://{server.address}/").text == "hello"
    server.stop()
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{server.address}/")


class _Noting:
    """A redactor that says when it is asked, and of what."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.first = threading.Event()

    def suspicious(self, data: bytes) -> bool:
        self.asked.append(data)
        self.first.set()
        return False

    def scrub(self, text: str) -> str:
        return text

    def scrub_attribute(self, key: str, text: str) -> str:
        return text

    def scrub_parts(self, parts: Sequence[str]) -> list[str]:
        return list(parts)


def test_what_the_redactor_does_once_is_done_before_the_first_request(start: Start) -> None:
    redactor = _Noting()
    running = start(redactor=redactor)
    assert redactor.first.wait(20)
    assert redactor.asked == [b""]
    assert running.post(trace_request(1).SerializeToString()).status_code == 200
    assert len(redactor.asked) == 2
