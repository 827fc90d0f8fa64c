# SPDX-License-Identifier: Apache-2.0
"""Files that are not what they were: one clear sentence, neighbours served, nothing overwritten."""

from __future__ import annotations

import os
import re
import sqlite3
import tempfile
from pathlib import Path

import pytest
from agentstack_exporters.log.protocol import Commit, Record
from agentstack_exporters.log.sqlite import Config, SqliteLog
from agentstack_exporters.log.sqlite_file import PAGE_BYTES
from agentstack_processors.verdicts import ConfigError, Retry
from hypothesis import given, settings
from hypothesis import strategies as st


def filled(path: Path, count: int, size: int) -> list[Record]:
    """A closed log of records whose payloads begin with a findable marker."""
    records = [
        Record(b"<record %06d>" % n + os.urandom(size), spans=3, received_at=n)
        for n in range(count)
    ]
    log = SqliteLog(Config(path=path))
    for future in [log.append(record) for record in records]:
        future.result(20)
    log.close()
    return records


def overwrite(path: Path, at: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(data)


@pytest.mark.parametrize("size", [300, 530_000])
def test_a_record_with_a_flipped_byte_is_a_dead_letter_and_its_neighbours_are_served(
    tmp_path: Path, size: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.db"
    records = filled(path, 9, size)
    data = path.read_bytes()
    for found in re.finditer(b"<record 000004>", data):  # a page that was split keeps an old copy
        overwrite(path, found.start() + 100, bytes([data[found.start() + 100] ^ 1]))

    log = SqliteLog(Config(path=path))
    assert [s.position for s in log.read(0)] == [0, 1, 2, 3, 5, 6, 7, 8]
    assert [s.record for s in log.read(5)] == records[5:]
    (letter,) = log.dead_letters.list()
    assert (letter.group, letter.position, letter.spans) == ("log", 4, 3)
    assert letter.reason == "checksum mismatch: bytes changed on disk at position 4"
    assert "position 4" in caplog.text
    full = log.dead_letters.get(letter.id)
    assert full is not None
    assert full.payload is not None
    assert len(full.payload) == len(records[4].payload), "what is left of it is kept"

    caplog.clear()
    assert len(log.read(0)) == 8
    assert caplog.text == "", "found once, not at every read"
    log.commit("a", Commit(9))
    assert log.trim() == 8
    log.close()


@pytest.mark.parametrize("column", [b"traces", b"default"])
def test_flipped_bytes_in_a_small_column_are_noticed_too(tmp_path: Path, column: bytes) -> None:
    path = tmp_path / "log.db"
    filled(path, 3, 50)
    data = path.read_bytes()
    marker = data.index(b"<record 000001>")
    overwrite(path, data.rindex(column, 0, marker), b"\xff\xfe")
    log = SqliteLog(Config(path=path))
    assert [s.position for s in log.read(0)] == [0, 2]
    assert log.dead_letters.list()[0].position == 1
    log.close()


def test_when_only_damaged_records_are_there_a_read_looks_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    filled(path, 30, 300)
    data = path.read_bytes()
    for n in range(20):
        overwrite(path, data.index(b"<record %06d>" % n) + 20, b"\0\0\0\0")
    log = SqliteLog(Config(path=path))
    assert [s.position for s in log.read(0, max_records=5)] == [20, 21, 22, 23, 24]
    assert log.end() == 30
    log.close()


def test_a_lost_page_costs_the_records_on_it_and_no_others(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    records = filled(path, 500, 1000)
    page = path.read_bytes().index(b"<record 000250>") // PAGE_BYTES
    overwrite(path, page * PAGE_BYTES, b"\xa5" * PAGE_BYTES)

    log = SqliteLog(Config(path=path))
    stored = log.read(0)
    served = {s.position for s in stored}
    assert all(s.record == records[s.position] for s in stored)
    lost = sorted(set(range(500)) - served)
    assert 250 in lost
    assert len(lost) <= PAGE_BYTES // 1000 + 1
    (letter,) = log.dead_letters.list()
    assert letter.reason.startswith(f"positions {lost[0]} to {lost[-1]} cannot be read")
    assert log.append(Record(b"new", 1, 1)).result(10) == 500
    log.close()


@pytest.mark.parametrize("keep", [0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused_untouched_with_what_to_do(tmp_path: Path, keep: float) -> None:
    path = tmp_path / "log.db"
    filled(path, 100, 5_000)
    os.truncate(path, int(path.stat().st_size * keep))
    before = path.read_bytes()
    with pytest.raises(ConfigError) as caught:
        SqliteLog(Config(path=path))
    assert f"log file {path} is damaged" in str(caught.value)
    assert ".recover" in str(caught.value)
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(b"my shopping list\n" * 1000)
    with pytest.raises(ConfigError, match="not an AgentStack log"):
        SqliteLog(Config(path=path))
    assert path.read_bytes() == b"my shopping list\n" * 1000


def test_a_damaged_file_is_set_aside_when_told_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "log.db"
    filled(path, 100, 5_000)
    os.truncate(path, 200_000)
    before = path.read_bytes()
    log = SqliteLog(Config(path=path, set_aside_damaged=True))
    assert (log.end(), log.read(0)) == (0, [])
    log.close()
    (aside,) = tmp_path.glob("log.db.damaged-*")
    assert aside.read_bytes() == before
    assert str(aside) in caplog.text


def test_somebody_elses_database_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE bills (amount)")
    other.close()
    before = path.read_bytes()
    for set_aside in (False, True):
        with pytest.raises(ConfigError, match="not an AgentStack log"):
            SqliteLog(Config(path=path, set_aside_damaged=set_aside))
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("bills",)]
    other.close()
    assert path.read_bytes() == before


def test_a_newer_format_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    filled(path, 1, 10)
    with sqlite3.connect(path) as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    for set_aside in (False, True):
        with pytest.raises(ConfigError, match=r"newer AgentStack \(format 99"):
            SqliteLog(Config(path=path, set_aside_damaged=set_aside))


def test_a_folder_in_place_of_the_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "log.db").mkdir()
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"log file .*log\.db"):
        SqliteLog(Config(path=tmp_path / "log.db"))
    with pytest.raises(ConfigError, match=r"log file .* cannot be used: .*/file: File exists"):
        SqliteLog(Config(path=tmp_path / "file" / "log.db"))


SIZES = [0, 10, 300, 1_000, 20_000, 3_000, 90_000, 50, 16_384, 700] * 4


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Record]]:
    """A log of 40 records of all sizes, closed: its bytes and what is in it."""
    path = tmp_path_factory.mktemp("sound") / "log.db"
    log = SqliteLog(Config(path=path))
    records = [Record(os.urandom(size), n, 10**18 + n) for n, size in enumerate(SIZES)]
    for record in records:
        log.append(record).result(30)
    log.commit("a", Commit(0))
    log.close()
    return path.read_bytes(), records


