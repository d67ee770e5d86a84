# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wrong with a tunnel: rules, and the policy that is asked for."""
