# SPDX-License-Identifier: Apache-2.0
"""The one place that names the version (PEP 440)."""

__version__ = "0.1.0"
