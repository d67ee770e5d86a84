# SPDX-License-Identifier: GPL-3.0-or-later
"""An audit for people and for programs: one file for each format, each with `render`."""
