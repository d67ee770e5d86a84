"""What a pfSense has beside settings of swanctl, on the stand-in: disabled entries, split connections, one lifetime."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.lab import Lab, running
from tests.lab.topology import pairs, topology

from .ansible_run import module, told, works
from .test_pfsense_writing import CONFIG, changed_by, config, refused, within
from .test_standin import changed


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    data = dict(pairs(2, name="pfshape", pfsense={"b": "2.7.2"}).data)
    with running(topology(data, where="pfshape")) as lab:
        yield lab


def test_what_is_disabled_is_gone_with_its_sas_and_comes_back(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    wish = {"name": "con1", "enabled": False, "reinitiate": True}
    assert "stops the IKE daemon" in refused(tmp_path, hosts, "b01", wish)
    wish |= {"stop_daemon": True}
    before = config(lab, "b01")
    foretold = works(tmp_path, hosts, "b01", "connection", wish, "--check")
    assert config(lab, "b01") == before
    done = works(tmp_path, hosts, "b01", "connection", wish)
    assert (done["edits"], done["connection"]) == (foretold["edits"], foretold["connection"])
    assert (done["takes_effect"], done["connection"]["after"]) == ("now", {"enabled": "no"})
    assert changed_by(before, config(lab, "b01")) == ["<disabled></disabled>"]
    assert lab.sh("b01", "pidof charon-systemd || echo stopped").strip() == "stopped"
    assert not works(tmp_path, hosts, "b01", "connection", wish)["changed"]
    back = {"name": "con1", "enabled": True, "reinitiate": True}
    assert works(tmp_path, hosts, "b01", "connection", back)["takes_effect"] == "now"
    assert changed(before, config(lab, "b01")) == []
    assert within(15, lambda: lab.pings("t01") == (True, True))
    assert not works(tmp_path, hosts, "b01", "connection", back)["changed"]


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
    split = {"name": "con1", "split_children": True, "reinitiate": True, "apply_pending": True}
    done = module(tmp_path, hosts, "b02", "connection", split)  # the peer has no network of the second child
    assert "con1_2 was not established" in told(done)["msg"], done.output
    assert within(5, lambda: "con1_1" in lab.sh("b02", "swanctl --list-sas"))
    assert "<splitconn></splitconn>" in config(lab, "b02")
    out = {"name": "con1", "children": {"con1_2": {"enabled": False}}, "reinitiate": True}
    done = works(tmp_path, hosts, "b02", "connection", out)
    assert done["children"] == {"before": ["con1_1", "con1_2"], "after": ["con1_1"]}
    assert within(5, lambda: lab.pings("t02") == (True, True))
    assert not works(tmp_path, hosts, "b02", "connection", out)["changed"]
    whole = {"name": "con1", "split_children": False, "reinitiate": True}
    assert works(tmp_path, hosts, "b02", "connection", whole)["children"] == {"before": ["con1_1"], "after": ["con1"]}
    assert within(5, lambda: lab.pings("t02") == (True, True))
    off = {"name": "con1", "enabled": False}
    assert works(tmp_path, hosts, "b02", "connection", {**off, "reinitiate": True})["sa"]["after"] == []
    assert "con1" not in lab.sh("b02", "swanctl --list-sas; swanctl --list-conns")
    assert works(tmp_path, hosts, "b02", "connection", {"name": "con1", "enabled": True})["changed"]
    lab.write("b02", CONFIG, text, mode="0600")
    lab.sh("b02", "rm -f /tmp/config.cache; php -r 'require_once(\"config.inc\"); require_once(\"ipsec.inc\");"
           " ipsec_configure();'")  # fmt: skip


def test_over_time_is_had_by_another_lifetime_alone(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = config(lab, "b01")
    wish = {"name": "con1", "settings": {"over_time": "1h"}}
    foretold = works(tmp_path, hosts, "b01", "connection", wish, "--check")
    done = works(tmp_path, hosts, "b01", "connection", wish)
    assert done["connection"] == foretold["connection"]
    assert set(done["connection"]["after"]) == {"over_time", "rand_time"}
    assert len(changed(before, config(lab, "b01"))) == 2
    assert "over_time = 3600s" in lab.sh("b01", "cat /var/etc/ipsec/swanctl.conf")
    assert not works(tmp_path, hosts, "b01", "connection", wish)["changed"]


def test_strongswan_has_no_such_settings(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    name = re.findall(r"^(\S+): ", lab.sh("a01", "swanctl --list-conns"), flags=re.MULTILINE)[0]
    for wish in ({"enabled": True}, {"split_children": False}, {"children": {"net": {"enabled": False}}}):
        done = module(tmp_path, hosts, "a01", "connection", {"name": name, **wish})
        assert re.search(r"strongSwan has no setting (enabled|split_children), which", told(done)["msg"])


def test_a_tunnel_is_proven_and_watched_from_a_pfsense(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    """By what FreeBSD has, as the stand-in offers it: ping -S, ifconfig."""
    assert "FreeBSD" in lab.sh("b01", "PATH=/usr/local/sbin:/usr/local/bin:$PATH; uname -srm; ifconfig -a >/dev/null")
    lab.sh("b01", "swanctl --terminate --ike con1; swanctl --initiate --child con1")
    inside, peer = lab.inside("b01"), lab.inside("a01")
    found = works(tmp_path, hosts, "b01", "probe", {"connection": "con1", "child": "con1", "pings": [{"to": peer}]})
    (ping,) = found["pings"]
    assert (found["reachable"], found["esp_used"], ping["from"], ping["to"]) == (True, True, inside, peer)
    assert (ping["sent"], ping["received"]) == (3, 3)
    assert 0 < ping["rtt_min"] <= ping["rtt_max"] < 1
    lost = {"connection": "con1", "pings": [{"to": peer.rpartition(".")[0] + ".77"}], "timeout": 1, "fail": False}
    assert "the tunnel is up and carries nothing: 0 of 3" in works(tmp_path, hosts, "b01", "probe", lost)["msg"]
    watched = {"connection": "con1", "child": "con1", "from": inside, "to": peer}
    assert works(tmp_path, hosts, "b01", "outage_probe", {**watched, "state": "started"})["outage"] is None
    lab.sh("b01", "swanctl --terminate --ike con1; sleep 1.5; swanctl --initiate --child con1 || true")
    missed = works(tmp_path, hosts, "b01", "outage_probe", {**watched, "state": "stopped"})["outage"]
    assert missed["error"] == "", missed
    assert missed["sent"] > 5, missed


def test_how_long_it_waits_for_answers_is_set_and_taken(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = config(lab, "b02")
    wish = {"settings": {"retransmit_tries": 2, "retransmit_timeout": 0.5}, "reason": "ticket 4711"}
    foretold = works(tmp_path, hosts, "b02", "daemon", wish, "--check")
    assert config(lab, "b02") == before
    done = works(tmp_path, hosts, "b02", "daemon", wish)
    assert (done["settings"], done["reasons"]) == (foretold["settings"], [])
    assert done["settings"]["after"] == {"retransmit_tries": "2", "retransmit_timeout": "0.5"}
    lines = {
        "<ikev2_retransmit_tries>2</ikev2_retransmit_tries>",
        "<ikev2_retransmit_timeout>0.5</ikev2_retransmit_timeout>",
    }
    assert set(changed_by(before, config(lab, "b02"))) == lines
    assert re.search(r"ticket 4711: retransmission ikev2_", config(lab, "b02"))
    assert not works(tmp_path, hosts, "b02", "daemon", wish)["changed"]
    waits = works(tmp_path, hosts, "b02", "gateway_info", {})["gateway"]["daemon"]["retransmission"]
    assert (waits["tries"], waits["timeout"]) == (2, 0.5)
    lab.sh("a02", "kill $(pidof charon-systemd)")
    lab.sh(
        "b02", "swanctl --terminate --ike con1 --force --timeout 1; swanctl --initiate --child con1 --timeout 8; true"
    )
    assert "giving up after 2 retransmits" in lab.sh("b02", "cat /var/log/ipsec.log")
    back = {"settings": {"retransmit_tries": "", "retransmit_timeout": ""}}
    assert works(tmp_path, hosts, "b02", "daemon", back)["changed"]
    assert changed_by(before, config(lab, "b02")) == []


def test_a_stopped_daemon_is_started_and_what_was_unloaded_is_loaded(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    lab.sh("b02", "swanctl --unload-conn con1 2>/dev/null; swanctl --load-conns --file /dev/null; true")
    done = works(tmp_path, hosts, "b02", "daemon", {"state": "loaded"})
    assert "con1 is in the file and not loaded" in done["reasons"]
    assert "con1" in lab.sh("b02", "swanctl --list-conns")
    assert not works(tmp_path, hosts, "b02", "daemon", {"state": "loaded"})["changed"]
    lab.sh("b02", "/usr/local/sbin/strongswanrc stop")
    assert works(tmp_path, hosts, "b02", "daemon", {"state": "started"}, "--check")["changed"]
    assert works(tmp_path, hosts, "b02", "daemon", {"state": "started"})["changed"]
    assert "con1" in lab.sh("b02", "swanctl --list-conns")
    assert not works(tmp_path, hosts, "b02", "daemon", {"state": "started"})["changed"]


def test_a_host_behind_the_peer_is_pinged_once_it_is_named(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    before = config(lab, "b01")
    network = lab.sh("b01", "sed -n 's/.*remote_ts = //p' /var/etc/ipsec/swanctl.conf | tail -n 1").strip()
    target = network.replace("0/24", "1")
    wish = {"connection": "con1", "child": "con1", "means": "pinghost", "target": target}
    foretold = works(tmp_path, hosts, "b01", "keepalive", wish, "--check")
    assert config(lab, "b01") == before
    done = works(tmp_path, hosts, "b01", "keepalive", wish)
    assert done == foretold
    assert (done["keepalive"]["means"], done["keepalive"]["interval"]) == ("pinghost", 240)
    assert changed_by(before, config(lab, "b01")) == [f"<pinghost>{target}</pinghost>"]
    assert f"|{target}|3|" in lab.sh("b01", "cat /var/db/ipsecpinghosts")
    assert not works(tmp_path, hosts, "b01", "keepalive", wish)["changed"]
    checks = works(tmp_path, hosts, "b01", "gateway_info", {})["gateway"]["keepalives"]
    assert [(check["means"], check["target"], check["idle"]) for check in checks] == [("pinghost", target, "")]
    off = {key: value for key, value in wish.items() if key != "target"} | {"state": "absent"}
    assert works(tmp_path, hosts, "b01", "keepalive", off)["changed"]
    assert changed(before, config(lab, "b01")) == []
    assert target not in lab.sh("b01", "cat /var/db/ipsecpinghosts")
    done = module(tmp_path, hosts, "a01", "keepalive", {**wish, "connection": "none"})
    assert "pinghost is a check that a pfSense has" in told(done)["msg"] or "no child" in told(done)["msg"]


def test_log_levels_are_compared_and_not_raised(hosts: Path, tmp_path: Path) -> None:
    assert not works(tmp_path, hosts, "b01", "logging", {"levels": {"ike": 2, "cfg": 2}})["changed"]
    assert not works(tmp_path, hosts, "b01", "logging", {"state": "absent"})["changed"]
    done = module(tmp_path, hosts, "b01", "logging", {"levels": {"ike": 3}})
    assert "raise them under VPN > IPsec > Advanced Settings" in told(done)["msg"]
