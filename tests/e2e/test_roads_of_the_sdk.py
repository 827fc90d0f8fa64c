# SPDX-License-Identifier: Apache-2.0
"""Secrets in a traced program: none reaches the wire, the spool, a server or any log.

The program is run for real, with `opentelemetry-instrument` and with `init()`; everything it and
the server can write lies below one folder, which is searched.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.roads import AGENTSTACK, RoadServer, environment, shown, snapshot, swept
from tests.fakes.disk_sweep import Leak, Sweep
from tests.fakes.hostile_plants import FORMS, KINDS, Planter
from tests.fakes.hostile_requests import CANARY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

APP = Path(__file__).with_name("hostile_app.py")
INSTRUMENT = Path(sys.executable).with_name("opentelemetry-instrument")
WAYS = (
    "attribute", "list", "bytes", "binary", "map", "map key", "name", "key", "status", "event",
    "message event", "raised", "link", "trace state", "scope", "messages", "observed", "run",
)  # fmt: skip
SPOOLS = ("solo.db", "init.db", "no-re2.db")
AWAY = "http://127.0.0.1:9"  # nobody listens at the discard port


def plants(planter: Planter, road: str) -> dict[str, list[str]]:
    """What the program is to put into spans, by the way it does."""
    found = {way: list(planter.everywhere(f"{road}, {way}")) for way in WAYS}
    found["attribute"] += planter.everywhere(f"{road}, form", tuple(FORMS))
    found["split"] = [
        planter.cut(kind, f"{road}, split") for kind in ("github", "openai", "anthropic")
    ]
    found["number"] = [planter.card(f"{road}, number")]
    words = (planter.secret("keyword", f"{road}, named {n}").needle for n in range(9))
    found["password"] = list(words)
    return found


@dataclass
class Program:
    """The hostile program in one folder."""

    root: Path
    planter: Planter

    def run(self, road: str, *arguments: str, instrument: bool = True, **env: str) -> None:
        """Run to the end; its output goes to files that are searched too."""
        app = self.root / "app.py"
        shutil.copyfile(APP, app)
        start = [str(INSTRUMENT)] if instrument else []
        service = self.planter.plant("github", f"{road}, service", "url-encoded")
        note = self.planter.plant("github", f"{road}, resource")
        resource = f"service.name={service.replace(',', '')},note={note.replace(',', '')}"
        named = {"OTEL_RESOURCE_ATTRIBUTES": resource.replace(" ", "%20"), **env}
        with (self.root / f"{road}.log").open("wb") as log:
            subprocess.run(
                [*start, sys.executable, str(app), *arguments],
                input=json.dumps(plants(self.planter, road)).encode(),
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.root,
                env=environment(self.root, **named),
                timeout=120,
                check=True,
            )


@dataclass
class Travelled:
    root: Path
    sweep: Sweep
    server: RoadServer
    spans: dict[str, int]
    before_stop: list[Leak]


@pytest.fixture(scope="module")
def travelled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Travelled]:
    root = tmp_path_factory.mktemp("sdk")
    outside = tmp_path_factory.mktemp("outside")
    planter = Planter()
    program = Program(root, planter)
    program.run("solo", AGENTSTACK_SPOOL=str(root / "solo.db"), AGENTSTACK_DEBUG="1")
    program.run("init solo", "init", instrument=False, AGENTSTACK_SPOOL=str(root / "init.db"))
    program.run("away", AGENTSTACK_COLLECTOR_URL=AWAY, AGENTSTACK_DEBUG="true")
    program.run("no re2", AGENTSTACK_SPOOL=str(root / "no-re2.db"), PYTHONPATH=without_re2(outside))
    # a sender that redacts nothing: what it leaves lies elsewhere, the server must do it
    raw = outside / "raw.db"
    program.run("raw spool", AGENTSTACK_SPOOL=str(raw), AGENTSTACK_REDACTION="off")
    taken = ("--spool", str(root / "solo.db"), "--spool", str(root / "init.db"))
    server = RoadServer(root, (*taken, "--spool", str(raw)))
    server.start()
    spans = {}
    try:
        at = {"AGENTSTACK_COLLECTOR_URL": f"http://{server.at['otlp_http']}"}
        program.run("instrument", **at)
        program.run("init", "init", instrument=False, **at)
        program.run("unredacted", AGENTSTACK_REDACTION="off", **at)
        program.run("keeps content", AGENTSTACK_CONTENT="full", **at)
        http, grpc = (f"http://{server.at[name]}" for name in ("otlp_http", "otlp_grpc"))
        program.run("stock http", **stock("http/protobuf", http))
        program.run(
            "stock gzip", **stock("http/protobuf", http), OTEL_EXPORTER_OTLP_COMPRESSION="gzip"
        )
        program.run("stock grpc", **stock("grpc", grpc))
        server.drain()
        spans["stored"] = server.sql("SELECT count() AS n FROM spans FINAL")[0]["n"]
        copy = snapshot(root, tmp_path_factory.mktemp("copies") / "running")
        sweep = swept(planter)
        yield Travelled(root, sweep, server, spans, sweep.folder(copy))
    finally:
        server.stop()


def without_re2(folder: Path) -> str:
    """As in a process that has only the SDK: RE2 comes with the server."""
    (folder / "re2.py").write_text("raise ImportError('not installed')\n")
    return os.pathsep.join((str(folder), os.environ.get("PYTHONPATH", ""))).rstrip(os.pathsep)


def stock(protocol: str, url: str) -> dict[str, str]:
    """The exporters of OpenTelemetry itself, which redact nothing."""
    return {
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
        "OTEL_EXPORTER_OTLP_ENDPOINT": url,
        "OTEL_EXPORTER_OTLP_INSECURE": "true",
        "OTEL_PYTHON_DISTRO": "none",
        "OTEL_PYTHON_CONFIGURATOR": "configurator",
    }


def test_no_secret_of_a_traced_program_is_in_any_file(travelled: Travelled) -> None:
    assert travelled.spans["stored"] > 9 * len(KINDS) * len(WAYS)
    assert not travelled.before_stop, shown(travelled.before_stop)


def test_no_secret_of_a_traced_program_is_in_the_store(travelled: Travelled) -> None:
    sweep = travelled.sweep
    leaks = [leak for name, rows in travelled.server.tables() for leak in sweep.data(rows, name)]
    assert not leaks, shown(leaks)


def test_spools_hold_the_programs_spans(travelled: Travelled) -> None:
    """The search saw something: what is harmless stands in each file."""
    away = list((travelled.root / "home" / "state" / "agentstack" / "spool").glob("*.db"))
    for spool in (*(travelled.root / name for name in SPOOLS), *away):
        files = spool.parent.glob(f"{spool.name}*")
        data = b"".join(path.read_bytes() for path in files)
        assert data.count(CANARY.encode()) >= len(KINDS), spool
    assert away


def test_looking_at_a_spool_leaves_nothing_behind(travelled: Travelled, tmp_path: Path) -> None:
    env = environment(tmp_path)
    for command in ("traces", "trace", "replay"):
        what = ["latest", "--full"] if command == "replay" else ["latest"] * (command == "trace")
        with (tmp_path / f"{command}.out").open("wb") as out:
            subprocess.run(
                [*AGENTSTACK, command, *what, "--spool", str(travelled.root / "solo.db")],
                stdout=out, stderr=subprocess.STDOUT, env=env, cwd=tmp_path, timeout=120,
                check=True,
            )  # fmt: skip
    leaks = travelled.sweep.folder(tmp_path)
    assert not leaks, shown(leaks)
    assert not [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()]
