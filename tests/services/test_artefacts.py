# SPDX-License-Identifier: Apache-2.0
"""The cache of test-only programs: made once, whole or not at all, never by two runs at a time."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.services import artefacts

pytestmark = pytest.mark.services


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENTSTACK_TEST_CACHE", str(tmp_path / "cache"))


def test_two_runs_at_once_make_an_artefact_once() -> None:
    made: list[Path] = []
    both_asked = threading.Barrier(2, timeout=10)

    def make(folder: Path) -> None:
        made.append(folder)
        (folder / "program").write_text("ready")

    def ask() -> str:
        both_asked.wait()
        return (artefacts.made("thing", "k1", make) / "program").read_text()

    with ThreadPoolExecutor(2) as pool:
        answers = [future.result() for future in (pool.submit(ask), pool.submit(ask))]
    assert answers == ["ready", "ready"]
    assert len(made) == 1


def test_a_failed_build_leaves_nothing_and_is_tried_again() -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("")
        raise RuntimeError("no network")

    with pytest.raises(RuntimeError, match="no network"):
        artefacts.made("thing", "k1", fail)
    assert [path.name for path in artefacts.cache().iterdir()] == [".thing.lock"]
    place = artefacts.made("thing", "k1", lambda folder: (folder / "whole").touch())
    assert [path.name for path in place.iterdir()] == ["whole"]


def test_a_missing_tool_skips_with_the_command_that_gets_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install maven"):
        artefacts.need("mvn")


def test_on_ci_a_missing_tool_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="mvn is not on PATH"):
        artefacts.need("mvn")


def test_lock_files_name_no_download_host() -> None:
    lock = (artefacts.HERE / "js" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    # Every package but the root entry carries a hash; npm refuses anything else.
    assert lock.count('"integrity"') == len(re.findall(r'^    "node_modules/', lock, re.M))
