# SPDX-License-Identifier: Apache-2.0
"""The terminal's time machine: player (pure), screen (pure), terminal (keys and raw mode)."""
