"""Change records on the controller: whole files, read again by a later run, and Markdown that is what was meant."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import IpsecError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    ChangeRecord,
    ChangeRequest,
    CompletedTunnel,
    EndName,
    OutageMeasurement,
    Probe,
    SaSnapshot,
    StepResult,
    TunnelChange,
    TunnelSnapshot,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.formats import change_record as as_change
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.store import change_records

from tests.unit.report.reading import alive, markdown

HELD = SaSnapshot("b", "hq", "net", "INSTALLED", 2, "c1", "c2", "IKEv2 AES_CBC-256, ESP AES_CBC-256", encap=True)
PICTURE = TunnelSnapshot(
    "2026-11-21T22:00:09+01:00",
    crosswise=True,
    traffic=True,
    findings=("dpd-off on b/hq: b never checks",),
    sas=(HELD,),
    pings=(Probe("b", "hq", "net", reachable=True, sent=3, received=3),),
    routes=("b: 10.1.0.0/24 eth0",),
)
TUNNEL = TunnelChange(
    "a-b",
    (EndName("a", "branch"), EndName("b", "hq")),
    "b",
    1,
    status="done",
    expected=2.0,
    expected_because="selectors cannot be changed on a live SA",
    steps=(
        StepResult("responder", "a", "connection branch", {"encap": (None, "yes")}, psk=True, ran=True, changed=True),
    ),
    before=replace(PICTURE, crosswise=False, traffic=None, missing=("no CHILD_SA of net",)),
    after=PICTURE,
    outages=(OutageMeasurement("b", "net", "10.2.0.1", "10.1.0.1", 50, 3, 0.6, 0.2),),
)
RECORD = ChangeRecord(
    ChangeRequest(
        "CHG-1", by="alice", reason="NAT", window={"start": "22:00", "end": "04:00", "timezone": "Europe/Berlin"}
    ),
    "2026-11-21T22:00:00+01:00",
    ended="2026-11-21T22:01:00+01:00",
    batches=(("a-b",), ("c-d",)),
    tunnels=(TUNNEL, TunnelChange("c-d", (EndName("c", "d"), EndName("d", "c")), "c", 2, "failed", "c was lost")),
    earlier=(CompletedTunnel("x-y", "2026-11-20T22:00:00+01:00", "change-CHG-1-earlier.json"),),
    notes=("z could not be read",),
)


def test_a_record_says_who_when_why_and_of_each_tunnel_what_it_was_and_is() -> None:
    lines = as_change.render(RECORD).splitlines()
    for line in (
        "# Change CHG-1",
        "| By | alice |",
        "| Reason | NAT |",
        "| Window | 22:00 04:00 Europe/Berlin |",
        "| Batches | a-b; c-d |",
        "| a-b | 1 | done | 0.6 s | 2 s |  |",
        "| c-d | 2 | **failed** | not measured |  | c was lost |",
        "- x-y, 2026-11-20T22:00:00+01:00, see `change-CHG-1-earlier.json`",
        "- z could not be read",
        "| responder | a | connection branch | encap: not set → yes<br>pre-shared key | changed |",
        "- both ends hold the same SAs; pings pass both ways",
        "- the ends do not hold the same SAs; nothing was pinged",
        "- missing: no `CHILD_SA` of net",
        "- b got 3 of 3 pings back, child net",
        "- route of b: 10.1.0.0/24 eth0",
        "| b | hq/net | INSTALLED | c1 / c2 | IKEv2 `AES_CBC-256`, ESP `AES_CBC-256`, in UDP | 0 / 0 | 0 / 0 |",
        "Expected outage: 2 s (selectors cannot be changed on a live SA).",
        (
            "Running probe from b, 10.2.0.1 to 10.1.0.1 through net: 3 of 50 pings lost, 0.6 s without an answer "
            "at most (a ping every 0.2 s)."
        ),
    ):
        assert line in lines


def test_names_that_mean_something_in_markdown_or_html_stay_text() -> None:
    evil = "x|y` [z](http://e) <script>&amp; *b* @all\n# not a heading"
    page, innocent = (named(text) for text in (evil, "innocent"))
    assert alive(page) == set()
    assert [token.type for token in markdown(page)] == [token.type for token in markdown(innocent)]


def named(text: str) -> str:
    """The page of a change with this in place of every name."""
    order = replace(RECORD.order, ticket=text, by=text, reason=text)
    taken = StepResult(text, text, text, {text: (text, text)}, failed=text, ran=True)
    tunnel = replace(TUNNEL, name=text, because=text, steps=(taken,))
    return as_change.render(replace(RECORD, order=order, tunnels=(tunnel,), notes=(text,)))


def test_a_record_is_written_whole_and_a_later_run_knows_what_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "changes"
    files = change_records.write_record(folder, RECORD)
    assert [Path(file).suffix for file in files] == [".json", ".md"]
    assert Path(files[0]).name == "change-CHG-1-2026-11-21T2200000100.json"
    assert json.loads(Path(files[0]).read_text(encoding="utf-8"))["tunnels"][0]["name"] == "a-b"
    assert change_records.write_record(folder, RECORD) == files
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(file).name for file in files)
    assert change_records.find_earlier(folder, "CHG-1") == (
        CompletedTunnel("a-b", "2026-11-21T22:00:09+01:00", Path(files[0]).name),
    )
    assert change_records.find_earlier(folder, "CHG-2") == ()
    assert change_records.find_earlier(tmp_path / "nowhere", "CHG-1") == ()


def test_a_plan_and_what_is_no_record_count_for_nothing(tmp_path: Path) -> None:
    change_records.write_record(tmp_path, replace(RECORD, order=replace(RECORD.order, check=True)))
    (tmp_path / "change-CHG-1-x.json").write_text("{", encoding="utf-8")
    (tmp_path / "change-CHG-1-y.json").write_text("[]", encoding="utf-8")
    (tmp_path / "change-CHG-1-z.json").write_text('{"order": {"ticket": "CHG-1"}, "tunnels": [7]}', encoding="utf-8")
    assert change_records.find_earlier(tmp_path, "CHG-1") == ()


def test_a_ticket_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    files = change_records.write_record(
        tmp_path, replace(RECORD, order=replace(RECORD.order, ticket="../../etc/CHG 1*"))
    )
    assert {Path(file).parent for file in files} == {tmp_path}
    assert Path(files[0]).name.startswith("change-etc-CHG-1-2026")
    assert change_records.find_earlier(tmp_path, "../../etc/CHG 1*")[0].tunnel == "a-b"


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(
        IpsecError, match=r"the change record cannot be written: Not a directory at .*: give ipsec_change_dir"
    ):
        change_records.write_record(tmp_path / "file" / "changes", RECORD)
