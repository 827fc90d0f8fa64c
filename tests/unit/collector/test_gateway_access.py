# SPDX-License-Identifier: Apache-2.0
"""Keys, public addresses and settings that make no sense."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from agentstack_processors.otlp.stamp import read_stamp
from agentstack_processors.verdicts import ConfigError, Refuse

from agentstack_otel.collector import admission, auth, http, intake, pipeline
from agentstack_otel.collector.answers import fault
from agentstack_otel.collector.gateway import Config, Gateway
from tests.fakes.memory_log import MemoryLog
from tests.fakes.otlp_requests import trace_request
from tests.unit.collector.conftest import Running

Start = Callable[..., Running]
BODY = trace_request(1).SerializeToString()
KEYS = auth.Config(keys={"key-of-shop": "shop", "key-of-bank": "bank"})


@pytest.mark.parametrize(
    ("header", "value", "project"),
    [
        ("authorization", "Bearer key-of-shop", "shop"),
        ("authorization", "bearer   key-of-bank", "bank"),
        ("x-api-key", "key-of-bank", "bank"),
    ],
)
def test_a_key_decides_the_project(start: Start, header: str, value: str, project: str) -> None:
    running = start(keys=KEYS)
    assert running.post(BODY, **{header: value}).status_code == 200
    assert running.call(BODY, metadata=((header, value),)) == b""
    assert [record.project for record in running.log.records] == [project, project]


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"authorization": "Bearer nobody"},
        {"authorization": "Basic key-of-shop"},
        {"authorization": "Bearer"},
        {"x-api-key": "key-of-sho"},
    ],
)
def test_without_a_known_key_nothing_is_taken(start: Start, sent: dict[str, str]) -> None:
    running = start(keys=KEYS)
    answer = running.post(BODY, **sent)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert b"key-of" not in answer.content
    with pytest.raises(grpc.RpcError) as caught:
        running.call(BODY, metadata=tuple(sent.items()))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    counted = running.gateway.meters.render().decode()
    for transport in ("grpc", "http"):
        line = f'outcome="unauthenticated",signal="traces",transport="{transport}"}} 1.0'
        assert line in counted
    assert running.log.records == []


@pytest.mark.parametrize("name", ["shop", "a", "team.web_2-x", "p" * 64])
def test_without_keys_the_sender_names_its_project(start: Start, name: str) -> None:
    running = start()
    assert running.post(BODY, **{"X-AgentStack-Project": name}).status_code == 200
    assert running.call(BODY, metadata=(("x-agentstack-project", name),)) == b""
    assert running.post(BODY).status_code == 200
    projects = [record.project for record in running.log.records]
    assert projects == [name, name, "default"]
    assert [read_stamp(record.payload)[0] for record in running.log.records] == projects


def test_with_keys_the_key_alone_decides(start: Start) -> None:
    running = start(keys=KEYS)
    sent = {"x-api-key": "key-of-bank", "x-agentstack-project": "shop"}
    assert running.post(BODY, **sent).status_code == 200
    assert running.call(BODY, metadata=tuple(sent.items())) == b""
    assert [record.project for record in running.log.records] == ["bank", "bank"]
    assert running.post(BODY, **{"x-agentstack-project": "shop"}).status_code == 401


@pytest.mark.parametrize("name", ["two words", "p" * 65, "../x", "sho\u0308p", "a/b"])
def test_what_is_no_name_for_a_project_is_refused(start: Start, name: str) -> None:
    running = start()
    answer = running.post(BODY, **{"x-agentstack-project": name.encode()})
    assert answer.status_code == 400
    assert b"x-agentstack-project must be 1 to 64 letters" in answer.content
    if name.isascii():
        with pytest.raises(grpc.RpcError) as caught:
            running.call(BODY, metadata=(("x-agentstack-project", name),))
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert running.log.records == []


def test_a_known_sender_without_the_right_is_forbidden() -> None:
    refused = fault(Refuse("not for this project", authenticated=True))
    assert (refused.row.http, refused.row.grpc) == (403, grpc.StatusCode.PERMISSION_DENIED)


def test_keys_do_not_show_when_settings_are_printed() -> None:
    assert "key-of-shop" not in repr(Config(keys=KEYS))


@pytest.mark.parametrize("host", ["0.0.0.0", "[::]", "", "192.0.2.1", "no-such-host.invalid"])
def test_a_public_address_needs_keys(host: str) -> None:
    for name in ("grpc", "http"):
        with pytest.raises(ConfigError, match="no API key is set: set AGENTSTACK_API_KEYS"):
            Config(**{name: f"{host}:4317"}).validate()
        Config(**{name: f"{host}:4317", "keys": KEYS}).validate()
        Config(**{name: f"{host}:4317", "keys": auth.Config(public_without_keys=True)}).validate()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "[::1]", "localhost"])
def test_loopback_needs_none(host: str) -> None:
    Config(grpc=f"{host}:0", http=f"{host}:0").validate()


@pytest.mark.parametrize(
    "parts",
    [
        {"grpc": "4317"},
        {"http": "127.0.0.1:http"},
        {"http": "127.0.0.1:65536"},
        {"limits": admission.Config(http_body=0)},
        {"limits": admission.Config(streams=0)},
        {"limits": admission.Config(in_flight=1 << 20)},
        {"work": intake.Config(workers=0)},
        {"work": intake.Config(append_timeout=9)},
        {"processing": pipeline.Config(retention_days=0)},
        {"pages": http.Config(cors_origins=("app.example",))},
        {"pages": http.Config(body_timeout=0)},
        {"keys": auth.Config(keys={"": "shop"})},
        {"keys": auth.Config(keys={"key": ""})},
    ],
)
def test_a_setting_that_makes_no_sense_is_named(parts: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Gateway(Config(**parts), MemoryLog())


def test_the_defaults_make_sense() -> None:
    Config().validate()
