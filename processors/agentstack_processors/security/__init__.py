# SPDX-License-Identifier: Apache-2.0
"""Detection: what in a trace is an attack, a leak or an agent running away."""
