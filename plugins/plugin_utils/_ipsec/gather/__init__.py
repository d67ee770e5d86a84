# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the gateways of a fleet."""
