# SPDX-License-Identifier: Apache-2.0
"""Where the embedded store writes, and what it does on a disk that is really full."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from agentstack_exporters.clickhouse.chdb import ChdbStore, Config
from agentstack_processors.verdicts import ConfigError, Retry

from tests.fakes.store_requests import TraceRequest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB of its own."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path)]
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("only root may mount a small disk to fill it")
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield tmp_path
    subprocess.run(["umount", "--lazy", str(tmp_path)], check=True)


@contextlib.contextmanager
def filled(disk: Path, leaving: int = 0) -> Iterator[None]:
    """Only `leaving` bytes are free inside the block."""
    ballast = disk / "ballast"
    state = os.statvfs(disk)
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, state.f_bavail * state.f_frsize - leaving)
    yield
    ballast.unlink()


@contextlib.contextmanager
def opened(path: Path, **options: int) -> Iterator[ChdbStore]:
    store = ChdbStore(Config(path=path, **options))  # type: ignore[arg-type]  # only int options here
    try:
        yield store
    finally:
        store.close()


def spans_of(size: int) -> bytes:
    request = TraceRequest()
    for _ in range(100):
        request.span("step", {"text": os.urandom(size // 200).hex()})
    return request.bytes()


def rows(store: ChdbStore) -> tuple[int, int]:
    sql = "SELECT (SELECT count() FROM spans) AS a, (SELECT count() FROM spans_trace_id_ts) AS b"
    [row] = store.query(sql)
    return row["a"], row["b"]


@pytest.mark.parametrize("leaving", [0, 4_100_000], ids=["at all", "for half of the tables"])
def test_an_insert_without_room_is_retried_with_its_token_and_stored_once(
    disk: Path, leaving: int
) -> None:
    payload = spans_of(4_000_000)
    with opened(disk / "store") as store:
        store.migrate()
        with filled(disk, leaving):
            for _ in range(2):
                with pytest.raises(Retry, match="not enough space"):
                    store.insert_otlp([payload], token="t")
            assert rows(store)[1] == 0
        for _ in range(2):
            store.insert_otlp([payload], token="t")
        assert rows(store) == (100, 100)


def test_a_first_start_without_room_is_refused_in_one_sentence_and_works_later(disk: Path) -> None:
    for leaving in (0, 24_000, 1_000_000):
        with (
            filled(disk, leaving),
            pytest.raises(ConfigError, match=r"cannot be set up: its disk has 0 MiB left"),
        ):
            ChdbStore(Config(path=disk / "store"))
    with opened(disk / "store") as store:
        with filled(disk, 24_000), pytest.raises(ConfigError, match=r"its disk has 0 MiB left"):
            store.migrate()
        assert store.migrate() != []


def test_a_store_on_a_full_disk_opens_and_reads_and_is_not_altered(disk: Path) -> None:
    with opened(disk / "store") as store:
        store.migrate()
        store.insert_otlp([spans_of(1000)], token="t")
    with filled(disk), opened(disk / "store") as store:
        assert store.migrate() == []
        assert rows(store) == (100, 100)
    with filled(disk), opened(disk / "store", retention_days=30) as store:
        with pytest.raises(ConfigError, match="its disk has 0 MiB left"):
            store.migrate()
        assert rows(store) == (100, 100)
    with opened(disk / "store", retention_days=30) as store:
        assert store.migrate() == []
        assert rows(store) == (100, 100)


def test_nothing_is_written_into_the_current_folder(tmp_path: Path) -> None:
    current = tmp_path / "current"
    current.mkdir()
    subprocess.run(
        [sys.executable, "-c", _INSERT, str(tmp_path / "store")],
        cwd=current,
        check=True,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert list(current.iterdir()) == []


def test_schemas_of_another_version_in_the_folder_are_replaced(tmp_path: Path) -> None:
    schemas = tmp_path / "store" / "format_schemas"
    schemas.mkdir(parents=True)
    (schemas / "otlp_traces.proto").write_text('syntax = "proto3"; message Older {}')
    with opened(tmp_path / "store") as store:
        store.migrate()
        store.insert_otlp([spans_of(1000)], token="t")
        assert rows(store) == (100, 100)


@pytest.mark.parametrize("name", ["a b", "it's", 'say "x"', "50%20", "ü", "#1"])
def test_a_folder_of_any_usual_name_takes_spans(tmp_path: Path, name: str) -> None:
    with opened(tmp_path / name) as store:
        store.migrate()
        store.insert_otlp([spans_of(1000)], token="t")
        assert rows(store) == (100, 100)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["a:b", "a?b", "a&b", "a\\b"])
def test_a_folder_whose_name_the_engine_misreads_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r"cannot have '.+' in its path"):
        ChdbStore(Config(path=tmp_path / name))
    assert list(tmp_path.iterdir()) == []


_INSERT = """
import sys
from agentstack_exporters.clickhouse.chdb import ChdbStore, Config
from tests.fakes.store_requests import TraceRequest, log_request
store = ChdbStore(Config(path=sys.argv[1]))
store.migrate()
request = TraceRequest()
request.span()
store.insert_otlp([request.bytes()], token="t")
store.insert_otlp([log_request("p", "gen_ai.choice", {})], token="l", signal="logs")
assert store.query("SELECT count() AS n FROM spans") == [{"n": 1}]
store.close()
"""
