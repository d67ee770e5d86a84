"""The judgement of `make sabotage`: any difference between two pictures of a gateway is one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.sabotage.page import page, table
from tests.sabotage.picture import Picture, differences, sas
from tests.sabotage.story import PINGS, Told
from tests.sabotage.ways import WAYS

LISTED = """east: #3, ESTABLISHED, IKEv2, 7b3f_i* 9a1c_r
  local  'b01.lab' @ 198.19.1.1[500]
  net: #5, reqid 1, INSTALLED, TUNNEL, ESP:AES_CBC-256/HMAC_SHA2_256_128/CURVE_25519
    in  c1, 252 bytes, 3 packets
"""
FILES = {"/etc/swanctl/conf.d/east.conf": "f 644 0 0  aa", "/etc/swanctl": "d 755 0 0  -"}
BEFORE = Picture(FILES, sas(LISTED), ("east: IKEv2", "  local:  198.19.1.1"), ("cron cron", "sleep sleep 3600"))


def test_an_sa_is_what_stays_when_it_is_made_anew() -> None:
    assert sas(LISTED) == ("east ESTABLISHED IKEv2", "net INSTALLED TUNNEL AES_CBC-256")
    again = LISTED.replace("#3", "#4").replace("#5", "#9").replace("/CURVE_25519", "").replace("7b3f", "1111")
    assert sas(again) == sas(LISTED)


def test_a_gateway_that_is_as_before_has_no_difference() -> None:
    assert list(differences(BEFORE, replace(BEFORE, record="why not confirmed in time"))) == []


@pytest.mark.parametrize(
    ("after", "said"),
    [
        (BEFORE.with_text("/etc/swanctl/conf.d/east.conf", "x"), "/etc/swanctl/conf.d/east.conf is other bytes"),
        (replace(BEFORE, files={**FILES, "/etc/swanctl": "d 700 0 0  -"}), "/etc/swanctl is d 700 0 0  -"),
        (BEFORE.with_file("/etc/cron.d/x", ""), "/etc/cron.d/x is there"),
        (replace(BEFORE, files={"/etc/swanctl": FILES["/etc/swanctl"]}), "/etc/swanctl/conf.d/east.conf is gone"),
        (replace(BEFORE, sas=BEFORE.sas[:1]), "sas: gone is net INSTALLED TUNNEL AES_CBC-256"),
        (replace(BEFORE, sas=(*BEFORE.sas, BEFORE.sas[1])), "sas: there is net INSTALLED TUNNEL AES_CBC-256"),
        (replace(BEFORE, loaded=(*BEFORE.loaded, "twin: IKEv2")), "loaded: there is twin: IKEv2"),
        (replace(BEFORE, processes=BEFORE.processes[1:]), "processes: gone is cron cron"),
        (replace(BEFORE, processes=(*BEFORE.processes, "sh /bin/sh watch")), "processes: there is sh /bin/sh watch"),
    ],
)
def test_anything_else_is_a_difference(after: Picture, said: str) -> None:
    assert list(differences(BEFORE, after)) == [said]


@pytest.mark.parametrize(
    ("line", "passing"),
    [
        ("initiator: processes: there is ping ping -n -i 0.2 -c 750 -I 10.1.2.1 10.1.1.1", True),
        ("initiator: processes: there is sleep sleep 60", True),
        ("initiator: /run/tunnelwright is there", True),
        ("initiator: processes: there is sh /bin/sh /etc/tunnelwright/guard-ab/watch", False),
        ("initiator: /etc/tunnelwright is there", False),
    ],
)
def test_only_what_measures_the_outage_may_stay_a_little_longer(line: str, passing: bool) -> None:
    assert bool(PINGS.search(line)) is passing


def test_there_are_enough_ways_and_each_says_what_it_does() -> None:
    assert len(WAYS) >= 25
    assert sum(name.startswith("killed-") for name in WAYS) >= 10
    assert all(way.about.endswith(".") for way in WAYS.values())
    assert {way.right.text for way in WAYS.values()} > {"as before"}


def test_the_page_shows_what_is_wrong() -> None:
    way = WAYS["killed-after-the-reload"]
    fine = Told(way, (), ("responder: west.conf",), 61.4, ("the run was killed",))
    wrong = Told(way, ("responder: x is gone",))
    text = page({"6.0.1": [fine, wrong]}, [fine], [wrong, fine], 90)
    assert "## The playbook remediate\n\n1 of 1 end as they must." in text
    assert "1 of 2 end as they must." in text
    assert "| responder: west.conf | the run was killed | as before | 61 s |" in text
    assert text.count("**wrong**") == 1
    assert "| killed-after-the-reload | yes | responder: x is gone |" in text
    assert "| killed-after-the-reload | **no** |" in text
    assert "WRONG responder: x is gone" in table([fine, wrong])
