# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves that a tunnel is up on both ends and carries traffic."""
