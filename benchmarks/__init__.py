# SPDX-License-Identifier: Apache-2.0
"""Measurements, one module each: `python -m benchmarks.NAME` prints one JSON object.

`python -m benchmarks` (or `make bench`) runs them all and writes `BENCHMARKS.md`. Figures are CPU
time and ratios wherever possible, because wall-clock on a shared machine says little.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the process has it that judges texts
