# SPDX-License-Identifier: GPL-3.0-or-later
"""What strongSwan's daemon is wherever it runs: strongSwan and pfSense have it in common."""
