# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes one gateway, under a guard."""
