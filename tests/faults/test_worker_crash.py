# SPDX-License-Identifier: Apache-2.0
"""A worker dies at every boundary of a batch; each span ends up stored exactly once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from agentstack_exporters.log.sqlite import Config, SqliteLog

from tests.fakes.log_requests import logs, record, traces
from tests.fakes.token_store import TokenStore
from tests.faults.crashing_worker import POINTS

ROOT = Path(__file__).parents[2]


def append(path: Path, first: int, count: int) -> None:
    """Requests of one to three spans; every third one is of log records."""
    log = SqliteLog(Config(path=path))
    for n in range(first, first + count):
        numbers = [n * 3 + i for i in range(n % 3 + 1)]
        if n % 3 == 1:
            entry = record(logs(*numbers), len(numbers), "logs")
        else:
            entry = record(traces(*numbers), len(numbers))
        log.append(entry).result(10)
    log.close()


def expected(records: int) -> tuple[list[int], list[int]]:
    numbers = {n: [n * 3 + i for i in range(n % 3 + 1)] for n in range(records)}
    return (
        [i for n, found in numbers.items() if n % 3 != 1 for i in found],
        [i for n, found in numbers.items() if n % 3 == 1 for i in found],
    )


def work(folder: Path, kind: str, point: str, batch: int) -> subprocess.CompletedProcess[str]:
    script = [sys.executable, "-m", "tests.faults.crashing_worker"]
    arguments = [str(folder / "log.db"), str(folder / "store"), kind, point, str(batch)]
    return subprocess.run(script + arguments, cwd=ROOT, capture_output=True, text=True, timeout=100)


@pytest.mark.parametrize("point", POINTS)
def test_a_crash_at_any_boundary_loses_nothing_and_stores_nothing_twice(
    tmp_path: Path, point: str
) -> None:
    total = 0
    for batch in (1, 2, 3):
        append(tmp_path / "log.db", total, 24)
        total += 24
        crashed = work(tmp_path, "fake", point, batch)
        assert crashed.returncode == 137, crashed.stderr
    finished = work(tmp_path, "fake", "never", 0)
    assert finished.returncode == 0, finished.stderr
    store = TokenStore(tmp_path / "store")
    assert (store.numbers("traces"), store.numbers("logs")) == expected(total)
    store.close()


@pytest.mark.slow
def test_crashes_at_every_boundary_leave_each_span_once_in_clickhouse(tmp_path: Path) -> None:
    """Counted without FINAL: the tokens alone keep duplicates out."""
    total = 0
    for point in POINTS:
        append(tmp_path / "log.db", total, 24)
        total += 24
        crashed = work(tmp_path, "chdb", point, 2)
        assert crashed.returncode == 137, crashed.stderr
    finished = work(tmp_path, "chdb", "never", 0)
    assert finished.returncode == 0, finished.stderr
    traces_, logs_ = (len(numbers) for numbers in expected(total))
    assert finished.stdout.splitlines() == [
        f"traces {traces_} {traces_}",
        f"logs {logs_} {logs_}",
    ]
