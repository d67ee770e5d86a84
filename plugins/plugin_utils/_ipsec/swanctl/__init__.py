# SPDX-License-Identifier: GPL-3.0-or-later
"""What swanctl reads and prints: settings files, its listings, the daemon's log. Text in, values out."""
