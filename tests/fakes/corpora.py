# SPDX-License-Identifier: Apache-2.0
"""Labelled texts that do not belong into the repository: read where the environment says."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Read when tests are collected: a fixture clears such variables before each of them.
_FOLDER = os.environ.get("AGENTSTACK_CORPORA", "")


def corpus(path: str) -> Iterator[dict[str, object]]:
    """The lines of one JSON Lines file; skips the test where there is none."""
    file = Path(_FOLDER) / path
    if not _FOLDER or not file.is_file():
        pytest.skip(f"AGENTSTACK_CORPORA names no folder with {path}")
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
