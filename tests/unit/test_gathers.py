"""Readings in the result and in files, and files put together."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import ParseError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.store import gateways


def test_what_has_room_stays_and_what_comes_after_goes_to_files(tmp_path: Path) -> None:
    kept = gateways.GatewayStore(60, lambda: tmp_path)
    for host in ("a", "b", "c/../d"):
        kept.keep(host, {"name": host, "filler": "x" * (30 if host == "b" else 1)})
    assert list(kept.gateways) == ["a"]
    assert kept.folder == tmp_path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.json", "c%2F..%2Fd.json"]
    assert dict(gateways.read_file([str(tmp_path)]))["c/../d"] == {"gateway": {"name": "c/../d", "filler": "x"}}


def test_no_folder_is_made_where_all_has_room(tmp_path: Path) -> None:
    kept = gateways.GatewayStore(1000, lambda: tmp_path / "never")
    kept.keep("a", {})
    assert kept.folder is None


def test_a_later_reading_replaces_an_earlier_one(tmp_path: Path) -> None:
    kept = gateways.GatewayStore(0, lambda: tmp_path)
    kept.keep("a", {"name": "a"})
    kept.keep_reason("a", "it is down")
    assert dict(gateways.read_file([str(tmp_path)])) == {"a": {"unreachable": True, "msg": "it is down"}}


def test_a_result_of_fleet_info_is_read_with_its_folder_and_its_reasons(tmp_path: Path) -> None:
    gateways.GatewayStore(0, lambda: tmp_path).keep("b", {"name": "b"})
    fleet = {"gateways": {"a": {"name": "a"}}, "unreadable": {"c": "it is down"}, "folder": str(tmp_path)}
    assert dict(gateways.read_all(fleet, [])) == {
        "a": {"name": "a"},
        "b": {"gateway": {"name": "b"}},
        "c": {"unreachable": True, "msg": "it is down"},
    }
    assert list(gateways.read_all({}, [])) == []


def test_what_is_no_reading_is_refused_with_its_place(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.json").write_text("{}")
    with pytest.raises(ParseError, match=r"^a was read twice at .*one/a.json and .*two/a.json: take one away$"):
        list(gateways.read_file([str(tmp_path / "one"), str(tmp_path / "two")]))
    assert dict(gateways.read_file([str(tmp_path / "o*"), str(tmp_path / "one")])) == {"a": {}}
    with pytest.raises(ParseError, match=r"^no folder matches at .*nine\*: "):
        list(gateways.read_file([str(tmp_path / "nine*")]))
    with pytest.raises(ParseError, match=r"^there is no such folder at .*three: "):
        list(gateways.read_file([str(tmp_path / "three")]))
    (tmp_path / "one" / "a.json").write_text("{")
    with pytest.raises(ParseError, match=r"^it cannot be read \(.*\) at .*one/a.json$"):
        list(gateways.read_file([str(tmp_path / "one")]))
    with pytest.raises(ParseError, match="this is not what fleet_info returned"):
        list(gateways.read_all({"gateway": {}}, []))
