"""The configuration of a lab gateway: swanctl.conf in pieces, complementary by default, and strongswan.conf."""

from __future__ import annotations

from collections.abc import Mapping

from .topology import End, Tunnel

# What two peers need not to get stuck: one initiates and comes back, the other answers.
BASE = {
    "version": "2",
    "proposals": "aes256-sha256-x25519",
    "keyingtries": "0",
    "dpd_delay": "30s",
    "mobike": "no",
}
CHILD = {"esp_proposals": "aes256-sha256-x25519", "start_action": "none", "close_action": "none", "dpd_action": "clear"}
INITIATES = {"start_action": "trap|start", "close_action": "start", "dpd_action": "start"}

ROOT = "# Connections are in conf.d, one file each; secrets.conf is root's alone.\ninclude conf.d/*.conf\n"

PLUGINS = (
    "random nonce openssl gmp curve25519 kdf hmac sha1 sha2 aes gcm pem pkcs1 pkcs8 x509 pubkey constraints revocation "
    "kernel-libipsec kernel-netlink socket-default vici updown counters"
)
STRONGSWAN = """charon-systemd {
  load_modular = no
  load = PLUGINS
  install_routes = yes
  filelog {
    main {
      path = /run/charon.log
      time_format = %b %e %T
      default = 1
      ike = 2
      flush_line = yes
    }
  }
  plugins {
    kernel-libipsec {
      RAW_ESP
    }
  }
}
"""


def strongswan_conf(suite: str) -> str:
    """strongswan.conf of a gateway; plain ESP on the wire exists from 6.0 (trixie)."""
    return STRONGSWAN.replace("PLUGINS", PLUGINS).replace(
        "RAW_ESP", "raw_esp = yes" if suite == "trixie" else "# before 6.0 there is no raw_esp"
    )


def connection(
    tunnel: Tunnel, end: End, changes: Mapping[str, str] | None = None, child_changes: Mapping[str, str] | None = None
) -> str:
    """One connection's file. `changes` may also name settings such as local.id; an empty value leaves one out."""
    peer = tunnel.other(end)
    settings = {"local_addrs": end.address, "remote_addrs": end.peer, **BASE, **end.settings, **(changes or {})}
    auths = {"local": {"auth": "psk", "id": end.id}, "remote": {"auth": "psk", "id": peer.id}}
    for key in [key for key in settings if "." in key]:
        side, dummy, name = key.partition(".")
        auths[side][name] = settings.pop(key)
    child = {"local_ts": end.network, "remote_ts": peer.network, **CHILD}
    child |= {**(INITIATES if end is tunnel.initiator else {}), **end.child, **(child_changes or {})}
    lines = ["connections {", f"  {end.connection} {{", *_lines(settings, 4)]
    for side, auth in auths.items():
        lines += [f"    {side} {{", *_lines(auth, 6), "    }"]
    lines += ["    children {", "      net {", *_lines(child, 8), "      }", "    }", "  }", "}"]
    return "\n".join(lines) + "\n"


def secrets(entries: Mapping[str, tuple[str, str, str]]) -> str:
    """The secrets file: by name, two identities and the pre-shared key between them."""
    lines = ["secrets {"]
    for name, (one, other, psk) in entries.items():
        lines += [f"  ike-{name} {{", f"    id-1 = {one}", f"    id-2 = {other}", f'    secret = "{psk}"', "  }"]
    return "\n".join([*lines, "}"]) + "\n"


def _lines(settings: Mapping[str, str], indent: int) -> list[str]:
    return [f"{' ' * indent}{key} = {value}" for key, value in settings.items() if value]
