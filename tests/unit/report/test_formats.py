"""Reports for programs: all tell the same, fit their schemas, and nothing breaks out of its place."""

from __future__ import annotations

import csv
import json
import re
import unicodedata
from collections import Counter
from dataclasses import replace
from io import StringIO
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.filter.chat_message import FilterModule, chat_message
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import to_plain
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report import markdown_text
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.build import build_report
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.content import Report, summarize
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.diff import ReportDiff, diff_reports
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.escape import (
    escape_control,
    escape_lines,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.formats import notice as as_notice
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.formats import terminal as as_table
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.store.reports import (
    FORMATS,
    describe_failures,
    diff_since,
    parse_report,
    write_reports,
)
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft202012Validator

from tests.unit.build import edited, healthy, live

from . import reading
from .fleet import HOSTILE, TIME, found, gateways, hostile, report

# Of the npm package @microsoft/jest-sarif 1.0.0-beta.0 (MIT), without its descriptions.
SARIF = json.loads(Path(__file__).with_name("sarif-2.1.0-rtm.5.json").read_text(encoding="utf-8"))
SCHEMA = Path(__file__).parents[3] / "plugins/plugin_utils/report/report.schema.json"  # at its published address
OURS = json.loads(SCHEMA.read_text(encoding="utf-8"))
READERS = {
    "json": reading.from_json,
    "junit": reading.from_junit,
    "sarif": reading.from_sarif,
    "csv": reading.from_csv,
    "markdown": reading.from_markdown,
    "html": reading.from_html,
}
NONE = ReportDiff()
LIVE = (
    "@all",
    "alice@example.net",
    "https://evil.example/x",
    "www.evil.example",
    "evil.org",
    "#12",
    "!7",
    "<!channel>",
    "<https://evil.example|text>",
    "[x](https://evil.example)",
    "<b>x</b>",
    "`@all`",
    "``@all`",
    "~~~",
    "**x**",
    "&#64;all",
)
WORST = {text[:12]: text for text in HOSTILE}


def shown(text: str) -> str:
    return escape_control(" ".join(text.split()))


def expected(of: Report) -> reading.Story:
    return reading.Story(
        frozenset((tunnel.name, tunnel.state) for tunnel in of.tunnels),
        frozenset((f.id, f.severity, f.tunnel, str(f.end)) for f in of.findings),
        frozenset((w.finding.id, w.finding.severity, w.finding.tunnel, str(w.finding.end)) for w in of.waived),
    )


@pytest.mark.parametrize("name", READERS)
def test_every_format_tells_the_same_story(name: str) -> None:
    assert READERS[name](FORMATS[name].render(report(), NONE)) == expected(report())


@pytest.mark.parametrize("name", READERS)
def test_what_people_call_an_end_is_told_too(name: str) -> None:
    called = tuple(replace(each, end=replace(each.end, description="To HQ")) for each in report().findings)
    told = replace(report(), findings=called)
    assert READERS[name](FORMATS[name].render(told, diff_reports(report(), told))) == expected(told)
    assert diff_reports(report(), told).appeared == ()


def test_the_story_has_something_of_everything() -> None:
    told = expected(report())
    assert {name for name, *dummy in told.findings} == {"dpd-off", "gateway-unreadable", "waiver-expired"}
    assert {name for name, *dummy in told.waived} == {"ike-encryption-weak"}
    assert told.tunnels == {("a-b", "up, traffic passes")}


def test_the_metrics_count_the_same() -> None:
    samples = reading.metrics(FORMATS["prometheus"].render(report(), NONE))
    told = expected(report())
    by_severity = Counter(severity for dummy, severity, *rest in told.findings)
    for severity in ("critical", "high", "medium", "low", "info"):
        assert samples["ipsec_findings", frozenset({("severity", severity)})] == by_severity[severity]
        assert samples["ipsec_tunnel_findings", frozenset({("tunnel", "a-b"), ("severity", severity)})] == sum(
            severity == each and tunnel == "a-b" for dummy, each, tunnel, end in told.findings
        )
    states = {dict(labels)["state"]: value for (name, labels), value in samples.items() if name == "ipsec_tunnel_state"}
    assert states == {"down": 0, "unknown": 0, "up": 0, "up, traffic passes": 1, "up, no traffic": 0}
    assert samples["ipsec_findings_waived", frozenset()] == len(told.waived)
    assert samples["ipsec_gateways_unreadable", frozenset()] == 1
    assert samples["ipsec_audit_timestamp_seconds", frozenset({("policy", "ours")})] == 1795276800
    expiry = frozenset({("gateway", "a"), ("subject", "CN=a"), ("serial", "01")})
    assert samples["ipsec_certificate_not_after_timestamp_seconds", expiry] == 1798761600


def test_json_and_sarif_fit_their_schemas() -> None:
    Draft202012Validator.check_schema(OURS)
    Draft202012Validator(OURS).validate(json.loads(FORMATS["json"].render(report(), NONE)))
    Draft4Validator(SARIF).validate(json.loads(FORMATS["sarif"].render(report(), NONE)))


def test_the_json_of_a_repair_fits_its_schema() -> None:
    repaired = build_report(found(), gateways(), TIME, repairs=(), comparisons={"a-b": "…"})
    Draft202012Validator(OURS).validate(json.loads(FORMATS["json"].render(repaired, NONE)))


@pytest.mark.parametrize("text", WORST.values(), ids=[repr(key) for key in WORST])
@pytest.mark.parametrize("name", READERS)
def test_a_hostile_name_stays_in_its_place(name: str, text: str) -> None:
    made = FORMATS[name].render(hostile(text), NONE)
    story = READERS[name](made)
    own = {"json": str, "markdown": shown}.get(name, escape_control)
    wanted = expected(hostile(text))
    assert {tunnel for tunnel, state in story.tunnels} == {
        own(tunnel).removeprefix("'") for tunnel, dummy in wanted.tunnels
    }
    assert len(story.findings) == len(wanted.findings)
    assert len(story.waived) == len(wanted.waived)


@pytest.mark.parametrize("text", WORST.values(), ids=[repr(key) for key in WORST])
@pytest.mark.parametrize("name", FORMATS)
def test_no_report_has_a_character_that_cannot_be_seen(name: str, text: str) -> None:
    made = FORMATS[name].render(hostile(text), NONE).replace("\r\n", "\n")
    made.encode("utf-8")
    unseen = {c for c in made if c != "\n" and unicodedata.category(c) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")}
    assert unseen == set()


@pytest.mark.parametrize("text", WORST.values(), ids=[repr(key) for key in WORST])
def test_hostile_names_leave_json_sarif_and_metrics_valid(text: str) -> None:
    made = hostile(text)
    Draft202012Validator(OURS).validate(json.loads(FORMATS["json"].render(made, NONE)))
    Draft4Validator(SARIF).validate(json.loads(FORMATS["sarif"].render(made, NONE)))
    samples = reading.metrics(FORMATS["prometheus"].render(made, NONE))
    names = {dict(labels)["tunnel"] for (metric, labels) in samples if metric == "ipsec_tunnel_up"}
    assert names == {escape_control(f"{text}a-b")}


@pytest.mark.parametrize("text", WORST.values(), ids=[repr(key) for key in WORST])
def test_no_cell_of_a_spreadsheet_is_a_formula_and_no_row_is_anothers(text: str) -> None:
    rows = list(csv.reader(StringIO(FORMATS["csv"].render(hostile(text), NONE))))
    assert len(rows) == len(list(csv.reader(StringIO(FORMATS["csv"].render(report(), NONE)))))
    assert {len(row) for row in rows} == {14}
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(("=", "+", "-", "@", "\t"))]


def test_markup_in_a_name_is_text_in_markdown_and_xml() -> None:
    page = FORMATS["markdown"].render(hostile("<script>alert(1)</script>[x](y)"), NONE)
    assert reading.alive(page) == set()
    root = ET.fromstring(FORMATS["junit"].render(hostile("<script>x</script>"), NONE))  # noqa: S314  of our own writing
    assert root.findall(".//script") == []


@pytest.mark.parametrize("text", LIVE)
def test_nothing_in_markdown_or_a_chat_is_called_or_leads_anywhere(text: str) -> None:
    assert reading.alive(text) != set() or text in ("<!channel>", "`@all`", "**x**"), "the reader sees nothing"
    assert reading.alive(FORMATS["markdown"].render(hostile(text), NONE)) == set()
    told = chat_message(f"IPsec: 1 down\n{text}: down\nnew: HIGH no-traffic on {text}/x")
    assert reading.alive(told) == set()
    assert re.search(r"<|>|&(?!lt;|gt;|amp;)", told) is None
    assert len(told.splitlines()) == 3


@given(st.text(st.characters(codec="utf-8"), max_size=40))
def test_any_text_is_shown_as_it_is(text: str) -> None:
    page = f"{markdown_text.escape_text(text)}\n"
    (shown_text,) = ["".join(each.content for each in token.children or ()) for token in reading.markdown(page)][
        1:2
    ] or [""]
    assert shown_text == shown(text)
    assert reading.alive(page) == set()
    row = "\n".join(markdown_text.format_table(("a", "b"), [(markdown_text.escape_text(text), "end")]))
    cells = [
        "".join(each.content for each in token.children or ())
        for token in reading.markdown(row)
        if token.type == "inline"
    ]
    assert cells == ["a", "b", shown(text), "end"]


def test_the_filter_of_chats_has_its_name() -> None:
    assert FilterModule().filters() == {"chat_message": chat_message}


def test_what_needs_no_code_is_plain() -> None:
    told = "fw-hq/branch (To HQ): 10.1.0.0/24 and fd00:1::/48 at 2026-11-21T16:00:00Z, dpd-off; 3 of 5 pings"
    assert markdown_text.escape_text(told) == told
    assert markdown_text.escape_text("local_ts, %any; a|b") == "`local_ts`, `%any`; `a|b`"


def test_cells_of_wide_characters_stand_under_each_other_and_are_cut() -> None:
    a, b = healthy()
    renamed = [edited(each, connection={"name": f"{'本店' * 3}x", "dpd_delay": 0.0}) for each in (a, b)]
    wide = audit([replace(each, name=f"{'東京' * 4}{each.name}") for each in renamed])
    for width in range(50, 111):
        table = [as_columns(line) for line in as_table.render(wide, width).splitlines()]
        assert max(map(len, table)) <= width
        head, row = table[:2]
        assert row[head.index("STATE") :].startswith("down")
        assert row[head.index("FINDINGS") :] == "see below"


def as_columns(text: str) -> str:
    """The text with a filler after each character that takes two columns of a terminal."""
    return "".join(f"{c}_" if unicodedata.east_asian_width(c) in "WF" else c for c in text)


@pytest.mark.parametrize("text", WORST.values(), ids=[repr(key) for key in WORST])
@pytest.mark.parametrize("width", [79, 110])
def test_the_terminal_is_left_alone_and_no_line_is_wider(text: str, width: int) -> None:
    a, b = (edited(gateway, connection={"name": f"{text}x", "dpd_delay": 0.0}, sas=live()) for gateway in healthy())
    for line in as_table.render(audit((a, b), unreadable={text: text}), width).splitlines():
        assert line.isprintable()
        assert len(line) <= width or line.startswith(("  a: ", "  b: "))  # advice is to be copied


@pytest.mark.parametrize("name", FORMATS)
def test_two_reports_of_what_has_not_changed_differ_in_their_time_alone(name: str) -> None:
    later = build_report(found(), gateways(), "2026-11-21T17:00:00Z")
    one, other = (FORMATS[name].render(each, NONE).splitlines() for each in (report(), later))
    differing = [pair for pair in zip(one, other, strict=True) if pair[0] != pair[1]]
    assert len(differing) <= len(report().tunnels) + 1
    assert all("2026-11-21T1" in line or line.startswith("ipsec_audit_timestamp") for line, dummy in differing)


def test_counted_bytes_are_in_the_metrics_alone() -> None:
    (tunnel,) = report().tunnels
    counted = replace(report(), tunnels=(replace(tunnel, bytes_in={"a": 12345678}, bytes_out={"a": 9}),))
    telling = {name for name in FORMATS if FORMATS[name].render(counted, NONE) != FORMATS[name].render(report(), NONE)}
    assert telling == {"prometheus"}


def test_the_report_is_made_again_of_what_the_audit_returned() -> None:
    result = {key: value for key, value in to_plain(report()).items() if value is not None}
    assert parse_report({**result, "table": "…", "changed": False}) == report()
    with pytest.raises(IpsecError, match=r"'time' is missing at audit"):
        parse_report({"findings": []})


def test_files_are_written_whole_once_and_not_at_all_in_check_mode(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    dry = write_reports(report(), NONE, folder, "now", FORMATS, dry=True)
    assert (dry[1], folder.exists()) == (True, False)
    paths, changed = write_reports(report(), NONE, folder, "now", FORMATS, dry=False)
    assert changed
    assert [Path(path).suffix for path in paths] == [".json", ".xml", ".sarif", ".md", ".csv", ".prom", ".html", ".txt"]
    assert sorted(folder.iterdir()) == sorted(map(Path, paths))
    assert write_reports(report(), NONE, folder, "now", FORMATS, dry=False)[1] is False
    modes = {path.suffix: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}
    assert modes.pop(".prom") == "0o644"
    assert set(modes.values()) == {"0o640"}


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(IpsecError, match=r"the report cannot be written: .*: give ipsec_report_dir a folder"):
        write_reports(report(), NONE, tmp_path / "file", "now", ["json"], dry=False)


def test_what_fails_a_run_is_what_is_as_severe_or_worse_and_not_waived() -> None:
    assert describe_failures(report(), "critical") == "1 finding of severity critical or worse: gateway-unreadable"
    assert describe_failures(report(), "high") == "2 findings of severity high or worse: gateway-unreadable, dpd-off"
    assert "ike-encryption-weak" not in describe_failures(report(), "info")
    assert describe_failures(build_report(audit(healthy()), healthy(), TIME), "info") == ""


def test_the_last_line_sums_it_up() -> None:
    wanted = "1 tunnel, 0 down; findings: 1 critical, 1 high, 1 medium; 1 waived; policy ours"
    assert summarize(report()) == wanted
    assert summarize(build_report(audit(()), (), TIME)) == "0 tunnels, 0 down; findings: none"


def test_sarif_points_at_the_line_of_the_gateways_file() -> None:
    results = json.loads(FORMATS["sarif"].render(report(), NONE))["runs"][0]["results"]
    (weak,) = [result for result in results if result["ruleId"] == "ike-encryption-weak"]
    place = weak["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a/swanctl.conf"}, "region": {"startLine": 10}}
    assert weak["suppressions"][0]["justification"] == "until 2026-12-31, by net-team: until the peer is replaced"


def earlier() -> Report:
    """The report of yesterday: the tunnel was down, one finding was not there yet, another is gone since."""
    (tunnel,) = report().tunnels
    (*others, last) = report().findings
    gone = replace(last, id="no-traffic")
    return replace(
        report(), time="2026-11-20T16:00:00Z", tunnels=(replace(tunnel, state="down"),), findings=(*others, gone)
    )


def test_every_format_tells_what_is_new_and_what_is_gone() -> None:
    changes = diff_reports(earlier(), report())
    assert changes.summary() == "since 2026-11-20T16:00:00Z: 1 new, 1 gone, 1 in another state"
    texts = {name: FORMATS[name].render(report(), changes) for name in FORMATS}
    Draft202012Validator(OURS).validate(json.loads(texts["json"]))
    Draft4Validator(SARIF).validate(json.loads(texts["sarif"]))
    assert {name: READERS[name](texts[name]) for name in READERS} == dict.fromkeys(READERS, expected(report()))
    told = json.loads(texts["json"])["drift"]
    assert [each["id"] for each in told["appeared"]] == ["waiver-expired"]
    assert [each["id"] for each in told["gone"]] == ["no-traffic"]
    assert told["moved"] == [{"tunnel": "a-b", "before": "down", "after": "up, traffic passes"}]
    states = Counter(each.get("baselineState") for each in json.loads(texts["sarif"])["runs"][0]["results"])
    assert states == {"new": 1, "unchanged": 2, "absent": 1, None: 1}
    rows = {(row["finding"], row["since the last report"]) for row in csv.DictReader(StringIO(texts["csv"]))}
    assert rows >= {("waiver-expired", "new"), ("no-traffic", "gone"), ("dpd-off", ""), ("", "was down")}
    assert texts["junit"].count("new since the last report") == 1
    assert "- gone: no-traffic on " in texts["markdown"]
    samples = reading.metrics(texts["prometheus"])
    assert (samples["ipsec_findings_new", frozenset()], samples["ipsec_findings_gone", frozenset()]) == (1, 1)


def test_lines_and_tabs_of_a_file_stay_and_what_would_move_a_cursor_is_shown() -> None:
    given = [{"before": "a\t= 1\n\x1b[2Jb\u202e\n", "lines": 2}, None]
    assert escape_lines(given) == [{"before": "a\t= 1\n\\x1b[2Jb\\u202e\n", "lines": 2}, None]


def test_a_notice_is_what_has_changed_and_empty_where_nothing_has() -> None:
    lines = FORMATS["notice"].render(report(), diff_reports(earlier(), report())).splitlines()
    assert lines[1] == "since 2026-11-20T16:00:00Z: 1 new, 1 gone, 1 in another state"
    assert lines[2] == "a-b: down, now up, traffic passes"
    assert [line.split(" on ")[0] for line in lines[3:]] == ["new: MEDIUM waiver-expired", "gone: MEDIUM no-traffic"]
    later = replace(report(), time="2026-11-21T17:00:00Z")
    assert FORMATS["notice"].render(later, diff_reports(report(), later)) == ""


def test_the_notice_of_a_first_report_has_what_is_wrong_and_is_short() -> None:
    lines = FORMATS["notice"].render(report(), NONE).splitlines()
    assert lines[:2] == [f"IPsec: {summarize(report())}", "this is the first report"]
    assert len(lines) == 2 + len(report().findings)
    (*dummy, last) = report().findings
    many = replace(report(), findings=tuple(replace(last, tunnel=str(n)) for n in range(as_notice.MOST + 5)))
    assert FORMATS["notice"].render(many, NONE).splitlines()[-1] == "… and 5 more: see the report"


def test_a_report_is_compared_with_the_json_of_an_earlier_one(tmp_path: Path) -> None:
    path = tmp_path / "findings.json"
    assert diff_since(report(), path) == diff_since(report(), None) == ReportDiff()
    path.write_text(FORMATS["json"].render(earlier(), NONE), encoding="utf-8")
    assert diff_since(report(), path) == diff_reports(earlier(), report())
    assert diff_since(earlier(), path).summary() == "since 2026-11-20T16:00:00Z: nothing has changed"


@pytest.mark.parametrize("text", ["{", "[]", '{"version": "2.0"}', '{"version": "1.0"}', "\udc80"])
def test_what_is_no_earlier_report_is_told_in_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "findings.json"
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(IpsecError, match=r"this report .*findings\.json: remove it, or name another"):
        diff_since(report(), path)


def test_a_tunnel_that_is_there_no_more_and_one_that_is_new_are_told() -> None:
    (tunnel,) = report().tunnels
    changes = diff_reports(report(), replace(report(), tunnels=(replace(tunnel, name="c-d"),)))
    assert [(each.tunnel, each.before, each.after) for each in changes.moved] == [
        ("c-d", "", "up, traffic passes"),
        ("a-b", "up, traffic passes", "gone"),
    ]
