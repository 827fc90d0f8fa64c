# SPDX-License-Identifier: Apache-2.0
"""One module a command; each exposes `command`. Imported only when it runs."""
