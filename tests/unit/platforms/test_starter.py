"""What starts the daemon with the machine, read in the shells that gateways have: does it load connections?"""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Reply, Script
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import detect_platform
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.charon.scripts import read_script

from ...record import OPTIONS, replay
from ..shells import Shell, shell

__all__ = ["shell"]

UNIT = """# /usr/lib/systemd/system/strongswan.service
[Unit]
Description=strongSwan IPsec IKEv1/IKEv2 daemon using swanctl

[Service]
Type=notify
ExecStart=/usr/sbin/charon-systemd
ExecStartPost=/usr/sbin/swanctl --load-all --noprompt
ExecReload=/usr/sbin/swanctl --reload
ExecReload=/usr/sbin/swanctl --load-all --noprompt
"""
DROP_IN = "\n# /etc/systemd/system/strongswan.service.d/override.conf\n[Service]\n"
RESET = f"{UNIT}{DROP_IN}ExecStartPost=\n"
LEGACY = "[Service]\nExecStart=/usr/sbin/ipsec start --nofork\n"
BARE = "#!/bin/sh\n# swanctl --load-all is not done here\nsetsid charon-systemd &\n"
HEALTHY = Path(__file__).parent / "replies" / "trixie-healthy.json"


@pytest.mark.parametrize(
    ("by", "written", "conf", "loads"),
    [
        ("unit", UNIT, "", True),
        ("unit", RESET, "", False),
        ("unit", f"{RESET}ExecStartPost=-/usr/sbin/swanctl -q\n", "", True),
        ("unit", f"{RESET}ExecStartPost=/usr/sbin/swanctl \\\n  --load-conns\n", "", True),
        ("unit", f"{RESET}ExecStartPost=/usr/sbin/swanctl --load-creds\n", "", False),
        ("unit", f"{RESET}ExecStartPost=/usr/local/sbin/vpn up\n", "", None),
        ("unit", f"{RESET}ExecStartPost = +/bin/sh -c 'swanctl --load-all'\n", "", True),
        ("unit", RESET, "charon-systemd {\n start-scripts {\n  all = /usr/sbin/swanctl --load-all\n }\n}\n", True),
        ("unit", RESET, "charon {\n start-scripts {\n  # all = swanctl --load-all\n }\n}\n", False),
        ("unit", LEGACY, "", False),
        ("script", BARE, "", False),
        ("script", f"{BARE}$SWANCTL --load-all\n", "", True),
        ("script", "#!/bin/sh\n/usr/local/sbin/vpn start\n", "", None),
        ("script", BARE, "charon { start-scripts { all = swanctl --load-all\n } }\n", True),
    ],
)
def test_what_loads_connections_is_seen_in_what_starts_the_daemon(  # noqa: PLR0913, PLR0917 - a row of a table
    shell: Shell, tmp_path: Path, by: str, written: str, conf: str, loads: bool | None
) -> None:
    starter, settings = tmp_path / "strongswan", tmp_path / "strongswan.conf"
    starter.write_text(written, encoding="utf-8")
    settings.write_text(conf, encoding="utf-8")
    told = f"""
systemctl() {{ cat '{starter}'; }}
tw_starter() {{ echo '{by} {starter}'; }}
tw_conf_files='{settings}
' tw_conf_unread=''
section starter tw_loading_starter
"""
    reply = shell.run(Script("\n".join((read_script("start.sh"), read_script("starter.sh"), told)), {}))
    assert reply.sections["starter"].err == ""
    sections = {**replay(HEALTHY).sections, **reply.sections}
    daemon = detect_platform(Reply(sections)).read("gw", Reply(sections), OPTIONS).daemon
    assert (daemon.starter, daemon.loads) == (str(starter), loads)


@pytest.mark.parametrize("by", ["unit", "script"])
@pytest.mark.parametrize(
    ("starter", "files", "unread"),
    [("/nowhere", "/dev/null", ""), ("{bare}", "", ""), ("{bare}", "/dev/null", "denied /etc/strongswan.d/x.conf")],
    ids=["the starter", "strongswan.conf", "what it includes"],
)
def test_what_cannot_be_read_is_not_judged(  # noqa: PLR0913, PLR0917 - a row of a table
    shell: Shell, tmp_path: Path, by: str, starter: str, files: str, unread: str
) -> None:
    bare = tmp_path / "strongswan"
    bare.write_text(RESET if by == "unit" else BARE, encoding="utf-8")
    path = starter.format(bare=bare)
    told = f"systemctl() {{ cat '{path}'; }}\ntw_starter() {{ echo '{by} {path}'; }}\n"
    told += f"tw_conf_files='{files}' tw_conf_unread='{unread}'\nsection starter tw_loading_starter\n"
    reply = shell.run(Script("\n".join((read_script("start.sh"), read_script("starter.sh"), told)), {}))
    assert reply.sections["starter"].text.strip() == f"unknown {path}"


def test_a_machine_that_nothing_starts_a_daemon_on_is_not_judged(shell: Shell) -> None:
    nothing = "tw_starter() { echo nothing >&2; return 1; }\nsection starter tw_loading_starter\n"
    reply = shell.run(Script("\n".join((read_script("start.sh"), read_script("starter.sh"), nothing)), {}))
    sections = {**replay(HEALTHY).sections, **reply.sections}
    daemon = detect_platform(Reply(sections)).read("gw", Reply(sections), OPTIONS).daemon
    assert (daemon.starter, daemon.loads) == ("", None)
