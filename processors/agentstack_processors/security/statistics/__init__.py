# SPDX-License-Identifier: Apache-2.0
"""A linear n-gram score over sliding windows: the detector that knows no rule."""

from __future__ import annotations

from agentstack_processors.security.statistics.scorer import NgramScorer, Score, Window

__all__ = ["NgramScorer", "Score", "Window"]
