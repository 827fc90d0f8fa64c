# SPDX-License-Identifier: Apache-2.0
"""The log between the gateway and the workers; `sqlite.SqliteLog` is also the SDK's spool."""
