# SPDX-License-Identifier: Apache-2.0
"""The wheel holds three packages, their data files, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    out = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(out), str(ROOT)],
        check=True,
    )
    return zipfile.ZipFile(next(out.glob("*.whl")))


@pytest.mark.slow
def test_the_wheel_installs_exactly_three_import_names(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}

    assert tops == {"agentstack_otel", "agentstack_exporters", "agentstack_processors"}


@pytest.mark.slow
def test_the_wheel_carries_every_sql_file_and_the_typing_markers(wheel: zipfile.ZipFile) -> None:
    inside = set(wheel.namelist())
    sql = {
        path.relative_to(ROOT / "exporters").as_posix()
        for path in (ROOT / "exporters").rglob("*.sql")
    }

    assert sql
    assert sql <= inside
    for package in ("agentstack_otel", "agentstack_exporters", "agentstack_processors"):
        assert f"{package}/py.typed" in inside
