"""What is configured otherwise and has nothing wrong: no finding may come of it."""

from __future__ import annotations

import base64

from ..lab import Lab
from ..swanctl import connection
from ..topology import End, Tunnel
from . import papers
from .hands import CONF_D, IKEV1, both, configure, count, forward, hide, keys, own_keys, retry, wait
from .registry import variant

WAITS = {"start_action": "trap"}


@variant("IKEv2 with pre-shared keys, as all others here.")
def _plain(lab: Lab, tunnel: Tunnel) -> None:
    retry(lab, tunnel, up=True)


@variant("IKEv1 with pre-shared keys.")
def _ikev1(lab: Lab, tunnel: Tunnel) -> None:
    both(lab, tunnel, IKEV1)
    retry(lab, tunnel, up=True)


@variant("Certificates of one CA.")
def _certificates(lab: Lab, tunnel: Tunnel) -> None:
    papers.certify(lab, tunnel)
    retry(lab, tunnel, up=True)


@variant("IKEv1 with certificates.")
def _ikev1_certificates(lab: Lab, tunnel: Tunnel) -> None:
    papers.certify(lab, tunnel, IKEV1)
    retry(lab, tunnel, up=True)


@variant("A road warrior's connection beside, and a responder that does not know the initiator's address.")
def _road_warrior(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.responder
    text = """connections {
  rw {
    version = 2
    local_addrs = %any
    remote_addrs = %any
    pools = rw4
    local { auth = psk
      id = vpn.lab }
    remote { auth = psk
      id = %any }
    children { rw { local_ts = 10.240.0.0/16
        dpd_action = clear } }
  }
}
pools { rw4 { addrs = 10.241.0.0/24 } }
"""
    lab.write(end.gateway, f"{CONF_D}/rw.conf", text)
    lab.exec(end.gateway, ["swanctl", "--load-pools"], check=True)
    configure(lab, tunnel, end, {"remote_addrs": "%any"})
    retry(lab, tunnel, up=True)


@variant("Several children.")
def _several_children(lab: Lab, tunnel: Tunnel) -> None:
    for number, end in ((1, tunnel.responder), (2, tunnel.initiator)):
        own, other = f"10.25{number}.0.0/24", f"10.25{3 - number}.0.0/24"
        action = "start_action = trap|start\nclose_action = start\ndpd_action = restart" if number == 2 else ""
        child = f"local_ts = {own}\nremote_ts = {other}\nesp_proposals = aes256-sha256-x25519\n{action}\n"
        more = f"connections {{ {end.connection} {{ children {{ more {{ {child} }} }} }} }}\n"
        lab.write(end.gateway, f"{CONF_D}/more.conf", more)
        lab.sh(end.gateway, f"ip addr add {own[:-4]}1/24 dev eth1")
        configure(lab, tunnel, end)
    retry(lab, tunnel, up=True)
    end = tunnel.initiator
    lab.exec(end.gateway, ["swanctl", "--initiate", "--ike", end.connection, "--child", "more", "--timeout", "5"])
    wait(lambda: count(lab, tunnel.initiator) > 1, f"{tunnel.name} has one child only")


@variant("A trap on the initiator, and traffic starts the tunnel.", since="6.0")  # 5.9's libipsec raises no acquire
def _trap_only(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, child=WAITS)
    for end in (tunnel.responder, tunnel.initiator):
        lab.exec(end.gateway, ["swanctl", "--terminate", "--ike", end.connection, "--timeout", "5"])


@variant("Beside it a connection to a peer that nobody manages here.")
def _unmanaged_peer(lab: Lab, tunnel: Tunnel) -> None:
    stranger = End("", "stranger", "203.0.113.7", tunnel.initiator.address, "stranger.example", "10.242.0.0/24")
    ours = End(
        tunnel.initiator.gateway,
        "to-stranger",
        tunnel.initiator.address,
        "203.0.113.7",
        tunnel.initiator.id,
        tunnel.initiator.network,
    )
    there = connection(Tunnel("stranger", stranger, ours), ours, {}, {"start_action": "none"})
    lab.write(ours.gateway, f"{CONF_D}/stranger.conf", there)
    configure(lab, tunnel, tunnel.initiator)
    retry(lab, tunnel, up=True)


@variant("The initiator behind NAT.")
def _nat_before_the_initiator(lab: Lab, tunnel: Tunnel) -> None:
    hide(lab, tunnel, tunnel.initiator)
    configure(lab, tunnel, tunnel.responder, {"remote_addrs": "%any"})
    retry(lab, tunnel, up=True)


@variant("The responder behind NAT that forwards IKE to it.")
def _nat_before_the_responder(lab: Lab, tunnel: Tunnel) -> None:
    reached = forward(lab, tunnel, tunnel.responder)
    configure(lab, tunnel, tunnel.responder, {"remote_addrs": "%any"})
    configure(lab, tunnel, tunnel.initiator, {"remote_addrs": reached})
    retry(lab, tunnel, up=True)


@variant("IPv6 between the gateways.")
def _ipv6(lab: Lab, tunnel: Tunnel) -> None:
    number = int(tunnel.initiator.gateway[1:])
    node = next(r for r in lab.topology.routers if r == f"r{tunnel.initiator.gateway[1:]}")
    lab.sh(node, "echo 1 >/proc/sys/net/ipv6/conf/all/forwarding")
    addresses = {}
    for side, (end, port) in enumerate(((tunnel.responder, 0), (tunnel.initiator, 1))):
        net = f"2001:db8:{number:x}:{side}"
        addresses[end.gateway] = f"{net}::1"
        lab.sh(node, f"ip -6 addr add {net}::fe/64 dev eth{port} nodad")
        lab.sh(end.gateway, f"ip -6 addr add {net}::1/64 dev eth0 nodad; ip -6 route add default via {net}::fe")
    for end in (tunnel.responder, tunnel.initiator):
        other = tunnel.other(end)
        here = {"local_addrs": addresses[end.gateway], "remote_addrs": addresses[other.gateway]}
        configure(lab, tunnel, end, here)
    retry(lab, tunnel, up=True)


@variant("MOBIKE on both ends.")
def _mobike(lab: Lab, tunnel: Tunnel) -> None:
    both(lab, tunnel, {"mobike": "yes"})
    retry(lab, tunnel, up=True)


@variant(
    "Transport mode on both ends; the lab's userspace ESP has tunnel mode only.",
    carries=False,
    beside=("not-installed",),
)
def _transport_mode(lab: Lab, tunnel: Tunnel) -> None:
    for end in (tunnel.responder, tunnel.initiator):
        waits = WAITS if end is tunnel.initiator else {}
        hosts = {"mode": "transport", "local_ts": "dynamic", "remote_ts": "dynamic", **waits}
        configure(lab, tunnel, end, child=hosts)
    for end in (tunnel.responder, tunnel.initiator):
        lab.exec(end.gateway, ["swanctl", "--terminate", "--ike", end.connection, "--timeout", "5"])


@variant(
    "Without policies, as on XFRM interfaces, and with a periodic check; the lab's userspace ESP needs policies.",
    carries=False,
    kept=True,
    beside=("no-traffic",),
)
def _policies_off(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child={"policies": "no"})
    starts = {"start_action": "start", "close_action": "start", "dpd_action": "restart", "policies": "no"}
    configure(lab, tunnel, tunnel.initiator, child=starts)
    retry(lab, tunnel, up=True)


@variant("Settings inherited from a template.")
def _templates(lab: Lab, tunnel: Tunnel) -> None:
    for end in (tunnel.responder, tunnel.initiator):
        text = connection(tunnel, end)
        common = "usual {\n  dpd_delay = 30s\n  proposals = aes256-sha256-x25519\n  version = 2\n}\n"
        for line in ("dpd_delay = 30s", "proposals = aes256-sha256-x25519", "version = 2"):
            text = text.replace(f"    {line}\n", "", 1)
        text = text.replace(f"  {end.connection} {{", f"  {end.connection} : usual {{")
        lab.write(end.gateway, f"{CONF_D}/{end.connection}.conf", common + text)
        lab.exec(end.gateway, ["swanctl", "--load-conns"], check=True)
    retry(lab, tunnel, up=True)


@variant("Includes within includes, by pattern and by relative path.")
def _includes(lab: Lab, tunnel: Tunnel) -> None:
    for end in (tunnel.responder, tunnel.initiator):
        lab.sh(end.gateway, f"mkdir -p {CONF_D}/sites/deep && mv {CONF_D}/{end.connection}.conf {CONF_D}/sites/deep/")
        lab.write(end.gateway, f"{CONF_D}/sites.conf", "include sites/*.conf\n")
        lab.write(end.gateway, f"{CONF_D}/sites/all.conf", f"include deep/{end.connection}.conf\n")
        lab.exec(end.gateway, ["swanctl", "--load-conns"], check=True)
    retry(lab, tunnel, up=True)


@variant("Rekeyed every few seconds, so that it is read in the middle of it.")
def _rekey_in_progress(lab: Lab, tunnel: Tunnel) -> None:
    for end, often in ((tunnel.responder, "40s"), (tunnel.initiator, "4s")):
        configure(lab, tunnel, end, child={"rekey_time": often, "life_time": "60s", "rand_time": "1s"})
    retry(lab, tunnel, up=True)


@variant("Lifetimes that differ, which is no cause of anything.")
def _lifetimes_differ(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, {"rekey_time": "8h"}, {"rekey_time": "8h"})
    configure(lab, tunnel, tunnel.initiator, {"rekey_time": "1h"}, {"rekey_time": "30m"})
    retry(lab, tunnel, up=True)


@variant("Several proposals in another order, one of them in common.")
def _proposals_in_another_order(lab: Lab, tunnel: Tunnel) -> None:
    common = "aes256-sha256-x25519"
    configure(
        lab,
        tunnel,
        tunnel.responder,
        {"proposals": f"aes256-sha512-modp4096,{common}"},
        {"esp_proposals": f"{common},aes256gcm16-modp4096"},
    )
    configure(
        lab,
        tunnel,
        tunnel.initiator,
        {"proposals": f"{common},aes128gcm16-prfsha256-x25519"},
        {"esp_proposals": f"aes128-sha256-x25519,{common}"},
    )
    retry(lab, tunnel, up=True)


@variant("UDP encapsulation forced on one end.")
def _encapsulation_forced(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"encap": "yes"})
    retry(lab, tunnel, up=True)


@variant("No identities set: both ends go by their addresses.")
def _identities_by_address(lab: Lab, tunnel: Tunnel) -> None:
    key = own_keys(lab, tunnel.initiator)[tunnel.name][2]
    for end in (tunnel.responder, tunnel.initiator):
        entry = (tunnel.initiator.address, tunnel.responder.address, key)
        keys(lab, end, {tunnel.name: entry})
    both(lab, tunnel, {"local.id": "", "remote.id": ""})
    retry(lab, tunnel, up=True)


@variant("The same pre-shared key, on one end written in base64.")
def _key_in_base64(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.responder
    entries = own_keys(lab, end)
    one, other, key = entries[tunnel.name]
    keys(lab, end, {**entries, tunnel.name: (one, other, "0s" + base64.b64encode(key.encode()).decode())})
    retry(lab, tunnel, up=True)


@variant("A trap on both ends: whoever has traffic first starts it.")
def _trap_on_both_ends(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child=WAITS)
    configure(lab, tunnel, tunnel.initiator, child=WAITS)
    retry(lab, tunnel, up=True)
