# SPDX-License-Identifier: Apache-2.0
"""Secrets on the road of records that cannot be stored: dead letters, their reasons, the server's
log, what the command line and the API show of them.
"""

from __future__ import annotations

import json
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from agentstack_exporters.log.protocol import Record
from agentstack_exporters.log.sqlite import Config as LogConfig
from agentstack_exporters.log.sqlite import SqliteLog

from agentstack_otel.collector.pipeline import Config, Pipeline
from agentstack_otel.content_redaction import make
from tests.e2e.roads import AGENTSTACK, RoadServer, environment, shown, snapshot, swept
from tests.fakes.disk_sweep import Leak, Sweep
from tests.fakes.hostile_plants import Planter
from tests.fakes.hostile_requests import CANARY, Requests

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def records(planter: Planter, folder: Path, *, redact: bool = True) -> Iterator[Record]:
    """What a gateway puts into the log for hostile requests."""
    redactor = make("scrubbed", folder / "redaction.key") if redact else None
    pipeline = Pipeline(Config(), redactor)
    made = Requests(planter, "redacted" if redact else "raw")
    for signal, requests in (("traces", made.traces()), ("logs", made.logs())):
        for request in requests:
            checked = pipeline.check(signal, request.SerializeToString())
            yield pipeline.record(signal, checked, "default", scrub=redact)


def cut_off(record: Record) -> Record:
    """As a producer leaves it that dies while it writes: the store cannot decode it."""
    return Record(record.payload[:-7], record.spans, record.received_at, "default", record.signal)


def damage(log: Path, every: int) -> int:
    """Change bytes on disk, as a bad disk does; how many records are damaged."""
    connection = sqlite3.connect(log)
    with connection:
        changed = connection.execute(
            "UPDATE records SET payload = payload || x'00' WHERE position % ? = 0", (every,)
        ).rowcount
    connection.close()
    return changed


@dataclass
class Given:
    server: RoadServer
    sweep: Sweep
    cut: int
    damaged: int
    leaks: list[Leak]


@pytest.fixture(scope="module")
def given_up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Given]:
    root, planter = tmp_path_factory.mktemp("letters"), Planter()
    server = RoadServer(root)
    server.start()  # makes the folder, its key and its tables
    server.stop()
    log = SqliteLog(LogConfig(path=root / "data" / "log.db"))
    cut = 0
    for number, record in enumerate(records(planter, root / "data")):
        log.append(record).result(30)
        if number % 9 == 0:  # apart: a server that must give up too many in a row stops
            log.append(cut_off(record)).result(30)
            cut += 1
    log.close()
    damaged = damage(root / "data" / "log.db", 11)
    server.start()
    try:
        server.drain()
        for number in range(1, 4):
            server.api("POST", f"/api/dlq/{number}/retry")
        server.drain()
        copy = snapshot(root, tmp_path_factory.mktemp("copies") / "letters")
        sweep = swept(planter)
        yield Given(server, sweep, cut, damaged, sweep.folder(copy))
    finally:
        server.stop()


def test_dead_letters_and_their_reasons_hold_no_secret(given_up: Given) -> None:
    assert not given_up.leaks, shown(given_up.leaks)


def test_records_were_given_up_for_both_reasons(given_up: Given) -> None:
    """The fault was real, and the search would have seen what is in the letters."""
    log = given_up.server.root / "data" / "log.db"
    connection = sqlite3.connect(f"file:{log}?mode=ro", uri=True)
    rows = connection.execute("SELECT group_name, reason, payload FROM dead_letters").fetchall()
    connection.close()
    reasons = [reason for _, reason, _ in rows]
    assert sum("checksum" in reason for reason in reasons) >= given_up.damaged > 0
    assert sum(group == "writer" for group, _, _ in rows) > 0
    assert any(CANARY.encode() in payload for _, _, payload in rows)


def test_the_command_line_and_the_api_show_no_secret(given_up: Given, tmp_path: Path) -> None:
    sweep, server = given_up.sweep, given_up.server
    _, listed = server.api("GET", "/api/dlq")
    numbers = [row["id"] for row in json.loads(listed)["dead_letters"]][:20]
    said = [listed]
    for number in numbers:
        said.append(server.api("GET", f"/api/dlq/{number}")[1])
        done = subprocess.run(
            [*AGENTSTACK, "dlq", "show", str(number), "--url", server_url(server)],
            capture_output=True, env=environment(tmp_path), timeout=60, check=False,
        )  # fmt: skip
        said.append(done.stdout + done.stderr)
    leaks = sweep.data(b"\n".join(said), "what is said of dead letters")
    assert numbers
    assert not leaks, shown(leaks)


def server_url(server: RoadServer) -> str:
    return f"http://{server.at['http']}"


def test_reasons_and_the_servers_log_do_not_quote_a_record(tmp_path: Path) -> None:
    """Records that came past every gateway, secrets and all: nothing else may repeat them."""
    server, planter = RoadServer(tmp_path), Planter()
    server.start()
    server.stop()
    log = SqliteLog(LogConfig(path=tmp_path / "data" / "log.db"))
    for record in list(records(planter, tmp_path, redact=False))[::3]:
        log.append(cut_off(record)).result(30)
    log.close()
    server.start()
    server.drain()
    _, listed = server.api("GET", "/api/dlq?limit=1000")
    server.stop()

    said = [path.read_bytes() for path in tmp_path.glob("up-*")]
    leaks = swept(planter).data(b"\n".join((listed, *said)), "what is said")
    assert len(json.loads(listed)["dead_letters"]) > 5
    assert not leaks, shown(leaks)
