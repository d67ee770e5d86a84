# SPDX-License-Identifier: GPL-3.0-or-later
"""The library, private: its folders are the stages in the order in which they run, and the edges around them."""
