# SPDX-License-Identifier: Apache-2.0
"""Web pages of strangers may not use an API that asks for no key.

A page can make its own name resolve to 127.0.0.1 and then read whatever answers there (DNS
rebinding); the browser still sends that name as Host. It can also send a POST across origins
without reading the answer; the browser then sends its Origin.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class OwnPagesOnly:
    """ASGI middleware: refuses names that are not this machine's, and strangers' origins.

    Args:
        app: What is protected.
        origins: Origins that are let through, as for CORS; `*` lets every one through.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str] = ()) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on or refuse it with 403."""
        if scope["type"] == "http" and not self._allowed(Headers(scope=scope)):
            told = {
                "error": "without API keys only this machine's own addresses and allowed origins "
                "are answered; set AGENTSTACK_API_KEYS or --cors-origin",
                "kind": "forbidden",
            }
            await JSONResponse(told, 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _allowed(self, headers: Headers) -> bool:
        host, origin = headers.get("host", ""), headers.get("origin", "")
        if origin in self._origins or "*" in self._origins:
            return True
        return is_own(f"//{host}") and (not origin or origin == f"http://{host}")


def is_own(url: str) -> bool:
    """Whether the host of `url` is an IP address, localhost or missing: no name anybody can own."""
    try:
        name = (urlsplit(url).hostname or "").rstrip(".")
        if not name or name == "localhost" or name.endswith(".localhost"):
            return True
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


__all__ = ["OwnPagesOnly", "is_own"]
