# SPDX-License-Identifier: GPL-3.0-or-later
"""The library behind the plugins: controller only, typed, values in and values out; see docs/docsite/rst."""
