# SPDX-License-Identifier: GPL-3.0-or-later
"""A change of many tunnels: when it may run, in which batches, and how it goes on from what has come of it so far."""
