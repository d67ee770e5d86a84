"""Every format read back into what it tells: tunnels with their state, findings, and what is waived.

Read by what others have written, never by the code that wrote it.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree as ET

from markdown_it import MarkdownIt
from markdown_it.token import Token

Said = frozenset[tuple[str, str, str, str]]  # finding, severity, tunnel, end


@dataclass(frozen=True)
class Story:
    """What is told; texts as they can be seen."""

    tunnels: frozenset[tuple[str, str]]  # with their state
    findings: Said
    waived: Said


def from_json(text: str) -> Story:
    data = json.loads(text)
    tunnels = frozenset((tunnel["name"], tunnel["state"]) for tunnel in data["tunnels"])
    return Story(tunnels, _said(data["findings"]), _said([each["finding"] for each in data["waived"]]))


def _said(findings: list[Mapping[str, object]]) -> Said:
    return frozenset((str(f["id"]), str(f["severity"]), str(f["tunnel"]), _end(f["end"])) for f in findings)


def _end(end: object) -> str:
    names = dict(end)  # type: ignore[call-overload]
    name = "/".join(names[part] for part in ("gateway", "connection", "child") if names[part])
    return f"{name} ({names['description']})" if names["description"] else name


def from_junit(text: str) -> Story:
    root = ET.fromstring(text)  # noqa: S314  of our own writing
    told: dict[str, set[tuple[str, str, str, str]]] = {"failure": set(), "skipped": set()}
    titles = [str(suite.get("name")) for suite in root if suite.get("name") != "gateways"]
    for suite in root:
        assert int(suite.get("tests", "")) == len(suite)
        assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure"))
        for case in suite:
            name, dummy, end = str(case.get("name")).partition(" on ")
            tunnel = "" if case.get("classname") == "gateways" else str(case.get("classname"))
            for what in case:
                severity = what.get("type") or str(what.get("message"))[:-1].rpartition(" (")[2]
                told[what.tag].add((name, severity, tunnel, end))
    tunnels = frozenset((title.rpartition(": ")[0], title.rpartition(": ")[2]) for title in titles)
    return Story(tunnels, frozenset(told["failure"]), frozenset(told["skipped"]))


def from_sarif(text: str) -> Story:
    (run,) = json.loads(text)["runs"]
    told: dict[bool, set[tuple[str, str, str, str]]] = {True: set(), False: set()}
    for result in run["results"]:
        if result.get("baselineState") == "absent":
            continue
        about = result["properties"]
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        said = (result["ruleId"], about["severity"], about["tunnel"], about["end"])
        told[bool(result.get("suppressions"))].add(said)
    return Story(frozenset(run["properties"]["tunnels"].items()), frozenset(told[False]), frozenset(told[True]))


def from_csv(text: str) -> Story:
    rows = [{key: value.removeprefix("'") for key, value in row.items()} for row in csv.DictReader(StringIO(text))]
    tunnels = frozenset((row["tunnel"], row["state"]) for row in rows if row["row"] == "tunnel")
    told = {
        kind: frozenset((r["finding"], r["severity"], r["tunnel"], r["end"]) for r in rows if r["row"] == kind)
        for kind in ("finding", "waived")
    }
    return Story(tunnels, told["finding"], told["waived"])


def markdown(text: str) -> list[Token]:
    """What a page is to whoever renders it, with links that are made of bare addresses."""
    return MarkdownIt("gfm-like", {"linkify": True}).parse(text)


def from_markdown(text: str) -> Story:
    findings: set[tuple[str, str, str, str]] = set()
    tables: dict[str, list[list[str]]] = {}
    title, head, opened = "", ("", "", ""), ""
    for token in markdown(text):
        opened = {"inline": opened, "paragraph_open": opened}.get(token.type, token.type + token.tag)
        said = "".join(each.content for each in token.children or ())
        if token.type == "tr_open":
            tables.setdefault(title, []).append([])
        elif token.type == "inline" and opened == "heading_openh2":
            title = said
        elif token.type == "inline" and opened == "heading_openh3":
            severity, dummy, rest = said.partition(": ")
            name, dummy, end = rest.partition(" on ")
            head = (name, severity, end)
            findings.add((name, severity, "", end))
        elif token.type == "inline" and opened == "list_item_openli" and said.startswith("tunnel: "):
            findings.discard((head[0], head[1], "", head[2]))
            findings.add((head[0], head[1], said.removeprefix("tunnel: "), head[2]))
        elif token.type == "inline" and opened in ("td_opentd", "th_openth"):
            tables[title][-1].append(said)
    tunnels = frozenset((row[0], row[1]) for row in tables.get("Tunnels", [])[1:])
    waived = frozenset((row[0], row[1], row[2], row[3]) for row in tables.get("Waived", [])[1:])
    return Story(tunnels, frozenset(findings), waived)


def alive(text: str) -> set[str]:
    """What of a page, of whatever kind, is more than text in paragraphs, headings and tables: links, mentions."""
    found = set()
    for token in markdown(text):
        for each in token.children or ():
            if each.type not in ("text", "code_inline", "softbreak", "strong_open", "strong_close"):
                found.add(f"{each.type} {each.content}")
            if each.type == "text" and (name := re.search(r"[@#!$%&~]\w|\w@\w|://|www\.", each.content)):
                found.add(f"reference {name[0]}")
        if token.type in ("html_block", "fence", "code_block", "blockquote_open", "ordered_list_open", "hr"):
            found.add(token.type)
    return found


class _Embedded(HTMLParser):
    """The text of the element with the id `data`."""

    def __init__(self) -> None:
        super().__init__()
        self.inside, self.text = False, ""

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = ("id", "data") in attrs

    def handle_endtag(self, _tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        self.text += data if self.inside else ""


def from_html(text: str) -> Story:
    parser = _Embedded()
    parser.feed(text)
    data = json.loads(parser.text)
    each = [(tunnel["name"], found) for tunnel in data["tunnels"] for found in tunnel["findings"]]
    each += [("", found) for found in data["others"]]
    return Story(
        frozenset((tunnel["name"], tunnel["state"]) for tunnel in data["tunnels"]),
        frozenset((found["id"], found["severity"], name, found["end"]) for name, found in each),
        frozenset((name, severity, tunnel, end) for name, severity, tunnel, end, *rest in data["waived"]),
    )


_SAMPLE = re.compile(
    r'(?P<name>[a-z_]+)(?:\{(?P<labels>(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (?P<value>-?[\d.e+]+)'
)
_LABEL = re.compile(r'([a-z]+)="((?:[^"\\\n]|\\[\\"n])*)"')


def metrics(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by its name and labels; a line that is none fails."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("# "):
            sample = _SAMPLE.fullmatch(line)
            assert sample, line
            labels = frozenset((key, _unescaped(value)) for key, value in _LABEL.findall(sample["labels"] or ""))
            assert (sample["name"], labels) not in found, line
            found[sample["name"], labels] = float(sample["value"])
    return found


def _unescaped(value: str) -> str:
    return re.sub(r"\\(.)", lambda mark: {"n": "\n"}.get(mark[1], mark[1]), value)
