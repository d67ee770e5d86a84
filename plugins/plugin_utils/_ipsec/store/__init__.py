# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's disk: what was read of gateways, reports, records of changes."""
