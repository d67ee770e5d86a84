# SPDX-License-Identifier: GPL-3.0-or-later
"""A report in the forms that people and programs read."""
