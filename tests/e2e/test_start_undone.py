# SPDX-License-Identifier: Apache-2.0
"""A server that cannot start leaves nothing running."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from agentstack_processors.verdicts import ConfigError

from agentstack_otel.embedded import Config, Embedded


def test_the_gateways_threads_end_when_a_later_part_cannot_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        anywhere = "127.0.0.1:0"
        page = f"127.0.0.1:{taken.getsockname()[1]}"
        server = Embedded(
            Config(data=tmp_path / "d", otlp_grpc=anywhere, otlp_http=anywhere, http=page)
        )
        with pytest.raises(ConfigError, match="cannot listen"):
            server.start()
    left = [thread.name for thread in threading.enumerate()]
    assert not [name for name in left if name.startswith("agentstack-intake")]
