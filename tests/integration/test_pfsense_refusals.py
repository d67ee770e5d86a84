"""When a pfSense is not changed, on the stand-in: one sentence says why, and nothing was written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import diagnose
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Tunnel
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.pair import pair_ends

from tests.lab.inventory import inventory
from tests.lab.lab import Lab, running
from tests.lab.topology import pairs, topology

from .ansible_run import module, told
from .in_turn import check, in_turn, use
from .test_pfsense_audit import CHECKED, CONFIG, apply, read
from .test_pfsense_writing import changed_by

WISH = {"name": "con1", "settings": {"dpd_delay": "20s"}}
KEPT = f"sha256sum {CONFIG}; ls -l /cf/conf/backup /cf/conf; swanctl --list-sas | grep -c ESTABLISHED || :"
CARP = "/var/run/stand-in/carp"
VIP = """<virtualip><vip><mode>carp</mode><interface>wan</interface><uniqid>abc</uniqid><vhid>1</vhid>
<advskew>{}</advskew><password>x</password><subnet>198.19.1.1</subnet><subnet_bits>24</subnet_bits></vip></virtualip>
<hasync>{}</hasync>
</pfsense>"""
PRIMARY = VIP.format(0, "<synchronizetoip>192.0.2.2</synchronizetoip><synchronizeipsec>on</synchronizeipsec>")
SECONDARY = VIP.format(100, "<pfsyncenabled>on</pfsyncenabled>")
ENCRYPTED = "---- BEGIN config.xml ----\nU2FsdGVk\n---- END config.xml ----\n"
# somebody saves between our reading and our writing: the first program that writes finds another file
MEANWHILE = f"""mv /usr/local/bin/php /usr/local/bin/php.away
cat >/usr/local/bin/php <<'END'
#!/bin/sh
case "$*" in *write_config*) sed -i 's|<dpd_maxfail>5<|<dpd_maxfail>6<|' {CONFIG} ;; esac
exec /usr/local/bin/php.away "$@"
END
chmod 755 /usr/local/bin/php"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    data = pairs(2, name="pfrefuse", pfsense={"b": "2.7.2"}).data
    with running(topology({**data, "poll": 3600}, where="pfrefuse")) as lab:
        yield lab


@pytest.fixture
def hosts(lab: Lab, tmp_path: Path) -> Callable[[str], Path]:
    def made(user: str) -> Path:
        path = tmp_path / f"{user}.yml"
        path.write_text(inventory(lab, user=user), encoding="utf-8")
        return path

    return made


@pytest.fixture(autouse=True)
def as_before(lab: Lab) -> Iterator[None]:
    """Both firewalls have their own configuration again, and run with it."""
    texts = {gateway: lab.sh(gateway, f"cat {CONFIG}") for gateway in ("b01", "b02")}
    yield
    for gateway, text in texts.items():
        lab.sh(gateway, f"rm -f {CARP} /var/run/booting /var/run/ipsec.dirty")
        if lab.sh(gateway, f"cat {CONFIG}") != text:
            lab.write(gateway, CONFIG, text, mode="0640")
            apply(lab, gateway)


def has(lab: Lab, gateway: str, text: str) -> None:
    lab.write(gateway, CONFIG, text, mode="0640")
    lab.sh(gateway, "rm -f /tmp/config.cache")


def clustered(lab: Lab) -> None:
    """b01 is the primary of a cluster and b02 its secondary, which has got the same phase 1 and 2."""
    text = lab.sh("b01", f"cat {CONFIG}").replace(*CHECKED)
    text = text.replace("<interface>wan</interface>", "<interface>_vipabc</interface>")
    ipsec = text[text.index("<ipsec>") : text.index("</ipsec>")]
    other = lab.sh("b02", f"cat {CONFIG}")
    own = other[other.index("<ipsec>") : other.index("</ipsec>")]
    has(lab, "b01", text.replace("</pfsense>", PRIMARY))
    has(lab, "b02", other.replace(own, ipsec).replace("</pfsense>", SECONDARY))
    master(lab, "b01")


def master(lab: Lab, one: str) -> None:
    """The one that has the address by now."""
    for gateway in ("b01", "b02"):
        lab.sh(gateway, f"echo '_vipabc {'MASTER' if gateway == one else 'BACKUP'} 1' >{CARP}")
        apply(lab, gateway)


