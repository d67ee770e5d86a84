# SPDX-License-Identifier: GPL-3.0-or-later
"""The edge to Ansible: what every action does, its arguments, the inventory, progress."""
