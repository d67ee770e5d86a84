"""A pfSense's daemon and what is set for all of the firewall: when it is started, what is written, what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import NotRestoredError, RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    Gateway,
    Problem,
    Reply,
    ReplySection,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import pfsense, retransmission
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon import daemon as of_strongswan
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.desired import DesiredConnection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense import daemon, keepalive
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.pfsense.candidate import (
    ConfigXmlCandidate,
)

from ..shells import Shell, shell
from .pfsense_box import OPTIONS, reply, told
from .test_pfsense_prepare import BOTH, P2, Edits, config, edits_of
from .test_pfsense_read import WHOLE, phase1, phase2

__all__ = ["shell"]

TRIES = "<ikev2_retransmit_tries>3</ikev2_retransmit_tries>"


def settings(
    path: Path, asked: Mapping[object, object], general: str = "", first: str = ""
) -> daemon.RetransmissionSettings:
    """What is to be written so that these settings are so."""
    about = {"wan": "192.0.2.10", "skew": "0", "hasync": "", "globals": general}
    path.write_text(WHOLE.format(**about, phase1=first or phase1(), phase2=phase2()), encoding="utf-8")
    made = reply(told(path))
    gateway = pfsense.read("fw", made, OPTIONS)
    wish = DesiredConnection(daemon.NAME, by="alice", pending=True)
    return daemon.list_settings(wish, retransmission.parse_settings(asked), gateway, made, OPTIONS)


@pytest.mark.parametrize(
    ("general", "asked", "wanted"),
    [
        ("", {"retransmit_tries": 3}, {"ikev2_retransmit_tries": "3"}),
        ("", {"retransmit_tries": 5, "retransmit_timeout": "4.0", "retransmit_base": 1.8}, {}),
        (TRIES, {"retransmit_tries": "3"}, {}),
        (TRIES, {"retransmit_tries": ""}, {"ikev2_retransmit_tries": None}),
        (TRIES, {"retransmit_tries": None, "retransmit_limit": 20},
         {"ikev2_retransmit_tries": None, "ikev2_retransmit_limit": "20"}),
        ("", {"retransmit_jitter": "10", "retransmit_limit": 0}, {"ikev2_retransmit_jitter": "10"}),
    ],
)  # fmt: skip
def test_settings_of_retransmission_are_elements_of_the_whole(
    tmp_path: Path, general: str, asked: Mapping[object, object], wanted: Edits
) -> None:
    change = settings(tmp_path / "config.xml", asked, general)
    assert {edit.path: edit.value for edit in change.order.edits} == {f"ipsec/{k}": v for k, v in wanted.items()}
    assert set(change.before) == set(change.after)
    assert "tunnelwright.ipsec for alice: retransmission ikev2_" in change.script(timeout=5).secrets["TW_EDIT"] or (
        not wanted
    )


@pytest.mark.parametrize(
    ("asked", "why"),
    [({"threads": 16}, "not a setting that this module can change"), ({"retransmit_tries": "many"}, "is not a value"),
     ({"retransmit_base": "-1"}, "is not a value")],
)  # fmt: skip
def test_other_settings_and_what_is_no_number_are_refused(asked: Mapping[object, object], why: str) -> None:
    with pytest.raises(RefusedError, match=why):
        retransmission.parse_settings(asked)


def test_what_pfsense_did_not_generate_after_all_is_an_error(tmp_path: Path) -> None:
    change = settings(tmp_path / "config.xml", {"retransmit_tries": 3})
    after = reply(told(tmp_path / "config.xml"), written='{"done":true}')
    with pytest.raises(NotRestoredError, match="and strongswan\\.conf has 5"):
        change.applied(after)
    nothing = settings(tmp_path / "config.xml", {"retransmit_tries": 3}, first=phase1(more="<disabled></disabled>"))
    assert nothing.applied(after) == ()


def test_a_strongswan_is_only_compared() -> None:
    gateway = Gateway(
        "gw", "strongswan", pfsense.read("fw", reply(ReplySection(0, b'{"problem":"missing"}')), OPTIONS).daemon
    )
    of_strongswan.refuse_settings(gateway, Reply({}), {"retransmit_tries": "5"})
    with pytest.raises(RefusedError, match="is not written by this module"):
        of_strongswan.refuse_settings(gateway, Reply({}), {"retransmit_tries": "3"})


def found(path: Path, first: str, *kinds: str) -> Gateway:
    """The gateway with these problems and no others."""
    config(path, first, phase2())
    gateway = pfsense.read("fw", reply(told(path)), OPTIONS)
    running = "daemon-stopped" not in kinds
    return replace(
        gateway,
        daemon=replace(gateway.daemon, running=running),
        problems=tuple(Problem(kind, kind, hint="do so") for kind in kinds),
    )


def test_it_is_started_where_there_is_something_to_run_for(tmp_path: Path) -> None:
    stopped = found(tmp_path / "config.xml", phase1(), "daemon-stopped")
    assert daemon.plan_operations(stopped, "started", enabled=True) == ("the daemon is not running",)
    with pytest.raises(RefusedError, match="no phase 1 is enabled, and without one pfSense runs no IKE daemon"):
        daemon.plan_operations(stopped, "started", enabled=False)
    with pytest.raises(RefusedError, match="not-generated"):
        daemon.plan_operations(found(tmp_path / "config.xml", phase1(), "not-generated"), "loaded", enabled=True)


def test_it_loads_what_was_generated_and_not_what_is_left_out(tmp_path: Path) -> None:
    disabled = phase1(2, more="<disabled></disabled>")
    running = found(tmp_path / "config.xml", phase1() + disabled)
    assert daemon.plan_operations(running, "loaded", enabled=True) == ("con1 is in the file and not loaded",)


def test_it_is_started_and_loaded_by_pfsenses_own_script(shell: Shell, tmp_path: Path) -> None:
    for name in ("strongswanrc", "swanctl"):
        (tmp_path / name).write_text(f'#!/bin/sh\necho "{name} $*" >>{tmp_path}/log\n', encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    for state in ("started", "loaded"):
        made = daemon.build_script(state, timeout=1)
        source = f"PATH={tmp_path}:$PATH\n{made.source.replace('/usr/local/sbin', str(tmp_path))}"
        shell.run(replace(made, source=source))
    assert (tmp_path / "log").read_text(encoding="utf-8").splitlines() == [
        "strongswanrc start",
        "swanctl --stats",
        "strongswanrc reload",
        "swanctl --load-conns --file /var/etc/ipsec/swanctl.conf",
    ]


def pinging(path: Path, first: str, second: str, target: str, *, present: bool = True) -> ConfigXmlCandidate:
    config(path, first, second)
    made = reply(told(path))
    gateway = pfsense.read("fw", made, OPTIONS)
    wish = DesiredConnection("con1", pending=True)
    return keepalive.prepare(wish, "con1", gateway, made, OPTIONS, present=present, ping=target)


PINGS = "<pinghost>10.1.0.7</pinghost>"


@pytest.mark.parametrize(
    ("second", "target", "present", "wanted"),
    [
        (phase2(), "10.1.0.7", True, {f"{P2}/pinghost": "10.1.0.7"}),
        (phase2(more=PINGS), "10.1.0.7", True, {}),
        (phase2(more=PINGS), "10.1.0.8", True, {f"{P2}/pinghost": "10.1.0.8"}),
        (BOTH, "10.2.0.7", True, {"phase2[uniqid=u2]/pinghost": "10.2.0.7"}),
        (phase2(more=PINGS), "", False, {f"{P2}/pinghost": ""}),
        (phase2(), "", False, {}),
    ],
)
def test_the_entry_with_the_address_behind_it_pings(
    tmp_path: Path, second: str, target: str, present: bool, wanted: Edits
) -> None:
    change = pinging(tmp_path / "config.xml", phase1(), second, target, present=present)
    assert edits_of(change) == wanted
    assert change.order.applied is bool(wanted)


@pytest.mark.parametrize(
    ("first", "second", "target", "why"),
    [
        (phase1(), phase2(), "10.9.0.1", "10.9.0.1 is in no remote network"),
        (
            phase1(),
            phase2(local="<type>network</type><address>172.16.0.0</address><netbits>24</netbits>"),
            "10.1.0.7",
            "no address of this firewall is in 172.16.0.0/24",
        ),
        (phase1(more="<startaction>none</startaction>"), phase2(), "10.1.0.7", "the start action is none"),
        (phase1(), phase2(mode="vti"), "10.1.0.7", "does not start a routed"),
    ],
)
def test_a_ping_that_would_do_nothing_is_refused(
    tmp_path: Path, first: str, second: str, target: str, why: str
) -> None:
    with pytest.raises(RefusedError, match=why):
        pinging(tmp_path / "config.xml", first, second, target)