@given(
    places=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), max_size=12),
    page=st.none() | st.tuples(st.integers(0, 60), st.sampled_from([0, 0xFF, 0x0D])),
)
@settings(max_examples=max(60, settings.default.max_examples))
def test_whatever_is_overwritten_no_wrong_record_is_ever_served(
    sound: tuple[bytes, list[Record]],
    places: list[tuple[float, int]],
    page: tuple[int, int] | None,
) -> None:
    """Random flips and a lost page: refused in a sentence, or served around; never garbage."""
    data, records = bytearray(sound[0]), sound[1]
    for share, flip in places:
        data[int(share * len(data))] ^= flip
    if page is not None:
        start = page[0] * PAGE_BYTES % len(data)
        data[start : start + PAGE_BYTES] = bytes([page[1]]) * PAGE_BYTES
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log.db"
        path.write_bytes(data)
        try:
            log = SqliteLog(Config(path=path, synchronous="NORMAL"))
        except ConfigError:
            return
        try:
            position = 0
            while found := log.read(position, max_records=7):
                assert all(s.record == records[s.position] for s in found)
                position = found[-1].position + 1
            log.append(Record(b"new", 1, 1)).result(60)
            log.commit("a", Commit(position))
            log.trim()
        except Retry as fault:
            refusal = fault.reason
        else:
            refusal = "damaged"
        finally:
            log.close()
        assert "damaged" in refusal or "cannot be used" in refusal