CASES: dict[str, tuple[Callable[[Lab], object], str]] = {
    "booting": (lambda lab: lab.sh("b01", "touch /var/run/booting"), "pfSense is booting"),
    "unapplied": (lambda lab: lab.sh("b01", "touch /var/run/ipsec.dirty"), "wait to be applied"),
    "encrypted": (lambda lab: has(lab, "b01", ENCRYPTED), "is encrypted"),
    "not ASCII": (
        lambda lab: has(lab, "b01", lab.sh("b01", f"cat {CONFIG}").replace("<domain>", "<domain>b\u00fcro.")),
        "would write a config.xml that it cannot read",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_it_says_why_and_writes_nothing(lab: Lab, hosts: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    put, why = CASES[name]
    put(lab)
    before = lab.sh("b01", KEPT)
    run = module(tmp_path, hosts("root"), "b01", "connection", WISH)
    assert run.status == 2
    said = str(told(run)["msg"])
    assert why in said
    assert "\n" not in said
    assert lab.sh("b01", KEPT) == before


def test_without_rights_it_says_whom_to_become(lab: Lab, hosts: Callable[[str], Path], tmp_path: Path) -> None:
    before = lab.sh("b01", KEPT)
    run = module(tmp_path, hosts("operator"), "b01", "connection", WISH, "-e", "ansible_become=false")
    assert run.status == 2
    assert "become" in told(run)["msg"]
    assert lab.sh("b01", KEPT) == before


def test_what_somebody_saves_meanwhile_stays_and_ours_is_not_written(
    lab: Lab, hosts: Callable[[str], Path], tmp_path: Path
) -> None:
    before = lab.sh("b01", f"cat {CONFIG}")
    lab.sh("b01", MEANWHILE)
    try:
        run = module(tmp_path, hosts("root"), "b01", "connection", WISH)
    finally:
        lab.sh("b01", "mv /usr/local/bin/php.away /usr/local/bin/php")
    assert run.status == 2
    assert "changed by someone else meanwhile" in told(run)["msg"]
    assert changed_by(before, lab.sh("b01", f"cat {CONFIG}")) == ["<dpd_maxfail>6</dpd_maxfail>"]


@pytest.mark.parametrize("user", ["admin", "operator"])
def test_another_superuser_and_one_with_sudo_write_as_root_does(
    lab: Lab, hosts: Callable[[str], Path], tmp_path: Path, user: str
) -> None:
    """The menu of admin does not stand in the way, and sudo asks for the password that become gives."""
    before = lab.sh("b01", f"cat {CONFIG}")
    done, again = in_turn(tmp_path, hosts(user), "b01", use("connection", WISH), use("connection", WISH))
    assert changed_by(before, lab.sh("b01", f"cat {CONFIG}")) == ["<dpd_delay>20</dpd_delay>"]
    assert lab.sh("b01", f"stat -c '%U %a' {CONFIG}").split()[0] == "root"
    assert (done["changed"], again["changed"]) == (True, False)


def ends(tunnels: Iterable[Tunnel]) -> list[str]:
    return [f"{end.gateway.name}/{end.connection.name}" for tunnel in tunnels for end in tunnel.ends]


def test_of_a_cluster_the_primary_is_changed_and_the_one_that_has_the_address_is_the_end(
    lab: Lab, hosts: Callable[[str], Path], tmp_path: Path
) -> None:
    clustered(lab)
    before = lab.sh("b02", KEPT)
    for refused in in_turn(tmp_path, hosts("root"), "b02", use("connection", WISH), check("connection", WISH)):
        assert "this is the secondary of a cluster" in refused["msg"]
    assert lab.sh("b02", KEPT) == before
    tunnels, unpaired = pair_ends([read(lab, gateway) for gateway in ("a01", "b01", "b02")])
    assert ends(tunnels) == ["a01/west", "b01/con1"]
    assert (unpaired, [str(each) for each in diagnose(tunnels)]) == ((), [])
    assert module(tmp_path, hosts("root"), "b01", "connection", WISH).changed() == {"b01": 1}
    master(lab, "b02")
    tunnels, unpaired = pair_ends([read(lab, gateway) for gateway in ("a01", "b01", "b02")])
    assert ends(tunnels) == ["a01/west", "b02/con1"]
    assert unpaired == ()
