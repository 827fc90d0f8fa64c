# SPDX-License-Identifier: Apache-2.0
"""`kill -9` of a process that appends: what it was told is stored is there, whole, in its place."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from agentstack_exporters.log.sqlite import Config, SqliteLog

# Each line on stdout is an acknowledgement; os.write of a short line is atomic.
APPENDER = """
import os, random, sys, threading
from agentstack_exporters.log.protocol import Commit, Record
from agentstack_exporters.log.sqlite import Config, SqliteLog

log = SqliteLog(Config(path=sys.argv[1], keep_free_bytes=0))

def work(thread):
    n = 0
    while True:
        seed = thread * 1_000_000 + n
        size = random.Random(seed).choice([20, 900, 5_000, 60_000, 530_000])
        record = Record(random.Random(seed).randbytes(size), 1, seed)
        position = log.append(record).result()
        os.write(1, b"%d %d\\n" % (position, seed))
        n += 1

def trim():
    while True:
        log.commit("a", Commit(int(sys.argv[2])))
        log.trim()

threading.Thread(target=trim, daemon=True).start()
for thread in range(4):
    threading.Thread(target=work, args=(thread,), daemon=True).start()
threading.Event().wait()
"""


def run_and_kill(path: Path, keep_from: int, acknowledgements: int) -> dict[int, int]:
    """Positions acknowledged before the kill, each with the seed of its record."""
    process = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(path), str(keep_from)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if len(lines) == acknowledgements:
            break
    killer = threading.Timer(0.003 * (acknowledgements % 7), process.send_signal, [signal.SIGKILL])
    killer.start()
    lines += process.stdout.readlines()
    assert process.wait(30) == -signal.SIGKILL
    whole = [line.split() for line in lines if line.endswith(b"\n")]
    return {int(position): int(seed) for position, seed in whole}


def expected_payload(seed: int) -> bytes:
    import random

    size = random.Random(seed).choice([20, 900, 5_000, 60_000, 530_000])
    return random.Random(seed).randbytes(size)


def check(path: Path, acknowledged: dict[int, int], keep_from: int) -> int:
    log = SqliteLog(Config(path=path))
    stored = {
        s.position: s.record for s in log.read(keep_from, max_records=1_000_000, max_bytes=1 << 40)
    }
    end = log.end()
    assert list(stored) == list(range(keep_from, end)), "a gap, or out of order"
    for position, seed in acknowledged.items():
        assert stored[position].received_at == seed, f"acknowledged {position} is lost"
    for record in stored.values():
        assert record.payload == expected_payload(record.received_at)
    assert log.dead_letters.count() == 0
    log.close()
    return end


def test_acknowledged_records_survive_kill_minus_9_again_and_again(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    end = 0
    for round_ in range(6):
        acknowledged = run_and_kill(path, keep_from=end, acknowledgements=20 + 13 * round_)
        assert len(acknowledged) >= 20
        end = check(path, acknowledged, keep_from=end)


@pytest.mark.parametrize("tail", [b"\0" * 5_000, b"\xff" * 40_000, None])
def test_a_torn_tail_behind_acknowledged_records_is_discarded(
    tmp_path: Path, tail: bytes | None
) -> None:
    """Power fails in the middle of the next, unacknowledged transaction: half a frame is there."""
    path = tmp_path / "log.db"
    acknowledged = run_and_kill(path, keep_from=0, acknowledgements=30)
    wal = Path(f"{path}-wal")
    last_frames = wal.read_bytes()[-20_000:]
    with wal.open("ab") as file:
        file.write(tail if tail is not None else last_frames[: len(last_frames) // 2])
    Path(f"{path}-shm").unlink(missing_ok=True)  # memory does not survive power loss
    check(path, acknowledged, keep_from=0)


def test_a_record_cut_off_in_the_wal_disappears_without_its_neighbours(tmp_path: Path) -> None:
    """Bytes after the last acknowledged commit are cut at any place: only they are lost."""
    path = tmp_path / "log.db"
    log = SqliteLog(Config(path=path))
    from agentstack_exporters.log.protocol import Record

    wal = Path(f"{path}-wal")
    log.append(Record(b"first" * 10_000, 1, 1)).result(10)
    safe = wal.stat().st_size
    log.append(Record(b"second" * 10_000, 1, 2)).result(10)
    full = wal.stat().st_size
    files = {name: (tmp_path / name).read_bytes() for name in ("log.db", "log.db-wal")}
    log.close()
    for cut in range(safe, full, 3_001):
        copy = tmp_path / str(cut)
        os.mkdir(copy)
        (copy / "log.db").write_bytes(files["log.db"])
        (copy / "log.db-wal").write_bytes(files["log.db-wal"][:cut])
        again = SqliteLog(Config(path=copy / "log.db"))
        assert [s.record.payload for s in again.read(0)] == [b"first" * 10_000]
        assert again.append(Record(b"third", 1, 3)).result(10) == 1
        again.close()
