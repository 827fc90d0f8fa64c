# SPDX-License-Identifier: Apache-2.0
"""HTTP_PROXY, HTTPS_PROXY and NO_PROXY, as `urllib.request` reads them.

Like Go's and unlike urllib's, requests to this machine itself never go to a proxy: the collector's
default address is one of them, and whoever set HTTP_PROXY did not mean it.
"""

from __future__ import annotations

import base64
import http.client
import ipaddress
import ssl
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

_DEFAULT_PORT = 80


@dataclass(frozen=True, slots=True)
class Proxy:
    """Who passes requests on."""

    host: str
    port: int
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    """`Proxy-Authorization`, when the variable carries credentials."""

    @property
    def address(self) -> str:
        """host:port, for people."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def proxy_for(url: str) -> Proxy | None:
    """The proxy the environment names for an address; None to connect straight.

    Raises:
        OSError: The variable holds nothing that can be used. Its value is not repeated, for it
            may carry a password.
    """
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    host = parts.hostname or "localhost"
    if _is_here(host):
        return None
    named = getproxies().get(parts.scheme)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    if not named or proxy_bypass(host) or proxy_bypass(f"{host}:{port}"):
        return None
    return _parsed(named, parts.scheme.upper() + "_PROXY")


def connection_to(
    url: str, proxy: Proxy | None, tls: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    """A connection, not yet open, over which `url` can be reached."""
    parts = urlsplit(url)
    host, port = parts.hostname or "localhost", parts.port
    near, near_port = (host, port) if proxy is None else (proxy.host, proxy.port)
    if parts.scheme != "https":
        return http.client.HTTPConnection(near, near_port)
    connection = http.client.HTTPSConnection(near, near_port, context=tls)
    if proxy is not None:
        connection.set_tunnel(host, port or 443, proxy.headers)
    return connection


def _is_here(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _parsed(value: str, variable: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port or _DEFAULT_PORT
    except ValueError:
        host, port = None, 0
    if not host or parts.scheme != "http":
        raise OSError(f"{variable} must look like http://host:port")
    if parts.username is None:
        return Proxy(host, port)
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    token = base64.b64encode(login.encode()).decode()
    return Proxy(host, port, {"Proxy-Authorization": f"Basic {token}"})


__all__ = ["Proxy", "connection_to", "proxy_for"]
