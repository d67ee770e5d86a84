"""Writes the pages of findings and of log lines from the rules, their tests and the catalogue: `make findings`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.log_signatures import (
    SIGNATURES,
    Signature,
)

from tests.tools import profiles_page, rst
from tests.tools.finding_page import about, finding_page, link, log_label, repair
from tests.tools.findings import Topic, topics

FOLDER = Path(__file__).parents[2] / "docs" / "docsite" / "rst"
INDEX, LOG_LINES, PROFILES, EACH = "findings.rst", "log_lines.rst", "policy_profiles.rst", "findings"
INDEX_ABOUT = """What an audit can find, by id. Each has its page: the cause, how it shows, how it is repaired, an
example. A healthy tunnel has none but what a policy asks for. Where one finding explains another on the same tunnel,
only the first is shown.
"""
LOG_ABOUT = """What charon's log says of a tunnel, and what it means. An initiator is not told why it is refused: the
reason is in the responder's log, which ``diagnose`` reads. Each entry names the file of strongSwan's source that the
line comes from, below ``src/libcharon`` unless it says otherwise.
"""


def main() -> None:
    wanted = pages()
    for path in written() - wanted.keys():
        path.unlink()
    for path, text in wanted.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def pages() -> Mapping[Path, str]:
    """All generated pages."""
    known = topics()
    each = {FOLDER / EACH / f"{topic.id}.rst": finding_page(topic) for topic in known}
    return {
        FOLDER / INDEX: _index(known),
        FOLDER / LOG_LINES: _log_lines(),
        FOLDER / PROFILES: profiles_page.page(),
        **each,
    }


def written() -> set[Path]:
    """The generated pages that are there, also those of findings that are no more."""
    return {
        path
        for path in (FOLDER / INDEX, FOLDER / LOG_LINES, FOLDER / PROFILES, *(FOLDER / EACH).glob("*"))
        if path.exists()
    }


def _index(known: tuple[Topic, ...]) -> str:
    rows = ((link(topic.id), topic.severity, _sentence(topic), repair(topic)) for topic in known)
    return rst.page(
        "findings",
        "Findings",
        INDEX_ABOUT,
        rst.table(("Finding", "Severity", "What it is", "Repair"), rows),
        f"What the daemons' logs say of them: {rst.ref('log_lines', 'Log lines')}.\n",
        ".. toctree::\n   :hidden:\n",
        "".join(f"   {EACH}/{topic.id}\n" for topic in known),
    )


def _sentence(topic: Topic) -> str:
    """The first line of the cause."""
    return about(topic).partition("\n")[0]


def _log_lines() -> str:
    return rst.page("log_lines", "Log lines", LOG_ABOUT, *(_line(each) for each in SIGNATURES))


def _line(each: Signature) -> str:
    parts = [
        rst.labelled(log_label(each)) + "\n" + rst.heading(each.name),
        rst.verbatim(each.pattern.pattern),
        f"Logged by: {each.side}. {each.means[:1].upper()}{each.means[1:]}.\n",
        f"Look at: {each.look}.\n",
        f"Proves {link(each.cause)}.\n" if each.cause else "",
        f"Source: {each.source}\n",
    ]
    return "\n".join(part for part in parts if part)


if __name__ == "__main__":
    main()
