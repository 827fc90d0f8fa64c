# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys

_SCRIPT = """
import json, sys
import opentelemetry.trace, opentelemetry.context
before = set(sys.modules)
import agentstack_otel.observe, agentstack_otel.runs
from agentstack_processors.redaction import Redactor
Redactor().scrub("bob@example.com")
print(json.dumps(sorted({name.partition(".")[0] for name in set(sys.modules) - before})))
"""


def test_observing_and_redacting_import_nothing_heavy():
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, timeout=60, check=True
    )
    heavy = {"google", "grpc", "chdb", "requests", "asyncio", "ctypes", "sqlite3", "starlette"}
    assert heavy.isdisjoint(json.loads(done.stdout))
