# SPDX-License-Identifier: Apache-2.0
"""Which addresses alerts may go to: a channel's URL must not become a way into the network.

Whoever writes a channel's URL, or answers its DNS question, could otherwise have this server post
to itself, to its neighbours or to a cloud's metadata service. So: https; every address the name
resolves to must be a public one; the connection goes to one of the addresses that were checked, not
to what the name says a moment later; redirects are answers, not instructions.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from agentstack_processors.verdicts import ConfigError, Reject, Retry

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_UNICAST = ipaddress.ip_network("2000::/3")  # all that has ever been given out of IPv6
_BOOKS = ipaddress.ip_network("3fff::/20")  # examples in documentation; unknown to older Pythons
_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes.

    Attributes:
        scheme: https, or http for an allowed internal receiver.
        host: As in the URL: for the certificate and the Host header.
        port: Likewise, or the scheme's.
        path: With the query.
    """

    scheme: str
    host: str
    port: int
    path: str


@dataclass(frozen=True)
class Policy:
    """Which destinations are allowed.

    Attributes:
        internal: Host names, addresses or networks (`10.1.0.0/16`) that may be internal, and may be
            spoken to without TLS.
    """

    internal: tuple[str, ...] = ()

    def target(self, url: str) -> Target:
        """The parts of `url`.

        Raises:
            ConfigError: It is no URL that alerts may be sent to. Never quotes path or query: in
                webhook URLs they are the credential.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            raise ConfigError("url: this is no address") from None
        if not host or parts.scheme not in _PORTS:
            raise ConfigError("url: must begin https:// and name a host")
        if parts.username is not None or parts.password is not None:
            raise ConfigError(f"url of {host}: takes no user and password before the host")
        if not url.isascii() or not url.isprintable() or " " in url:
            raise ConfigError(f"url of {host}: must be printable ASCII without spaces")
        if parts.scheme == "http" and not self._named(host):
            raise ConfigError(
                f"url of {host}: must begin https://; add the host to allow_internal if it is a "
                "receiver of your own network"
            )
        path = parts.path or "/"
        path += f"?{parts.query}" if parts.query else ""
        return Target(parts.scheme, host, port or _PORTS[parts.scheme], path)

    def addresses(self, target: Target, resolve: Resolve | None = None) -> list[str]:
        """Addresses of the host, all of them checked.

        Raises:
            Reject: One of them is not public, and it was not allowed.
            Retry: The name does not resolve now.
        """
        found = list((resolve or resolved)(target.host, target.port))
        for text in found:
            if not self._named(target.host) and not self._inside(text) and not is_public(text):
                raise Reject(
                    f"{target.host} is {text}, which is no public address: alerts are not sent "
                    "there; add it to allow_internal if it is a receiver of your own network"
                )
        return found

    def _named(self, host: str) -> bool:
        lowered = host.lower().rstrip(".")
        return any(lowered == each.lower().rstrip(".") for each in self.internal) or (
            _address(host) is not None and self._inside(host)
        )

    def _inside(self, text: str) -> bool:
        address = _address(text)
        networks = [net for net in map(_network, self.internal) if net is not None]
        return address is not None and any(address in net for net in networks)


def is_public(text: str) -> bool:
    """Whether an address belongs to a host on the public internet."""
    address = _address(text.partition("%")[0])
    if address is None or "%" in text:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if address.teredo is not None:
            return False
        if inner is not None:
            return is_public(str(inner))
        if address not in _UNICAST or address in _BOOKS:
            return False
    return address.is_global and not address.is_multicast


def resolved(host: str, port: int) -> list[str]:
    """Addresses of a host. Raises Retry when there are none now."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Retry(f"the name {host} does not resolve") from None
    return list(dict.fromkeys(str(info[4][0]) for info in found))


def connect(
    target: Target, addresses: Sequence[str], timeout: float, context: ssl.SSLContext | None = None
) -> http.client.HTTPConnection:
    """An open connection to one of `addresses`, speaking to `target.host`.

    Raises:
        Retry: None of them answers, or their certificate is not the host's.
    """
    fault: Exception | None = None
    for address in addresses[:4]:
        connection = _pinned(target, address, timeout, context)
        try:
            connection.connect()
        except (OSError, ValueError) as error:
            connection.close()
            fault = error
        else:
            return connection
    raise Retry(f"{target.host} cannot be reached: {_plain(fault)}")


def _pinned(
    target: Target, address: str, timeout: float, context: ssl.SSLContext | None
) -> http.client.HTTPConnection:
    if target.scheme == "https":
        return _PinnedHttps(target, address, timeout, context or ssl.create_default_context())
    return _Pinned(target, address, timeout)


class _Pinned(http.client.HTTPConnection):
    """Connects to the address that was checked; the Host header says the name."""

    def __init__(self, target: Target, address: str, timeout: float) -> None:
        super().__init__(target.host, target.port, timeout=timeout)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, self.port), self.timeout)


class _PinnedHttps(_Pinned):
    default_port = 443

    def __init__(
        self, target: Target, address: str, timeout: float, context: ssl.SSLContext
    ) -> None:
        super().__init__(target, address, timeout)
        self._tls = context

    def connect(self) -> None:
        super().connect()
        plain = self.sock
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _plain(error: Exception | None) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "strerror", None) or error or "no address")


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


__all__ = ["Policy", "Resolve", "Target", "connect", "is_public", "resolved"]
