"""Two pfSense with two phase 2 items each, of which one speaks IKEv1: the versions differ, and nothing else does."""

from __future__ import annotations

import re
from pathlib import Path

from tests.lab.inventory import inventory

from .mixed_fleet import DECLARED, by_tunnel, config, fleets, put, report, run, with_canaries

MORE = {"hub": "10.0.8.1", "branch": "10.0.9.1"}  # in the second network of each
BRANCH, HUB = "branch", "hub"


def _with_second(text: str, *, own: str, other: str, version: str) -> str:
    """A config.xml whose con1 has a second phase 2, for these networks, and this version."""
    (first,) = re.findall(r"<phase2>(?:(?!</phase2>).)*<ikeid>1</ikeid>.*?</phase2>", text, flags=re.DOTALL)
    network = "<{0}><type>network</type><address>{1}</address><netbits>24</netbits></{0}>"
    second = re.sub("<uniqid>.*?<", "<uniqid>65f0aa0000002<", first)
    second = re.sub("<reqid>.*?<", "<reqid>77<", second)
    for name, value in (("localid", own), ("remoteid", other)):
        made = network.format(name, f"{value.rpartition('.')[0]}.0")
        second = re.sub(f"<{name}>.*?</{name}>", made, second, flags=re.DOTALL)
    return re.sub("<iketype>.*?<", f"<iketype>{version}<", text.replace(first, first + second), count=1)


def test_where_only_the_versions_differ_only_the_version_is_changed(tmp_path: Path) -> None:
    with with_canaries(fleets()) as lab:
        hosts = tmp_path / "inventory.yml"
        hosts.write_text(inventory(lab), encoding="utf-8")
        broken = {
            name: _with_second(
                config(lab, name), own=MORE[name], other=MORE[{HUB: BRANCH, BRANCH: HUB}[name]], version=version
            )
            for name, version in ((HUB, "ikev2"), (BRANCH, "ikev1"))
        }
        for name, address in MORE.items():
            lab.sh(name, f"ip addr add {address}/24 dev eth1")
        put(lab, broken)
        done = run(tmp_path, hosts, "remediate", ipsec_tunnels=DECLARED, ipsec_timeout=10)
        assert by_tunnel(report(tmp_path, "before")) == {"sites": {"ike-version-mismatch"}}
        assert (done.status, done.changed()) == (0, {BRANCH: 1})
        assert config(lab, HUB) == broken[HUB]
        assert lab.pings("sites") == (True, True)
        assert lab.ping(BRANCH, MORE[HUB], address=MORE[BRANCH])
