# SPDX-License-Identifier: Apache-2.0
"""Training of the statistical detector: `python -m training --help`. Not part of the package."""

from __future__ import annotations

import os

# One thread: sums have one order then, and a busy machine does not spin.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
