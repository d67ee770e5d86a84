# SPDX-License-Identifier: GPL-3.0-or-later
"""How a script gets to a gateway and its answer back: the only part of the library that runs anything."""
