# SPDX-License-Identifier: Apache-2.0
"""Names of our environment variables; `opentelemetry-instrument` makes flags of them.

Group `opentelemetry_environment_variables`: for every module-level name that starts with `OTEL_`
the command offers a flag, and sets the variable *of that very name*. Hence the aliases
OTEL_PYTHON_AGENTSTACK_*: `--agentstack_project x` sets OTEL_PYTHON_AGENTSTACK_PROJECT, which the
settings read before AGENTSTACK_PROJECT. Secrets get no flag: command lines are public.
"""

from __future__ import annotations

from agentstack_exporters.otlp.settings import FLAG_PREFIX, table, variable

globals().update({variable(_row.name): variable(_row.name) for _row in table()})
globals().update(
    {
        _name: _name
        for _name in (
            FLAG_PREFIX + _row.name.upper() for _row in table() if not _row.metadata["secret"]
        )
    }
)
