# SPDX-License-Identifier: Apache-2.0
"""A webhook of your own: JSON with a signature, as Stripe and GitHub do it.

`AgentStack-Signature: t=SECONDS,v1=HEX` where HEX is HMAC-SHA256 of `SECONDS.BODY` with the shared
secret. The receiver recomputes it over the raw body, compares in constant time, and refuses what is
older than a few minutes: `verify` does all three.
"""

from __future__ import annotations

import hashlib
import hmac
import json

from agentstack_exporters.alerts.message import Message, Outgoing

SIGNATURE = "AgentStack-Signature"
DELIVERY = "AgentStack-Delivery"
"""Header with the message's id: the same one when it is sent again."""


class Webhook:
    """Messages for one URL, signed.

    Args:
        url: Where to.
        secret: Shared with the receiver; None or empty: not signed.
    """

    def __init__(self, url: str, secret: str | None = None) -> None:
        self._url = url
        self._secret = secret

    def __call__(self, message: Message, now: float) -> Outgoing:
        """See `Format`."""
        told = {
            "type": "agentstack.alert",
            "id": message.id,
            "count": message.count,
            "alert_ids": list(message.ids),
            "alert": dict(message.alert),
        }
        body = json.dumps(told, separators=(",", ":")).encode()
        headers = {DELIVERY: message.id}
        if self._secret:
            headers[SIGNATURE] = sign(self._secret, body, int(now))
        return Outgoing(self._url, body, headers)


def sign(secret: str, body: bytes, seconds: int) -> str:
    """The value of the signature header."""
    return f"t={seconds},v1={_hmac(secret, seconds, body)}"


def verify(secret: str, header: str, body: bytes, now: float, tolerance: float = 300.0) -> bool:
    """Whether `header` is a signature of `body`, made within `tolerance` seconds of `now`."""
    parts = [part.partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name.strip() == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdecimal() and len(times[0]) < 13):
        return False
    seconds = int(times[0])
    wanted = _hmac(secret, seconds, body)
    given = [value for name, _, value in parts if name.strip() == "v1" and value.isascii()]
    fresh = abs(now - seconds) <= tolerance
    return any(hmac.compare_digest(wanted, value) for value in given) and fresh


def _hmac(secret: str, seconds: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % seconds + body, hashlib.sha256).hexdigest()


__all__ = ["DELIVERY", "SIGNATURE", "Webhook", "sign", "verify"]
