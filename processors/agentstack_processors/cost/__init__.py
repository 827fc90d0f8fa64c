# SPDX-License-Identifier: Apache-2.0
"""Cost: what each model call used and what it costs. Needs the `server` extra."""
