# SPDX-License-Identifier: Apache-2.0
"""HTTP_PROXY, HTTPS_PROXY, NO_PROXY: requests go where the environment says."""

from __future__ import annotations

import base64
import socket
import threading
from collections.abc import Iterator

import pytest
from agentstack_exporters.otlp.proxies import proxy_for
from agentstack_exporters.otlp.sender import Config, Sender
from agentstack_processors.verdicts import Retry

VARIABLES = [
    name for lower in ("http_proxy", "https_proxy", "no_proxy", "all_proxy")
    for name in (lower, lower.upper())
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)


class TinyProxy:
    """Answers every request with 200 and keeps what it was asked; refuses tunnels."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.asked: list[bytes] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with client, client.makefile("rb") as lines:
                head = b"".join(iter(lines.readline, b"\r\n"))
                self.asked.append(head)
                if head.startswith(b"CONNECT"):
                    client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                    continue
                size = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                lines.read(size)
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                client.sendall(answer)

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def proxy() -> Iterator[TinyProxy]:
    made = TinyProxy()
    yield made
    made.close()


def test_plain_requests_go_to_the_proxy_with_the_whole_address(
    proxy: TinyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://ada:pass%20word@127.0.0.1:{proxy.port}")
    sender = Sender(Config(url="http://collector.test:4318/v1/traces"))
    sender.send(b"abc")
    sender.close()

    (head,) = proxy.asked
    assert head.startswith(b"POST http://collector.test:4318/v1/traces HTTP/1.1\r\n")
    assert b"Host: collector.test:4318\r\n" in head
    login = base64.b64encode(b"ada:pass word")
    assert b"Proxy-Authorization: Basic " + login in head


def test_secure_requests_ask_for_a_tunnel_and_the_login_is_for_the_proxy_only(
    proxy: TinyProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", f"ada:secret@127.0.0.1:{proxy.port}")
    sender = Sender(Config(url="https://collector.test/v1/traces"))
    with pytest.raises(Retry) as refused:
        sender.send(b"abc")

    (head,) = proxy.asked
    assert head.startswith(b"CONNECT collector.test:443 HTTP/1")
    assert b"Proxy-Authorization: Basic " in head
    assert f"through the proxy 127.0.0.1:{proxy.port}" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "none"),
    [
        ("http://localhost:4318", ""),
        ("http://127.0.0.1:4318", ""),
        ("http://[::1]:4318", ""),
        ("http://collector.corp:4318", "corp"),
        ("http://collector.corp:4318", ".corp,example.org"),
        ("http://collector.corp:4318", "collector.corp"),
        ("https://collector.corp", "*"),
    ],
)
def test_this_machine_and_what_no_proxy_names_are_reached_straight(
    url: str, none: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.corp:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.corp:3128")
    monkeypatch.setenv("NO_PROXY", none)

    assert proxy_for(url) is None
    found = proxy_for("http://elsewhere.org:4318")
    assert (found is None) == (none == "*")
    assert found is None or found.address == "proxy.corp:3128"


@pytest.mark.parametrize("value", ["http://", "socks5://proxy:1080", "http://proxy:x", "https://p"])
def test_a_proxy_that_cannot_be_used_keeps_the_spans_and_does_not_repeat_the_variable(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", value)
    with pytest.raises(Retry, match="HTTP_PROXY must look like http://host:port"):
        Sender(Config(url="http://collector.test:4318/v1/traces")).send(b"abc")


def test_without_variables_nothing_is_asked_of_anybody() -> None:
    assert proxy_for("http://collector.test:4318") is None
