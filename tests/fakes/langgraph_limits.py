# SPDX-License-Identifier: Apache-2.0
"""What LangGraph itself cannot do on an old Python, said once."""

from __future__ import annotations

import sys

import pytest

without_async_config = pytest.mark.skipif(
    sys.version_info < (3, 11),
    reason="before Python 3.11 LangGraph cannot hand its config into async nodes by itself",
)

#: For `parametrize("asynchronous", …)`.
both_ways = [False, pytest.param(True, marks=without_async_config)]
