# SPDX-License-Identifier: Apache-2.0
"""What a component may say about input it will not take, and nothing else.

::

    AgentStackError
    ├── ConfigError     the operator's settings make no sense; names the setting
    ├── Retry           the fault is ours and passes: send the same bytes again
    ├── Reject          the bytes are wrong and will be wrong tomorrow
    └── Refuse          the caller may not, or asks for something not offered

Anything else that is raised is a bug and is loud. `agentstack_otel.collector.answers` maps these to
gRPC codes and HTTP statuses in one table.
"""

from __future__ import annotations


class AgentStackError(Exception):
    """Base of every error this project raises on purpose."""


class ConfigError(AgentStackError):
    """A setting makes no sense. The message names the setting and what would be accepted."""


class Retry(AgentStackError):
    """Not now: overload, full disk, dependency away. Nothing was stored.

    Args:
        reason: One sentence for the operator.
        after: Seconds the client should wait; 1 to 5, because stock exporters drop a batch that
            is told to wait longer than their own deadline.
        halve: Whether half as much at once may succeed where all of it does not.
    """

    def __init__(self, reason: str, after: float = 1.0, *, halve: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.after = after
        self.halve = halve


class Reject(AgentStackError):
    """Bad data: sending it again cannot help.

    Args:
        reason: One sentence that tells the sender what to mend.
        too_large: True when size is the only fault (HTTP 413, gRPC RESOURCE_EXHAUSTED without
            RetryInfo).
    """

    def __init__(self, reason: str, *, too_large: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.too_large = too_large


class Refuse(AgentStackError):
    """The caller is not allowed (no key, wrong key).

    Args:
        reason: One sentence; never contains the credential.
        authenticated: False asks for credentials (401), True says they do not suffice (403).
    """

    def __init__(self, reason: str, *, authenticated: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.authenticated = authenticated
