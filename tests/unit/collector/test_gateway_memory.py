# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import subprocess
import sys

import pytest

from agentstack_otel.collector.memory import keep_freed_memory

_FAULTS = """
import resource
from agentstack_otel.collector.memory import keep_freed_memory
{keep}
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3): bytearray(600_000)
before = faults()
for _ in range(50): bytearray(600_000)
print(faults() - before)
"""


def _faults(keep: str) -> int:
    script = _FAULTS.format(keep=keep)
    return int(
        subprocess.run([sys.executable, "-c", script], capture_output=True, check=True).stdout
    )


def test_large_buffers_are_not_fetched_from_the_kernel_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "GLIBC_TUNABLES"):
        monkeypatch.delenv(name, raising=False)
    if _faults("raise SystemExit(print(int(keep_freed_memory())))") == 0:
        pytest.skip("no glibc here")
    assert _faults("keep_freed_memory()") < 300


def test_an_allocator_that_the_user_has_set_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "1000000")
    assert not keep_freed_memory.__wrapped__()
