# SPDX-License-Identifier: Apache-2.0
"""Dead letters over HTTP."""

from __future__ import annotations

from agentstack_exporters.log.dead_letters import DeadLetters
from agentstack_processors.verdicts import ConfigError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agentstack_otel.api.access import require_whole
from agentstack_otel.query import dead_letters

_MOST = 10_000


def recent(request: Request) -> Response:
    """GET /api/dlq?limit."""
    require_whole(request)
    limit = request.query_params.get("limit", "100")
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST:
        raise ConfigError(f"limit must be between 1 and {_MOST}, not {limit!r}")
    return JSONResponse({"dead_letters": dead_letters.recent(_letters(request), int(limit))})


def one(request: Request) -> Response:
    """GET /api/dlq/{number}."""
    require_whole(request)
    return JSONResponse(dead_letters.one(_letters(request), request.path_params["number"]))


def retry(request: Request) -> Response:
    """POST /api/dlq/{number}/retry."""
    require_whole(request)
    return JSONResponse(dead_letters.retry(_letters(request), request.path_params["number"]))


def _letters(request: Request) -> DeadLetters:
    letters: DeadLetters = request.app.state.services.dead_letters
    return letters


__all__ = ["one", "recent", "retry"]
