# SPDX-License-Identifier: Apache-2.0
"""Run the real ClickHouse server inside a chDB wheel: `clickhouse_entry.py LIB --config-file=F`.

The wheel's library exports the server's own entry point; it has undefined Python symbols, so it
is loaded from a Python process. Test-only: nobody supports this way of starting a server.
"""

from __future__ import annotations

import ctypes
import os
import sys

ENTRY = "_Z25mainEntryClickHouseServeriPPc"


def main(library: str, arguments: list[str]) -> int:
    entry = getattr(ctypes.CDLL(library, mode=os.RTLD_LAZY | os.RTLD_LOCAL), ENTRY)
    entry.restype = ctypes.c_int
    argv = [b"clickhouse-server", *(argument.encode() for argument in arguments)]
    return int(entry(len(argv), (ctypes.c_char_p * (len(argv) + 1))(*argv, None))) & 0xFF


if __name__ == "__main__":
    os._exit(main(sys.argv[1], sys.argv[2:]))
