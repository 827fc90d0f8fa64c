# SPDX-License-Identifier: Apache-2.0
"""What is unusual for a service by its own history."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable

import pytest
from agentstack_processors.security.baselines import Baselines, Config
from agentstack_processors.security.loops import Sign
from agentstack_processors.verdicts import ConfigError

from tests.fakes.open_spans import a_span


def _took(milliseconds: float, service: str = "shop", **attributes: str):
    operation = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search"}
    return a_span({**operation, **attributes}, name="search", lasts=milliseconds, service=service)


def _signs(baselines: Baselines, times: Iterable[float], service: str = "shop") -> list[Sign]:
    return [sign for time in times for sign in baselines.observe(_took(time, service))]


def _usual(count: int, seed: int = 1, spread: float = 0.5) -> list[float]:
    rng = random.Random(seed)
    return [rng.lognormvariate(6, spread) for _ in range(count)]  # about 400 ms


def test_ordinary_latencies_are_hardly_ever_an_alert() -> None:
    signs = [s for seed in range(20) for s in _signs(Baselines(), _usual(600, seed))]
    assert len(signs) <= 12  # one in a thousand of 12,000


def test_a_spike_is_an_alert_and_its_score_grows_with_it() -> None:
    found: dict[int, list[float]] = {10: [], 30: [], 100: []}
    for factor, seed in itertools.product(found, range(20)):
        baselines = Baselines()
        _signs(baselines, _usual(200, seed))
        signs = _signs(baselines, [400 * factor])
        assert {sign.rule for sign in signs} <= {"anomaly.latency"}
        found[factor] += [sign.score for sign in signs]
    assert len(found[10]) >= 18
    assert len(found[30]) == len(found[100]) == 20
    assert max(found[10]) < max(found[30]) < max(found[100])
    assert min(found[10]) >= 30


def test_nothing_is_unusual_before_the_warm_up_and_history_is_that_of_one_service() -> None:
    baselines = Baselines()
    assert _signs(baselines, [*_usual(29), 90_000]) == []
    assert len(_signs(baselines, [*_usual(100, 2), 90_000])) == 1
    assert _signs(baselines, [90_000] * 20, service="batch") == []


def test_small_numbers_have_a_floor() -> None:
    baselines = Baselines()
    assert _signs(baselines, [*(2 + n % 3 for n in range(100)), 200]) == []


def test_spikes_do_not_teach_but_a_new_normal_does() -> None:
    baselines = Baselines()
    _signs(baselines, _usual(100, spread=0.1))
    assert len(_signs(baselines, [20_000] * 5)) == 5
    _signs(baselines, [20_000] * 60)
    assert _signs(baselines, [20_000] * 10) == []


@pytest.mark.parametrize(("tokens", "cost", "rule"), [(90_000, 0.0, "tokens"), (300, 2.5, "cost")])
def test_tokens_and_cost_are_watched_too(tokens: int, cost: float, rule: str) -> None:
    baselines = Baselines()

    def call(count: int, price: float) -> list[Sign]:
        attributes = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "demo",
            "gen_ai.usage.input_tokens": str(count),
        }
        return list(baselines.observe(a_span(attributes), price))

    for number in range(60):
        assert call(300 + number, 0.001) == []
    assert [sign.rule for sign in call(tokens, cost)] == [f"anomaly.{rule}"]


def test_a_tool_never_used_before_is_news_once_and_only_after_the_warm_up() -> None:
    baselines = Baselines()
    assert all(baselines.tool(_took(1), f"tool_{n % 3}") is None for n in range(150))
    first = baselines.tool(_took(1), "delete_database")
    assert first is not None
    assert first.score == 45
    assert baselines.tool(_took(1), "delete_database") is None
    assert Baselines().tool(_took(1), "delete_database") is None


def test_what_was_learned_survives_as_bytes_and_rubbish_changes_nothing() -> None:
    baselines = Baselines()
    _signs(baselines, _usual(200))
    for number in range(120):
        baselines.tool(_took(1), f"tool_{number % 2}")
    restored = Baselines()
    assert restored.load(baselines.dump())
    assert restored.dump() == baselines.dump()
    assert len(_signs(restored, [90_000])) == 1
    for rubbish in (b"", b"{}", b"[1]", b'{"version":1,"series":[[1]],"tools":[]}', b"\xff"):
        assert not restored.load(rubbish)
    assert restored.tool(_took(1), "drop_table") is not None


def test_what_is_remembered_is_bounded() -> None:
    baselines = Baselines(Config(series=50))
    for number in range(500):
        _signs(baselines, [100], service=f"service {number}")
        baselines.tool(_took(1, f"service {number}"), "search")
    assert len(baselines.dump()) < 50_000


@pytest.mark.parametrize("name", ["series", "warm_up", "gate", "confirm"])
def test_settings_that_make_no_sense_are_named(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        Baselines(Config(**{name: 0}))
