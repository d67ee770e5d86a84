"""A connection's twin: what the daemon would hold while it carries the traffic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.errors import RefusedError
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import (
    PARALLEL,
    ChildSa,
    Connection,
    IkeSa,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.parallel_connection import (
    ParallelConnection,
    build_parallel_connection,
    list_carrying,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.redacted_files import (
    GatewayFile,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.desired import DesiredConnection
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.strongswan.edit_script import (
    EditSet,
    build_edit_set,
    build_script,
)
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.connections import parse_connections
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.settings import load

from ..shells import Shell, shell

__all__ = ["shell"]

Hop = Callable[..., tuple[list[str], dict[str, str]]]
ROOT, FILE = "/etc/swanctl/swanctl.conf", "/etc/swanctl/conf.d/hq.conf"
BESIDE = "/etc/swanctl/.swanctl.conf.tunnelwright-next"
FILES = {
    ROOT: b"include conf.d/*.conf\n",
    FILE: b"""usual {
  dpd_delay = 30s
  children {
    net {
      esp_proposals = aes256-sha256
      close_action = start
    }
  }
}
connections {
  hq : usual {
    version = 2
    remote_addrs = 192.0.2.1
    keyingtries = 0
    local-1 {
      auth = psk
      id = a.lab
    }
    local-2 {
      auth = psk
      id = a2.lab
    }
    remote {
      auth = psk
      id = b.lab
    }
    children {
      net {
        start_action = trap|start
        rekey_time = 20m
      }
      voice {
        local_ts = 10.1.3.0/24
        start_action = trap
      }
    }
  }
  other {
    version = 2
  }
}
""",
}
Tree = dict[str, Any]


def there(files: dict[str, bytes], root: str = ROOT) -> tuple[Tree, tuple[Connection, ...]]:
    """What a configuration has, with everything inherited and without what is masked."""
    settings = load(root, files)
    return settings.tree()["connections"], parse_connections(settings, (6, 0, 1))[0]


def planned(wish: DesiredConnection, files: dict[str, bytes] | None = None) -> tuple[EditSet, Connection]:
    files = files or FILES
    found = {c.name: c for c in there(files)[1]}["hq"]
    shown = {path: GatewayFile(path, text, "print", "600", "root:root") for path, text in files.items()}
    return build_edit_set(wish, load(ROOT, files), shown, (6, 0, 1), "k", (), found), found


def made(wish: DesiredConnection, **options: str) -> tuple[ParallelConnection, EditSet]:
    plan, connection = planned(wish)
    return build_parallel_connection(connection, plan.changes, ("net",), options.get("config", ROOT)), plan


WISHES = {
    "a value of its own": DesiredConnection("hq", {"version": "0"}),
    "a value that a template has": DesiredConnection(
        "hq", {"dpd_delay": "5s"}, {"net": {"esp_proposals": "aes128gcm16"}}
    ),
    "a new value": DesiredConnection("hq", {"encap": "yes"}, {"voice": {"rekey_time": "10m"}}),
    "a value cleared": DesiredConnection("hq", {"dpd_delay": ""}, {"net": {"rekey_time": "", "close_action": ""}}),
    "a later round": DesiredConnection("hq", {"local-2.id": "c.lab", "remote.id": 'C=CH, O="x"'}),
    "actions": DesiredConnection(
        "hq", {"keyingtries": "1"}, {"net": {"start_action": "trap"}, "voice": {"close_action": "start"}}
    ),
    "nothing": DesiredConnection("hq"),
}


@pytest.mark.parametrize("written", [False, True], ids=["before the files are written", "after"])
@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES)
def test_with_the_twins_file_the_connection_is_as_it_was_and_the_twin_as_it_is_to_be(
    wish: DesiredConnection, written: bool
) -> None:
    bridge, plan = made(wish)
    after = dict(plan.after)
    with_twin, found = there({**(after if written else FILES), BESIDE: bridge.text.encode()}, BESIDE)
    beside = with_twin.pop("hq" + PARALLEL)
    assert with_twin == there(FILES)[0]
    want = there(after)[0]["hq"]
    for child in ("net", "voice"):
        want["children"][child] |= {"start_action": "none", "close_action": "none"}
    assert beside.pop("keyingtries") not in {tree["hq"].pop("keyingtries", "1") for tree in (with_twin, {"hq": want})}
    assert beside == want
    rounds = {c.name: ([a.section for a in c.local], [a.section for a in c.remote]) for c in found}
    assert rounds["hq" + PARALLEL] == rounds["hq"] == (["local-1", "local-2"], ["remote"])


def test_a_parked_connection_matches_no_peer_and_starts_nothing_and_others_are_as_they_were() -> None:
    bridge = made(DesiredConnection("hq", {"encap": "yes"}))[0]
    parked, found = there({**FILES, BESIDE: bridge.parked.encode()}, BESIDE)
    connection = {c.name: c for c in found}["hq"]
    assert connection.remote_addrs == ("0.0.0.1",)
    assert {(c.start_action, c.close_action) for c in connection.children} == {("none", "none")}
    assert parked["other"] == there(FILES)[0]["other"]
    assert parked.keys() == {"hq", "other"}


@pytest.mark.parametrize(
    ("wish", "config", "change", "said"),
    [
        (
            DesiredConnection("hq"),
            ROOT,
            {"remote_addrs": ("%any",)},
            "an end that can initiate, and remote_addrs of hq is %any: re-establish",
        ),
        (
            DesiredConnection("hq"),
            ROOT,
            {"version": 1},
            "does not work with IKEv1, which hq has: leave it out, or move to version 2",
        ),
        (DesiredConnection("hq", {"version": "1"}), ROOT, {}, "does not work with IKEv1"),
        (
            DesiredConnection("hq"),
            "/etc/swanctl/my vpn.conf",
            {},
            "cannot write the names of hq and my vpn.conf into a file of its own",
        ),
        (DesiredConnection("hq"), ROOT, {"name": "x" * 110}, "cannot write the names of xxx"),
    ],
)
def test_what_cannot_be_carried_over_is_refused(
    wish: DesiredConnection, config: str, change: dict[str, object], said: str
) -> None:
    plan, connection = planned(wish)
    with pytest.raises(RefusedError, match=re.escape(said)):
        build_parallel_connection(replace(connection, **change), plan.changes, ("net",), config)


def test_moving_from_ikev1_to_2_is_carried_over() -> None:
    plan, connection = planned(DesiredConnection("hq", {"version": "2"}))
    assert not plan.changes
    one = {**FILES, FILE: FILES[FILE].replace(b"version = 2\n    remote", b"version = 1\n    remote")}
    plan, connection = planned(DesiredConnection("hq", {"version": "2"}), one)
    assert connection.version == 1
    assert build_parallel_connection(connection, plan.changes, ("net",), ROOT).name == "hq" + PARALLEL


def test_what_carries_traffic_is_carried_over_also_when_a_twin_does_that_now() -> None:
    connection = planned(DesiredConnection("hq"))[1]
    net, voice, gone = (
        ChildSa(name, 1, state) for name, state in (("net", "INSTALLED"), ("voice", "REKEYED"), ("x", "INSTALLED"))
    )
    assert list_carrying(connection, ()) == ()
    assert list_carrying(connection, (IkeSa("hq", 1, "ESTABLISHED", children=(voice, gone)),)) == ()
    assert list_carrying(connection, (IkeSa("other", 1, "ESTABLISHED", children=(net,)),)) == ()
    for name in ("hq", "hq" + PARALLEL):
        assert list_carrying(connection, (IkeSa(name, 1, "ESTABLISHED", children=(net, voice)),)) == ("net",)


# ---- the script, on a daemon that is a folder of SAs

SWANCTL = """#!/bin/sh
cd DAEMON || exit
echo "$*" >>calls
name=${3:-}
case $1 in
--help | --stats) ;;
--list-conns) [ "${2:-}" = --pretty ] || sed 's/$/: IKEv2, no reauthentication/' loaded ;;
--list-sas)
    [ "$2" = --ike ] || name=${4:-}
    for sa in sas/*."$name"; do
        [ -e "$sa" ] || continue
        printf '%s: #%s, ESTABLISHED, IKEv2, 1_i* 2_r\\n' "$name" "$(basename "${sa%%.*}")"
        printf '  net: #%s, reqid 1, INSTALLED, TUNNEL, ESP:X\\n' "$(cat "$sa")"
    done ;;
--load-conns)
    file=${3:-CONFIG}
    { echo hq; ! grep -q next "$file" || echo hq-tunnelwright-next; } >loaded ;;
--initiate)
    ! grep -qx "$name" refused 2>/dev/null || { echo '[IKE] received NO_PROPOSAL_CHOSEN notify error'; exit 1; }
    echo >>made
    grep -c '' made >"sas/$(grep -c '' made).$name" ;;
--rekey) grep -q norekey refused 2>/dev/null || for sa in sas/*."$name"; do echo 77 >"$sa"; done ;;
--terminate) rm sas/"$name".* ;;
esac
"""


@pytest.fixture
def hop(shell: Shell, tmp_path: Path) -> Iterator[Hop]:
    """Runs the whole script: what the fake daemon was told, and the sections of the answer."""
    daemon, config = tmp_path / "daemon", tmp_path / "swanctl.conf"
    (daemon / "sas").mkdir(parents=True)
    (daemon / "sas" / "9.hq").write_text("9", encoding="utf-8")
    config.write_text("connections {\n  hq {\n  }\n}\n", encoding="utf-8")
    (daemon / "loaded").write_text("hq\n", encoding="utf-8")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in (
        ("swanctl", SWANCTL.replace("DAEMON", str(daemon)).replace("CONFIG", str(config))),
        ("sleep", ""),
    ):
        (tools / name).write_text(text or "#!/bin/sh\n", encoding="utf-8")
        (tools / name).chmod(0o755)
    with_tools = replace(shell, path=f"{tools}:{shell.path}")

    def run(*refused: str) -> tuple[list[str], dict[str, str]]:
        (daemon / "refused").write_text("".join(f"{one}\n" for one in refused), encoding="utf-8")
        bridge = ParallelConnection(
            "hq" + PARALLEL, f"include {config.name}\n# hq-tunnelwright-next\n", "", ("net",), ("net",)
        )
        plan = EditSet((), {}, {}, {}, ("hq",))
        options = GatherOptions("k", config=str(config))
        program = build_script(
            DesiredConnection("hq"), plan, {}, options=options, timeout=1, terminate=False, twin=bridge
        )
        sections = with_tools.run(program).sections
        told = (daemon / "calls").read_text(encoding="utf-8").splitlines()
        assert not list(tmp_path.glob(".*tunnelwright*"))
        assert (daemon / "loaded").read_text(encoding="utf-8") == "hq\n"
        acts = [call for call in told if call.split()[0] in ("--initiate", "--terminate", "--rekey", "--load-conns")]
        return [" ".join(act.split()[:3]) for act in acts], {name: part.text for name, part in sections.items()}

    yield run
    left = [path.name.partition(".")[2] for path in (daemon / "sas").iterdir()]
    assert left in (["hq"], ["hq" + PARALLEL])  # something carries traffic, whatever was refused


TWIN = "hq" + PARALLEL


def test_the_old_goes_when_the_twin_is_proven_and_the_twin_when_the_new_is_up(hop: Hop) -> None:
    told, sections = hop()
    assert [call.partition(" /")[0] for call in told] == [
        "--load-conns --file",
        f"--initiate --ike {TWIN}",
        f"--rekey --ike {TWIN}",
        "--terminate --ike-id 9",
        "--load-conns",
        "--initiate --ike hq",
        "--terminate --ike-id 1",
    ]
    assert "applied" in sections


@pytest.mark.parametrize(
    ("refused", "said", "kept"),
    [
        (TWIN, "hq/net was not established with the new settings", True),
        ("norekey", "the peer does not rekey hq/net with the new settings", True),
        ("hq", "hq/net was not established again", False),
    ],
)
def test_what_the_peer_refuses_is_taken_back_and_something_carries_traffic(
    hop: Hop, refused: str, said: str, kept: bool
) -> None:
    told, sections = hop(refused)
    assert said in sections["restored"]
    assert ("--terminate --ike-id 9" not in told) == kept
    assert told.count("--load-conns") == (1 if kept else 2)  # what is there again, and before it what was to be
