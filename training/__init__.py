# SPDX-License-Identifier: Apache-2.0
"""Training of the statistical detector: `python -m training --help`. Not part of the package."""
