# SPDX-License-Identifier: Apache-2.0
"""Alerts on their way out: rows of `security_alerts`, records of `alerts.live`, channels."""
