# SPDX-License-Identifier: Apache-2.0
"""What reads the log: one `loop.Worker` per consumer group, each with a handler of its own."""
