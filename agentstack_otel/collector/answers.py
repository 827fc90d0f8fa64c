# SPDX-License-Identifier: Apache-2.0
"""The one table from verdict to what gRPC and HTTP clients are told.

Clients decide by these codes whether to send again or to drop, and stock exporters differ:
gRPC `RESOURCE_EXHAUSTED` without RetryInfo and HTTP 500 mean "drop" to the OpenTelemetry
Collector; Python's exporter reads RetryInfo only from a trailer of its own. Source:
https://opentelemetry.io/docs/specs/otlp/#failures
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass

import grpc
from agentstack_processors.verdicts import AgentStackError, Refuse, Reject, Retry
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

PROTOBUF, JSON = "application/x-protobuf", "application/json"
_SHORTEST, _LONGEST = 1, 5
"""Seconds. Python's exporter drops a batch that is told to wait beyond its own 10 s deadline."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    grpc: grpc.StatusCode
    http: int


RETRY = Row("retry", grpc.StatusCode.UNAVAILABLE, 503)
INVALID = Row("invalid", grpc.StatusCode.INVALID_ARGUMENT, 400)
TOO_LARGE = Row("too_large", grpc.StatusCode.RESOURCE_EXHAUSTED, 413)
UNAUTHENTICATED = Row("unauthenticated", grpc.StatusCode.UNAUTHENTICATED, 401)
FORBIDDEN = Row("forbidden", grpc.StatusCode.PERMISSION_DENIED, 403)
NOT_FOUND = Row("not_found", grpc.StatusCode.UNIMPLEMENTED, 404)
WRONG_METHOD = Row("wrong_method", grpc.StatusCode.UNIMPLEMENTED, 405)
WRONG_TYPE = Row("wrong_type", grpc.StatusCode.INVALID_ARGUMENT, 415)
BUG = Row("bug", grpc.StatusCode.INTERNAL, 500)


@dataclass(frozen=True, slots=True)
class Fault:
    """A request that was not taken.

    Attributes:
        row: Which line of the table.
        reason: One sentence for the sender.
        retry_after: Whole seconds to wait, 0 when sending again cannot help.
    """

    row: Row
    reason: str
    retry_after: int = 0

    def status(self) -> Status:
        """Return the google.rpc.Status both transports carry."""
        code: int = self.row.grpc.value[0]
        status = Status(code=code, message=self.reason)
        if self.retry_after:
            detail = AnyMessage()
            detail.Pack(self.retry_info())
            status.details.append(detail)
        return status

    def retry_info(self) -> RetryInfo:
        """Return how long to wait, as gRPC says it."""
        return RetryInfo(retry_delay=Duration(seconds=self.retry_after))

    def trailers(self) -> tuple[tuple[str, bytes], ...]:
        """Return gRPC trailing metadata: the standard key, and the one Python's exporter reads."""
        if not self.retry_after:
            return ()
        return (
            ("grpc-status-details-bin", self.status().SerializeToString()),
            ("google.rpc.retryinfo-bin", self.retry_info().SerializeToString()),
        )

    def body(self, content_type: str) -> bytes:
        """Return the HTTP body: google.rpc.Status in the request's own format."""
        if content_type == PROTOBUF:
            encoded: bytes = self.status().SerializeToString()
            return encoded
        code: int = self.row.grpc.value[0]
        return json.dumps({"code": code, "message": self.reason}).encode()


def fault(error: BaseException) -> Fault:
    """Look an error up in the table. What is not in it is a bug, and INTERNAL."""
    if isinstance(error, Retry):
        wait = min(_LONGEST, max(_SHORTEST, math.ceil(error.after)))
        return Fault(RETRY, error.reason, wait)
    if isinstance(error, Reject):
        return Fault(TOO_LARGE if error.too_large else INVALID, error.reason)
    if isinstance(error, Refuse):
        return Fault(FORBIDDEN if error.authenticated else UNAUTHENTICATED, error.reason)
    if isinstance(error, AgentStackError):
        return Fault(INVALID, str(error))
    if isinstance(error, (OSError, MemoryError)):  # the disk, the network: ours, and it may pass
        return Fault(RETRY, "the gateway cannot store this now; send again", _SHORTEST)
    return Fault(BUG, "internal error of the gateway; its log has the details")
