# SPDX-License-Identifier: Apache-2.0
"""The queries behind the views, one per file, with named `{param:Type}` parameters.

Each takes `project`; the empty project means all of them.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def load(name: str) -> str:
    """Text of the query `name` (file name without `.sql`)."""
    return files(__package__).joinpath(f"{name}.sql").read_text(encoding="utf-8")


__all__ = ["load"]
