# SPDX-License-Identifier: Apache-2.0
"""Measuring redaction and detection on labelled texts: `agentstack eval`."""
