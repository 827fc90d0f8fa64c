# SPDX-License-Identifier: Apache-2.0
"""Who may send, and for which project."""

from __future__ import annotations

import hmac
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from agentstack_processors.verdicts import ConfigError, Refuse, Reject

PROJECT_HEADER = "x-agentstack-project"
"""HTTP header and gRPC metadata by which a sender names its project where there are no keys."""
_PROJECT = re.compile(r"[A-Za-z0-9_.\-]{1,64}\Z")
_BEARER = "bearer "


@dataclass(frozen=True, slots=True)
class Config:
    """Keys and what they open."""

    keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    """API key → project. Empty: everybody may send, to `project`."""
    project: str = "default"
    """Project of requests when there are no keys and the sender names none."""
    public_without_keys: bool = False
    """Bind an address that others can reach although there are no keys."""

    def validate(self) -> None:
        """Raise ConfigError for an empty key or project."""
        if not self.project or not all(self.keys.values()):
            raise ConfigError("every API key, and the gateway itself, needs a project name")
        if not all(key.strip() for key in self.keys):
            raise ConfigError("an API key must not be empty")

    def check_bind(self, address: str) -> None:
        """Raise ConfigError when `address` (host:port) is public and nobody would be asked."""
        host = address.rpartition(":")[0].strip("[]")
        if self.keys or self.public_without_keys or is_loopback(host):
            return
        raise ConfigError(
            f"{address} can be reached by others and no API key is set: set AGENTSTACK_API_KEYS "
            "(key=project), or bind 127.0.0.1, or pass --allow-public-without-keys"
        )


def is_loopback(host: str) -> bool:
    """Tell whether `host` can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        pass
    try:
        everywhere = "0.0.0.0"  # noqa: S104  # nothing is bound: what an empty host stands for
        found = {info[4][0] for info in socket.getaddrinfo(host or everywhere, None)}
    except OSError:
        return False
    return all(ipaddress.ip_address(str(each).partition("%")[0]).is_loopback for each in found)


class KeyRing:
    """Maps the credential of a request to a project."""

    def __init__(self, config: Config) -> None:
        config.validate()
        self._open_project = "" if config.keys else config.project
        # Looked up by digest, so that the time of a lookup says nothing about the keys.
        self._keys = {_digest(key): (key.encode(), name) for key, name in config.keys.items()}

    def project(
        self, authorization: str | None, api_key: str | None, wanted: str | None = None
    ) -> str:
        """Return the project a request belongs to.

        Args:
            authorization: Value of `Authorization`, if sent: `Bearer <key>`.
            api_key: Value of `x-api-key`, if sent; looked at first.
            wanted: Value of `x-agentstack-project`, if sent; counts only where there are no keys.

        Raises:
            Refuse: No key, or none that is known.
            Reject: `wanted` is no name for a project.
        """
        if self._open_project:
            return _named(wanted) if wanted else self._open_project
        key = api_key or _bearer(authorization)
        if not key:
            raise Refuse("an API key is required: Authorization: Bearer <key> or x-api-key: <key>")
        known, name = self._keys.get(_digest(key), (b"", ""))
        if not hmac.compare_digest(known, key.encode()):
            raise Refuse("the API key is not known here")
        return name


def _named(wanted: str) -> str:
    if _PROJECT.match(wanted) is None:
        raise Reject(f"{PROJECT_HEADER} must be 1 to 64 letters, digits or any of _ . -")
    return wanted


def _bearer(authorization: str | None) -> str:
    if authorization and authorization[: len(_BEARER)].lower() == _BEARER:
        return authorization[len(_BEARER) :].strip()
    return ""


def _digest(key: str) -> bytes:
    return blake2b(key.encode(), digest_size=16).digest()
