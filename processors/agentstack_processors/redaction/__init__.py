# SPDX-License-Identifier: Apache-2.0
"""Redaction: personal data and credentials become markers before anything is stored or sent.

Standard library only and pure, because it runs inside the user's process.
"""

from __future__ import annotations

from agentstack_processors.redaction.custom import Custom
from agentstack_processors.redaction.redactor import (
    FAILED,
    Config,
    Find,
    Redactor,
    evaluation_config,
)

__all__ = ["FAILED", "Config", "Custom", "Find", "Redactor", "evaluation_config"]
