# SPDX-License-Identifier: Apache-2.0
"""Pure functions on spans: no I/O, no clock, no globals."""
