# SPDX-License-Identifier: Apache-2.0
"""The README's two commands in a fresh clone: a new environment, an empty home, nothing of ours."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services import artefacts

pytestmark = [pytest.mark.services, pytest.mark.slow, pytest.mark.timeout(1200)]

ROOT = artefacts.HERE.parents[1]
# What this machine needs to reach its package registry may stay; everything else is new.
_KEPT = ("PIP_", "SSL_", "REQUESTS_", "LANG", "LC_", "HTTP", "HTTPS", "NO_PROXY")
_SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin")


class Clone:
    """A clone of HEAD with an environment of its own; commands run as a newcomer would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "clone"
        self.home = folder / "home"
        self.temporary = folder / "tmp"
        tools = folder / "tools"
        for each in (self.home, self.temporary, tools):
            each.mkdir()
        # `python3` is the interpreter these tests run on, not the environment around it.
        (tools / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
        artefacts.run("git", "clone", "--quiet", ROOT, self.folder, cwd=folder)
        self._environment = {
            **{key: value for key, value in os.environ.items() if key.startswith(_KEPT)},
            "PATH": os.pathsep.join([str(tools), *_SYSTEM]),
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "PIP_CACHE_DIR": str(artefacts.cache() / "pip"),
        }

    def run(self, command: str, timeout: float = 900, **environment: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env={**self._environment, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
        return done.stdout


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        artefacts.unavailable("not a git checkout; to run this test: git clone")
    if shutil.which("make") is None:
        artefacts.unavailable("make is not on PATH; to run this test: apt-get install make")
    return Clone(tmp_path_factory.mktemp("newcomer"))


def readme_block(words: str = "") -> list[str]:
    """The commands of the README's first fenced block that holds `words`, comments off."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", (ROOT / "README.md").read_text(), re.S | re.M)
    block = next(block for block in blocks if words in block)
    lines = [line.split("  #")[0].strip() for line in block.splitlines()]
    return [line for line in lines if line]


def planted(agent: str) -> dict[str, str]:
    """What the demo agent's source holds that must never be stored, by kind."""
    shapes = {
        "ssn": r"\b\d{3}-\d{2}-\d{4}\b",
        "aws key": r"(?<=\"AKIA\" \+ \")[A-Z0-9]{16}\b",  # in two parts there
        "openai key": r"\bsk-[\w-]{20,}",
        "card": r"\b(?:\d{4} ){3}\d{4}\b",
        "phone": r"\+1 \d{3} \d{3} \d{4}",
        "e-mail": r"\b[\w.]+@example\.com\b",
    }
    found = {kind: match[0] for kind, shape in shapes.items() if (match := re.search(shape, agent))}
    assert found.keys() == shapes.keys()
    return found


@pytest.fixture(scope="module")
def demo(clone: Clone) -> str:
    """What the README's first command prints. Installing everything is most of its time."""
    return clone.run(readme_block()[0])


def test_the_first_command_shows_the_tree_and_the_replay(demo: str) -> None:
    assert readme_block()[0] == "make demo"
    recorded = demo[demo.index("What was recorded") :]
    tree, replay = recorded.split("Recorded run", 1)
    for words in ("chat gpt-4o", "retrieval", "execute_tool send_mail", "→", " s ✓", "✗"):
        assert words in tree
    # One tree: every line but the root's hangs on a branch.
    assert len(re.findall(r"^[│ ]*[├└]─", tree, re.M)) >= 20
    for words in ("start chat gpt-4o", "Prompt", "Result", "event exception", "In the end"):
        assert words in replay
    assert "Where to go next" in replay


def test_nothing_the_agent_should_not_have_said_is_on_disk(clone: Clone, demo: str) -> None:
    secrets = planted((clone.folder / "examples" / "demo_agent.py").read_text())
    said = {kind for kind in secrets.keys() - {"e-mail"} if secrets[kind] in demo}
    assert not said, "the terminal shows what the store must not hold"
    (data,) = clone.temporary.glob("agentstack-demo-*")
    files = [
        path
        for folder in (clone.home, clone.temporary)
        for path in folder.rglob("*")
        if path.is_file()
    ]
    assert any(data in path.parents for path in files)
    for path in files:
        content = path.read_bytes()
        found = {kind for kind, secret in secrets.items() if secret.encode() in content}
        assert not found, f"{path} holds a planted {found}"
    # Parts are compressed: look at what they hold, too, and that the markers stand in its place.
    for table in ("spans", "genai_events"):
        rows = clone.run(
            f".venv/bin/agentstack sql 'SELECT * FROM {table}' --json --data {data} || [ $? = 3 ]"
        )
        assert not {kind for kind, secret in secrets.items() if secret in rows}
        if table == "spans":
            for marker in ("SSN", "AWS_ACCESS_KEY_ID", "OPENAI_KEY", "CARD", "PHONE", "EMAIL"):
                assert f"[{marker}:" in rows


def test_the_second_command_runs_the_tests(clone: Clone, demo: str) -> None:
    assert readme_block()[1] == "make test"
    clone.run("make setup")
    # All of `make test` runs beside this; here its own command line with a few quick files.
    plan = clone.run("make -n test").splitlines()
    (command,) = [line for line in plan if "pytest" in line]
    said = clone.run(f"{command} -q tests/unit/workers tests/unit/test_packaging.py")
    assert re.search(r"\d+ passed", said), said
    assert "failed" not in said


def test_the_commands_for_another_terminal_show_what_was_recorded(clone: Clone, demo: str) -> None:
    (data,) = clone.temporary.glob("agentstack-demo-*")
    said = {
        command.split()[1]: clone.run(f". .venv/bin/activate; {command}", AGENTSTACK_DATA=str(data))
        for command in readme_block("agentstack traces")
    }
    assert said.keys() == {"traces", "trace", "replay", "alerts", "cost", "sql"}
    assert "support_desk" in said["traces"]
    assert "execute_tool send_mail" in said["trace"]
    assert "In the end" in said["replay"]
    assert "Prompt injection" in said["alerts"]
    assert re.search(r"gpt-4o-mini.* \$0\.\d+", said["cost"]), said["cost"]
    assert "gpt-4o-mini" in said["sql"]


def test_without_a_server_the_run_is_recorded_in_a_file_and_replayed_from_it(
    clone: Clone, demo: str
) -> None:
    shutil.copy(clone.folder / "examples" / "demo_agent.py", clone.folder / "app.py")
    record, replay = readme_block("AGENTSTACK_SPOOL=")
    clone.run(f". .venv/bin/activate; {record}", DEMO_PACE="0")
    spool = clone.folder / "run.db"
    secrets = planted((clone.folder / "app.py").read_text())
    for path in clone.folder.glob("run.db*"):
        content = path.read_bytes()
        assert not {kind for kind, secret in secrets.items() if secret.encode() in content}
    assert spool.stat().st_size > 0
    assert "execute_tool send_mail" in clone.run(f". .venv/bin/activate; {replay}")
