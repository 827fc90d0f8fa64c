# SPDX-License-Identifier: Apache-2.0
"""A linear n-gram score over sliding windows; a small transformer that reads the worst again."""

from __future__ import annotations

from agentstack_processors.security.statistics.reader import SecondReader
from agentstack_processors.security.statistics.scorer import NgramScorer, Score, Window

__all__ = ["NgramScorer", "Score", "SecondReader", "Window"]
