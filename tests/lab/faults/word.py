"""What the obvious repair would make worse: none of these may be changed, and each is told for what it is."""

from __future__ import annotations

import secrets

from ..lab import Lab
from ..topology import Tunnel
from .hands import CONF_D, configure, keys, nft, own_keys, retry
from .registry import fault

MORE = "10.252.0.0/24"


@fault(
    "The responder has a child for each of its networks, the initiator one for both: one of them is up.",
    "initiator",
    carries=True,
    advice="into a child for each of them",
)
def _children_cut_differently(lab: Lab, tunnel: Tunnel) -> None:
    end, peer = tunnel.responder, tunnel.initiator
    child = f"local_ts = {MORE}\nremote_ts = {peer.network}\nesp_proposals = aes256-sha256-x25519\n"
    more = f"connections {{ {end.connection} {{ children {{ more {{ {child} }} }} }} }}\n"
    lab.write(end.gateway, f"{CONF_D}/more.conf", more)
    lab.sh(end.gateway, "ip addr add 10.252.0.1/24 dev eth1")
    configure(lab, tunnel, end)
    configure(lab, tunnel, peer, child={"remote_ts": f"{end.network},{MORE}"})
    retry(lab, tunnel, up=True)


@fault(
    "The initiator's network is translated before IPsec, and the responder names the real one.",
    "responder",
    "selectors-not-mirrored",
    carries=False,
    advice="set remote_ts = 172.27.",
    sure="observed",
)
def _translated_before_ipsec(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.initiator
    shown = end.network.replace("10.", "172.27.", 1).replace(".2.0/", ".0/")
    nft(
        lab,
        end.gateway,
        "add table ip translated",
        "add chain ip translated post { type nat hook postrouting priority 100 ; }",
        f"add rule ip translated post ip saddr {end.network} ip daddr {tunnel.responder.network} "
        f"snat ip prefix to ip saddr map {{ {end.network} : {shown} }}",
    )
    configure(lab, tunnel, end, child={"local_ts": shown})
    retry(lab, tunnel)


@fault(
    "Two tunnels of the responder were given one name in two files, which are merged.",
    "responder",
    carries=False,
    advice="rename one of the connections",
    beside=("address-mismatch", "identity-mismatch", "child-unmatched"),
)
def _setting_defined_twice(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.responder
    child = "site-b { local_ts = 10.240.0.0/24\n remote_ts = 10.253.0.0/24 }"
    other = f"remote_addrs = 203.0.113.9\n remote {{ id = site-b.example }}\n children {{ {child} }}"
    lab.write(end.gateway, f"{CONF_D}/z-site-b.conf", f"connections {{ {end.connection} {{ {other} }} }}\n")
    configure(lab, tunnel, end)
    retry(lab, tunnel)


@fault(
    "Two connections of the initiator are between the same two identities, and one may be up at a time.",
    "initiator",
    carries=True,
    advice="identities of its own",
)
def _unique_replaces(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.initiator
    second = f"""connections {{
  second {{
    local_addrs = {end.address}
    remote_addrs = 203.0.113.7
    version = 2
    unique = replace
    dpd_delay = 30s
    local {{ auth = psk
      id = {end.id} }}
    remote {{ auth = psk
      id = {tunnel.responder.id} }}
    children {{ second {{ local_ts = {end.network}
        remote_ts = 10.242.0.0/24 }} }}
  }}
}}
"""
    lab.write(end.gateway, f"{CONF_D}/second.conf", second)
    configure(lab, tunnel, end, {"unique": "replace"})
    retry(lab, tunnel, up=True)


@fault(
    "The initiator says its identity as a key id, the responder expects a name that reads alike.",
    "responder",
    carries=False,
    cure="remote.id",
)
def _identity_type_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"local.id": f"keyid:{tunnel.initiator.id}"})
    retry(lab, tunnel)


@fault(
    "The key in the responder's file was changed and not loaded: the tunnel goes on with the old one.",
    "either",
    carries=True,
    advice="find the file that was changed",
    sure="observed",
)
def _psk_changed(lab: Lab, tunnel: Tunnel) -> None:
    retry(lab, tunnel, up=True)
    end = tunnel.responder
    entries = own_keys(lab, end)
    one, other, dummy = entries[tunnel.name]
    keys(lab, end, {**entries, tunnel.name: (one, other, secrets.token_hex(24))}, load=False)
