# SPDX-License-Identifier: Apache-2.0
"""Where alerts may go, and that what was checked is where they go."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Sequence
from email.utils import formatdate
from pathlib import Path

import pytest
from agentstack_exporters.alerts.destinations import Policy, is_public
from agentstack_exporters.alerts.post import Poster, retry_after
from agentstack_processors.verdicts import ConfigError, Reject, Retry
from hypothesis import given
from hypothesis import strategies as st

from tests.fakes.receivers import certificate, receiver

LOCAL = Policy(("127.0.0.1",))

INSIDE = (
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.3.4", "192.168.1.1", "169.254.169.254",
    "100.64.0.1", "100.100.100.200", "192.0.2.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::", "2001:0:7f00:1::", "2001:db8::1", "localhost", "",
    "::127.0.0.1", "::5efe:10.0.0.1", "fec0::1", "64:ff9b:1::a00:1", "3fff::1", "5f00::1",
)  # fmt: skip


def answers(*addresses: str) -> object:
    """A name service that gives these addresses."""

    def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_that_is_not_on_the_public_internet_is_recognised(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_a_public_address_is_recognised(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("addresses", [("10.0.0.7",), ("8.8.8.8", "127.0.0.1"), ("::1",)])
def test_a_name_that_resolves_to_an_internal_address_is_refused(addresses: tuple[str, ...]) -> None:
    poster = Poster(Policy(), resolve=answers(*addresses))  # type: ignore[arg-type]  # a stub
    with pytest.raises(Reject, match=r"hooks\.example.*no public address"):
        poster.post("https://hooks.example/x", b"{}", {})


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/x", "https://2130706433/x", "https://0x7f.1/x", "https://127.1/x",
        "https://[::1]/x", "https://[::ffff:169.254.169.254]/x", "https://localhost/x",
    ],
)  # fmt: skip
def test_every_spelling_of_an_internal_address_is_refused(url: str) -> None:
    with pytest.raises((Reject, Retry), match=r"no public address|does not resolve"):
        Poster(Policy()).post(url, b"{}", {})


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/secret-path", "ftp://hooks.example/secret-path", "//x/secret-path",
        "https:///secret-path", "https://u:p@hooks.example/secret-path", "https://[::1/secret-path",
        "https://hooks.example:99999/secret-path", "https://hooks.example/secret-path\r\nX: y",
        "secret-path",
    ],
)  # fmt: skip
def test_an_address_that_is_none_is_refused_without_quoting_its_path(url: str) -> None:
    with pytest.raises(ConfigError, match="url") as raised:
        Policy().target(url)
    assert "secret-path" not in str(raised.value)


@given(
    st.text(alphabet="htps:/@[]%.0123456789abf#?\\ \n\tüx-", max_size=40).map("https://".__add__)
    | st.text(max_size=40)
)
def test_any_text_is_a_target_or_a_mistake(url: str) -> None:
    try:
        target = Policy().target(url)
    except ConfigError:
        return
    assert target.scheme == "https"
    assert target.host
    assert "@" not in target.host
    assert 0 <= target.port <= 65535
    assert target.path.startswith("/")
    assert (url + target.path).isprintable()


def test_the_allow_list_takes_names_addresses_and_networks() -> None:
    policy = Policy(("hooks.internal", "10.1.0.0/16", "192.168.7.7"))
    assert policy.target("http://hooks.internal/x").host == "hooks.internal"
    assert policy.target("http://10.1.2.3:8080/x").port == 8080
    found = policy.addresses(policy.target("https://any.example/x"), lambda *_: ["10.1.9.9"])
    assert found == ["10.1.9.9"]
    with pytest.raises(Reject):
        policy.addresses(policy.target("https://any.example/x"), lambda *_: ["10.2.0.1"])
    with pytest.raises(ConfigError):
        policy.target("http://10.2.0.1/x")


def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_says_later() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["203.0.113.9"]

    with receiver() as to:
        poster = Poster(Policy(("no-such-name.invalid",)), resolve=rebinding)
        assert poster.post(f"http://no-such-name.invalid:{to.port}/x", b"{}", {}) == 200
    assert asked == ["no-such-name.invalid"]
    assert to.received[0].headers["Host"] == f"no-such-name.invalid:{to.port}"


def test_body_path_query_and_headers_arrive() -> None:
    with receiver((202, {}, b"")) as to:
        assert Poster(LOCAL).post(to.url, b'{"a":1}', {"X-Own": "y"}) == 202
    (got,) = to.received
    assert (got.path, got.told, got.headers["X-Own"]) == ("/hook?token=abc", {"a": 1}, "y")
    assert got.headers["Content-Type"] == "application/json"


def test_a_redirect_is_not_followed() -> None:
    with receiver() as other, receiver((302, {"Location": other.url}, b"")) as to:
        with pytest.raises(Reject, match="redirects are not followed"):
            Poster(LOCAL).post(to.url, b"{}", {})
        assert other.received == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_what_the_receiver_will_never_take_is_given_up(status: int) -> None:
    wanted = rf"127\.0\.0\.1 answered {status}: no such"
    with (
        receiver((status, {}, b"no such\x1b[2J hook")) as to,
        pytest.raises(Reject, match=wanted) as raised,
    ):
        Poster(LOCAL).post(to.url, b"{}", {})
    assert "token=abc" not in str(raised.value)
    assert "\x1b" not in str(raised.value)


@pytest.mark.parametrize(
    "said",
    [
        "Cannot POST /services/T0%s/%s?token=%s",
        "<pre>not found: /services/T0%s/%s%%3Ftoken%%3D%s</pre>",
        '{"error": "no such key", "got": {"routing_key": "%s%s%s"}}',
    ],
)
def test_an_answer_that_repeats_the_credentials_is_not_repeated(said: str) -> None:
    parts = [secrets.token_hex(10) for _ in range(3)]
    told = (said % tuple(parts)).encode()
    with receiver((404, {}, told), (500, {}, told)) as to:
        url = f"http://127.0.0.1:{to.port}/services/T0{parts[0]}/{parts[1]}?token={parts[2]}"
        body = json.dumps({"routing_key": "".join(parts)}).encode()
        for verdict in (Reject, Retry):
            with pytest.raises(verdict, match="answered") as raised:
                Poster(LOCAL).post(url, body, {})
            assert not any(part in str(raised.value) for part in parts)
            assert "o" in str(raised.value).partition(": ")[2]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
def test_what_the_receiver_cannot_take_now_is_tried_again_when_it_says(status: int) -> None:
    with receiver((status, {"Retry-After": "17"}, b"")) as to, pytest.raises(Retry) as raised:
        Poster(LOCAL).post(to.url, b"{}", {})
    assert raised.value.after == 17


def test_a_connection_that_breaks_or_is_refused_is_tried_again() -> None:
    with receiver(None) as to, pytest.raises(Retry, match="broke off"):
        Poster(LOCAL).post(to.url, b"{}", {})
    with pytest.raises(Retry, match="cannot be reached"):
        Poster(LOCAL).post(to.url, b"{}", {})


def test_a_receiver_that_says_nothing_is_left_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Retry, match="no answer in time"):
            Poster(LOCAL, timeout=0.2).post(url, b"{}", {})


def test_a_receiver_that_drips_is_left_after_three_timeouts() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def drip() -> None:
            peer, _ = server.accept()
            with peer, contextlib.suppress(OSError):
                while not done.wait(0.05):
                    peer.sendall(b"H")

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(Retry):
            Poster(LOCAL, timeout=0.2).post(
                f"http://127.0.0.1:{server.getsockname()[1]}/", b"{}", {}
            )
        assert time.monotonic() - began < 5
        done.set()
        thread.join()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl to make a certificate")
def test_https_checks_the_certificate_against_the_name(tmp_path: Path) -> None:
    server, client = certificate(tmp_path)
    policy = Policy(("localhost", "other.internal"))
    with receiver(tls=server) as to:
        assert Poster(policy, context=client).post(to.url, b"{}", {}) == 200
        with pytest.raises(Retry, match="certificate"):
            Poster(policy).post(to.url, b"{}", {})  # not signed by anybody known
        to_local = answers("127.0.0.1")
        poster = Poster(policy, context=client, resolve=to_local)  # type: ignore[arg-type]  # a stub
        with pytest.raises(Retry, match="certificate"):
            poster.post(f"https://other.internal:{to.port}/", b"{}", {})
        assert len(to.received) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", 0), ("5", 5), ("99999999999999", 3600), ("-5", 0), ("soon", 0), ("²", 0),
        (formatdate(1_000_030, usegmt=True), 30), (formatdate(5, usegmt=True), 0),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(text: str, seconds: float) -> None:
    assert retry_after(text, 1_000_000) == seconds
