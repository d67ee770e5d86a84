"""What a pfSense has beside settings of swanctl, on the stand-in: disabled entries, split connections, one lifetime."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.lab import Lab, running
from tests.lab.topology import pairs, topology

from .ansible_run import module, told, works
from .in_turn import check, in_turn, sh, until, use
from .test_pfsense_writing import CAT, CONFIG, changed_by, config, within
from .test_standin import changed


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    data = dict(pairs(2, name="pfshape", pfsense={"b": "2.7.2"}).data)
    with running(topology({**data, "poll": 3600}, where="pfshape")) as lab:
        yield lab


def test_what_is_disabled_is_gone_with_its_sas_and_comes_back(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = config(lab, "b01")
    wish = {"name": "con1", "enabled": False, "reinitiate": True}
    stops, back = {**wish, "stop_daemon": True}, {**wish, "enabled": True}
    refused, foretold, kept, done, now, daemon, again, there, restored, nothing = in_turn(
        tmp_path, hosts, "b01",
        use("connection", wish),
        check("connection", stops),
        CAT,
        use("connection", stops),
        CAT,
        sh("pidof charon-systemd || echo stopped"),
        use("connection", stops),
        use("connection", back),
        CAT,
        use("connection", back),
    )  # fmt: skip
    assert "stops the IKE daemon" in refused["msg"]
    assert kept["stdout"] == before
    assert (done["edits"], done["connection"]) == (foretold["edits"], foretold["connection"])
    assert (done["takes_effect"], done["connection"]["after"]) == ("now", {"enabled": "no"})
    assert changed_by(before, now["stdout"]) == ["<disabled></disabled>"]
    assert daemon["stdout"].strip() == "stopped"
    assert not again["changed"]
    assert there["takes_effect"] == "now"
    assert changed(before, restored["stdout"]) == []
    assert not nothing["changed"]
    assert within(15, lambda: lab.pings("t01") == (True, True))


def test_of_several_networks_each_is_a_child_and_one_is_taken_out(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """Beside con1 there is a con2 here, so that the daemon runs on when con1 is disabled."""
    text = config(lab, "b02")
    second = re.search(r"\t\t<phase2>.*?</phase2>\n", text, flags=re.DOTALL)
    first = re.search(r"\t\t<phase1>.*?</phase1>\n", text, flags=re.DOTALL)
    assert first
    assert second
    other = re.sub(r"<ikeid>1<", "<ikeid>2<", re.sub(r"<remote-gateway>.*?<", "<remote-gateway>203.0.113.9<", first[0]))
    another = re.sub(r"<reqid>.*?<", "<reqid>2<", re.sub(r"<uniqid>.*?<", "<uniqid>abc2<", second[0]))
    another = re.sub(r"(<remoteid>.*?<address>).*?<", r"\g<1>10.99.0.0<", another, flags=re.DOTALL)
    there = text.replace(first[0], first[0] + other.replace("<startaction>start<", "<startaction>none<"))
    lab.write("b02", CONFIG, there.replace(second[0], second[0] + another), mode="0600")
    lab.sh("b02", "rm -f /tmp/config.cache")
    pings = until(f"/usr/bin/ping -n -q -i 0.2 -c 3 -W 2 -I {lab.inside('b02')} {lab.inside('a02')}")
    change = {"name": "con1", "reinitiate": True}
    out = {**change, "children": {"con1_2": {"enabled": False}}}
    split, first_child, now, one, carries, again, whole, carries_again, off, listed, on = in_turn(
        tmp_path, hosts, "b02",
        use("connection", {**change, "split_children": True, "apply_pending": True}),
        until("swanctl --list-sas | grep con1_1"),
        CAT,
        use("connection", out),
        pings,
        use("connection", out),
        use("connection", {**change, "split_children": False}),
        pings,
        use("connection", {**change, "enabled": False}),
        sh("swanctl --list-sas; swanctl --list-conns"),
        use("connection", {"name": "con1", "enabled": True}),
    )  # fmt: skip
    assert "con1_2 was not established" in split["msg"]  # the peer has no network of the second child
    assert first_child["rc"] == 0
    assert "<splitconn></splitconn>" in now["stdout"]
    assert one["children"] == {"before": ["con1_1", "con1_2"], "after": ["con1_1"]}
    assert not again["changed"]
    assert whole["children"] == {"before": ["con1_1"], "after": ["con1"]}
    assert (carries["rc"], carries_again["rc"]) == (0, 0)
    assert off["sa"]["after"] == []
    assert "con2" in listed["stdout"]
    assert "con1" not in listed["stdout"]
    assert on["changed"]
    lab.write("b02", CONFIG, text, mode="0600")
    lab.sh("b02", "rm -f /tmp/config.cache; php -r 'require_once(\"config.inc\"); require_once(\"ipsec.inc\");"
           " ipsec_configure();'")  # fmt: skip


def test_over_time_is_had_by_another_lifetime_alone(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = config(lab, "b01")
    wish = {"name": "con1", "settings": {"over_time": "1h"}}
    foretold, done, again = in_turn(
        tmp_path, hosts, "b01", check("connection", wish), use("connection", wish), use("connection", wish)
    )
    assert done["connection"] == foretold["connection"]
    assert set(done["connection"]["after"]) == {"over_time", "rand_time"}
    assert len(changed(before, config(lab, "b01"))) == 2
    assert "over_time = 3600s" in lab.sh("b01", "cat /var/etc/ipsec/swanctl.conf")
    assert not again["changed"]


def test_strongswan_has_no_such_settings(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    name = re.findall(r"^(\S+): ", lab.sh("a01", "swanctl --list-conns"), flags=re.MULTILINE)[0]
    wishes = ({"enabled": True}, {"split_children": False}, {"children": {"net": {"enabled": False}}})
    for done in in_turn(tmp_path, hosts, "a01", *(use("connection", {"name": name, **wish}) for wish in wishes)):
        assert re.search(r"strongSwan has no setting (enabled|split_children), which", done["msg"])


def test_a_tunnel_is_proven_and_watched_from_a_pfsense(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """By what FreeBSD has, as the stand-in offers it: ping -S, ifconfig."""
    assert "FreeBSD" in lab.sh("b01", "PATH=/usr/local/sbin:/usr/local/bin:$PATH; uname -srm; ifconfig -a >/dev/null")
    lab.sh("b01", "swanctl --terminate --ike con1; swanctl --initiate --child con1")
    inside, peer = lab.inside("b01"), lab.inside("a01")
    lost = {"connection": "con1", "pings": [{"to": peer.rpartition(".")[0] + ".77"}], "timeout": 1, "fail": False}
    watched = {"connection": "con1", "child": "con1", "from": inside, "to": peer}
    found, silent, begun, dummy, ended = in_turn(
        tmp_path, hosts, "b01",
        use("probe", {"connection": "con1", "child": "con1", "pings": [{"to": peer}]}),
        use("probe", lost),
        use("outage_probe", {**watched, "state": "started"}),
        sh("swanctl --terminate --ike con1; sleep 1.5; swanctl --initiate --child con1"),
        use("outage_probe", {**watched, "state": "stopped"}),
    )  # fmt: skip
    (ping,) = found["pings"]
    assert (found["reachable"], found["esp_used"], ping["from"], ping["to"]) == (True, True, inside, peer)
    assert (ping["sent"], ping["received"]) == (3, 3)
    assert 0 < ping["rtt_min"] <= ping["rtt_max"]
    assert "the tunnel is up and carries nothing: 0 of 3" in silent["msg"]
    assert begun["outage"] is None
    assert ended["outage"]["error"] == "", ended
    assert ended["outage"]["sent"] > 5, ended


def test_how_long_it_waits_for_answers_is_set_and_taken(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = config(lab, "b02")
    wish = {"settings": {"retransmit_tries": 2, "retransmit_timeout": 0.5}, "reason": "ticket 4711"}
    foretold, kept, done, now, again, info = in_turn(
        tmp_path, hosts, "b02",
        check("daemon", wish), CAT, use("daemon", wish), CAT, use("daemon", wish), use("gateway_info", {}),
    )  # fmt: skip
    assert kept["stdout"] == before
    assert (done["settings"], done["reasons"]) == (foretold["settings"], [])
    assert done["settings"]["after"] == {"retransmit_tries": "2", "retransmit_timeout": "0.5"}
    assert set(changed_by(before, now["stdout"])) == {
        "<ikev2_retransmit_tries>2</ikev2_retransmit_tries>",
        "<ikev2_retransmit_timeout>0.5</ikev2_retransmit_timeout>",
    }
    assert re.search(r"ticket 4711: retransmission ikev2_", now["stdout"])
    assert not again["changed"]
    waits = info["gateway"]["daemon"]["retransmission"]
    assert (waits["tries"], waits["timeout"]) == (2, 0.5)
    lab.sh("a02", "kill $(pidof charon-systemd)")
    lab.sh(
        "b02", "swanctl --terminate --ike con1 --force --timeout 1; swanctl --initiate --child con1 --timeout 8; true"
    )
    assert within(60, lambda: "giving up after 2 retransmits" in lab.sh("b02", "cat /var/log/ipsec.log"))
    back = {"settings": {"retransmit_tries": "", "retransmit_timeout": ""}}
    assert works(tmp_path, hosts, "b02", "daemon", back)["changed"]
    assert changed_by(before, config(lab, "b02")) == []


def test_a_stopped_daemon_is_started_and_what_was_unloaded_is_loaded(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lab.sh("b02", "swanctl --unload-conn con1 2>/dev/null; swanctl --load-conns --file /dev/null; true")
    loaded, started = {"state": "loaded"}, {"state": "started"}
    conns = sh("swanctl --list-conns")
    done, listed, again, stopped, foretold, begun, listed_again, nothing = in_turn(
        tmp_path, hosts, "b02",
        use("daemon", loaded),
        conns,
        use("daemon", loaded),
        sh("/usr/local/sbin/strongswanrc stop"),
        check("daemon", started),
        use("daemon", started),
        conns,
        use("daemon", started),
    )  # fmt: skip
    assert "con1 is in the file and not loaded" in done["reasons"]
    assert "con1" in listed["stdout"]
    assert not again["changed"]
    assert stopped["rc"] == 0
    assert (foretold["changed"], begun["changed"], nothing["changed"]) == (True, True, False)
    assert "con1" in listed_again["stdout"]


def test_a_host_behind_the_peer_is_pinged_once_it_is_named(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = config(lab, "b01")
    network = lab.sh("b01", "sed -n 's/.*remote_ts = //p' /var/etc/ipsec/swanctl.conf | tail -n 1").strip()
    target = network.replace("0/24", "1")
    wish = {"connection": "con1", "child": "con1", "means": "pinghost", "target": target}
    off = {key: value for key, value in wish.items() if key != "target"} | {"state": "absent"}
    pinged = sh("cat /var/db/ipsecpinghosts")
    foretold, kept, done, now, named, again, info, ended, none = in_turn(
        tmp_path, hosts, "b01",
        check("keepalive", wish),
        CAT,
        use("keepalive", wish),
        CAT,
        pinged,
        use("keepalive", wish),
        use("gateway_info", {}),
        use("keepalive", off),
        pinged,
    )  # fmt: skip
    assert kept["stdout"] == before
    assert done == foretold
    assert (done["keepalive"]["means"], done["keepalive"]["interval"]) == ("pinghost", 240)
    assert changed_by(before, now["stdout"]) == [f"<pinghost>{target}</pinghost>"]
    assert f"|{target}|3|" in named["stdout"]
    assert not again["changed"]
    checks = info["gateway"]["keepalives"]
    assert [(each["means"], each["target"], each["idle"]) for each in checks] == [("pinghost", target, "")]
    assert ended["changed"]
    assert changed(before, config(lab, "b01")) == []
    assert target not in none["stdout"]
    other = told(module(tmp_path, hosts, "a01", "keepalive", {**wish, "connection": "none"}))
    assert "pinghost is a pfSense check" in other["msg"] or "no child" in other["msg"]


def test_log_levels_are_compared_and_not_raised(hosts: Path, tmp_path: Path) -> None:
    same, absent, raised = in_turn(
        tmp_path, hosts, "b01",
        use("logging", {"levels": {"ike": 2, "cfg": 2}}),
        use("logging", {"state": "absent"}),
        use("logging", {"levels": {"ike": 3}}),
    )  # fmt: skip
    assert (same["changed"], absent["changed"]) == (False, False)
    assert "raise them under VPN > IPsec > Advanced Settings" in raised["msg"]
