# SPDX-License-Identifier: Apache-2.0
"""Everything that leaves the process: OTLP, the log, the store."""
