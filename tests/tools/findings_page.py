"""Writes the pages of findings and of log lines from the rules' docstrings and the catalogue: `make findings`."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.rules import Rule, all_rules
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils.swanctl.signatures import SIGNATURES, Signature

PAGE = Path(__file__).parents[2] / "docs" / "docsite" / "rst" / "findings.rst"
HEAD = """.. Copyright (c) 2026 Tunnelwright contributors
.. GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
.. SPDX-License-Identifier: GPL-3.0-or-later

.. _ansible_collections.tunnelwright.ipsec.docsite.findings:

Findings
========

What an audit can find, by id. A healthy tunnel has none. Where one finding explains another on the same tunnel, only
the first is shown.

gateway-unreadable
------------------

critical

A gateway could not be reached or read; the summary says why. Its tunnels are judged by their other end alone.

rule-failed
-----------

low

A rule itself failed on a tunnel. Nothing is wrong with the tunnel; please report it.
"""


LOG_PAGE = PAGE.with_name("log_lines.rst")
LOG_HEAD = """.. Copyright (c) 2026 Tunnelwright contributors
.. GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
.. SPDX-License-Identifier: GPL-3.0-or-later

.. _ansible_collections.tunnelwright.ipsec.docsite.log_lines:

Log lines
=========

What charon's log says of a tunnel, and what it means. An initiator is not told why it is refused: the reason is in the
responder's log, which ``diagnose`` reads. Each entry names the file of strongSwan's source that the line comes from,
below ``src/libcharon`` unless it says otherwise.
"""


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")
    LOG_PAGE.write_text(log_page(), encoding="utf-8")


def log_page() -> str:
    """The whole page of log lines."""
    return "\n".join([LOG_HEAD, *(_line(each) for each in SIGNATURES)])


def _line(each: Signature) -> str:
    cause = f"\nProves {each.cause}.\n" if each.cause else ""
    pattern = f".. code-block:: text\n\n   {each.pattern.pattern}\n"
    told = f"Logged by: {each.side}. {each.means[:1].upper()}{each.means[1:]}.\n\nLook at: {each.look}.\n{cause}"
    return f"{each.name}\n{'-' * len(each.name)}\n\n{pattern}\n{told}\nSource: {each.source}\n"


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *(_entry(rule) for rule in all_rules())])


def _entry(rule: Rule) -> str:
    about = re.sub(r"`+([^`]+)`+", r"``\1``", inspect.getdoc(rule.check) or "")
    explains = f"\nExplains {', '.join(rule.explains)}.\n" if rule.explains else ""
    return f"{rule.id}\n{'-' * len(rule.id)}\n\n{rule.severity} · {rule.reference}\n\n{about}\n{explains}"


if __name__ == "__main__":
    main()
