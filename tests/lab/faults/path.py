"""What is sent does not arrive: filters, NAT, addresses, names."""

from __future__ import annotations

from ..lab import Lab
from ..topology import Tunnel
from . import papers
from .hands import IKE, IKEV1, both, configure, drop, hide, refuse, retry, terminate
from .registry import fault

FIRST_REQUEST = "@th,128,64 0"  # IKE_SA_INIT has no responder's SPI yet (RFC 7296 section 3.1)
ESP = "ip protocol esp"
ESP_IN_UDP = "udp dport 4500 @th,64,32 != 0"  # without the non-ESP marker (RFC 3948 section 2.2)
UDP = "let UDP 500 and 4500 pass"
PASSIVE = {"start_action": "none"}
ENCAP = {"encap": "yes"}


@fault(
    "A router in the path drops ESP: SAs are up, nothing arrives.",
    "initiator",
    carries=False,
    cure="encap",
    sure="observed",
    since="6.0",
)
def _nat_traversal_needed(lab: Lab, tunnel: Tunnel) -> None:
    for end in (tunnel.initiator, tunnel.responder):
        drop(lab, end, ESP)


@fault(
    "IKEv1, and a router in the path drops ESP: SAs are up, nothing arrives.",
    "initiator",
    "nat-traversal-needed",
    carries=False,
    cure="encap",
    sure="observed",
    since="6.0",
)
def _ikev1_esp_lost(lab: Lab, tunnel: Tunnel) -> None:
    both(lab, tunnel, IKEV1)
    retry(lab, tunnel, up=True)
    for end in (tunnel.initiator, tunnel.responder):
        drop(lab, end, ESP)


@fault(
    "A router drops the ESP of the responder, and lets that of the initiator pass.",
    "initiator",
    "nat-traversal-needed",
    carries=False,
    cure="encap",
    sure="observed",
    since="6.0",
)
def _esp_lost_one_way(lab: Lab, tunnel: Tunnel) -> None:
    drop(lab, tunnel.responder, ESP)


@fault(
    "The responder's own packet filter drops ESP.",
    "initiator",
    "nat-traversal-needed",
    carries=False,
    cure="encap",
    sure="observed",
    since="6.0",
)
def _esp_refused_by_responder(lab: Lab, tunnel: Tunnel) -> None:
    refuse(lab, tunnel.responder, ESP)


@fault(
    "Traffic arrives and is decrypted, and the responder's packet filter drops what comes out of the tunnel.",
    "either",
    "no-traffic",
    carries=False,
    advice="look at firewalls and routes behind the gateways",
    sure="observed",
)
def _filter_behind_the_tunnel(lab: Lab, tunnel: Tunnel) -> None:
    refuse(lab, tunnel.responder, f"ip saddr {tunnel.initiator.network} icmp type {{ echo-request, echo-reply }}")


@fault(
    "ESP is in UDP already, and a router drops it there; IKE on the same port passes.",
    "either",
    carries=False,
    advice="let it pass whole",
    sure="observed",
)
def _esp_in_udp_lost(lab: Lab, tunnel: Tunnel) -> None:
    both(lab, tunnel, ENCAP)
    retry(lab, tunnel, up=True)
    for end in (tunnel.initiator, tunnel.responder):
        drop(lab, end, ESP_IN_UDP)


@fault(
    "A firewall drops the initiator's UDP 500 and 4500.",
    "initiator",
    carries=False,
    advice=UDP,
    sure="observed",
    heard=True,
    differs=True,
)
def _ike_unanswered(lab: Lab, tunnel: Tunnel) -> None:
    drop(lab, tunnel.initiator, IKE)
    _cold(lab, tunnel)


@fault(
    "A firewall drops what the responder answers; it does not know the initiator's address and starts nothing.",
    "responder",
    carries=False,
    advice=UDP,
    sure="observed",
    heard=True,
)
def _ike_answer_lost(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, {"remote_addrs": "%any"})
    drop(lab, tunnel.responder, IKE)
    _cold(lab, tunnel)


@fault(
    "The responder's own packet filter drops UDP 500 and 4500.",
    "initiator",
    "ike-unanswered",
    carries=False,
    advice=UDP,
    sure="observed",
    heard=True,
)
def _ike_refused_by_responder(lab: Lab, tunnel: Tunnel) -> None:
    refuse(lab, tunnel.responder, IKE)
    _cold(lab, tunnel)


@fault(
    "UDP 500 passes and UDP 4500 does not.",
    "either",
    carries=False,
    advice="let UDP 4500 pass",
    sure="observed",
    heard=True,
    differs=True,
)
def _udp_4500_blocked(lab: Lab, tunnel: Tunnel) -> None:
    both(lab, tunnel, ENCAP)
    for end in (tunnel.initiator, tunnel.responder):
        drop(lab, end, "udp dport 4500")
    _cold(lab, tunnel)


@fault(
    "Large IKE packets are lost, as they come with certificates.",
    "either",
    carries=False,
    advice="fragment",
    sure="observed",
    heard=True,
    differs=True,
)
def _large_ike_packets_lost(lab: Lab, tunnel: Tunnel) -> None:
    papers.certify(lab, tunnel)
    for end in (tunnel.initiator, tunnel.responder):
        drop(lab, end, f"meta length > 600 {IKE}")
    _cold(lab, tunnel)


@fault(
    "A stateful firewall lets in only answers to the initiator: from the responder nothing comes up.",
    "responder",
    carries=False,
    advice="let only",
    sure="observed",
    beside=("ike-unanswered", "no-initiator"),
    heard=True,
    differs=True,
)
def _one_way_only(lab: Lab, tunnel: Tunnel) -> None:
    both(lab, tunnel, child=PASSIVE)
    drop(lab, tunnel.responder, f"udp dport 500 {FIRST_REQUEST}")
    _cold(lab, tunnel)


@fault("The initiator looks for its peer at a wrong address.", "initiator", carries=False, cure="remote_addrs")
def _address_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    wrong = tunnel.responder.address.rsplit(".", 1)[0] + ".77"
    configure(lab, tunnel, tunnel.initiator, {"remote_addrs": wrong})
    _cold(lab, tunnel)


@fault(
    "The responder has moved to another address, which the initiator was not told.",
    "initiator",
    "address-mismatch",
    carries=False,
    cure="remote_addrs",
)
def _responder_renumbered(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.responder
    moved = end.address.rsplit(".", 1)[0] + ".9"
    default = lab.topology.gateways[end.gateway].default
    lab.sh(
        end.gateway,
        f"ip addr add {moved}/24 dev eth0 && ip addr del {end.address}/24 dev eth0; "
        f"ip addr add {moved}/24 dev eth0 2>/dev/null; ip route replace default via {default}",
    )
    configure(lab, tunnel, end, {"local_addrs": moved})
    _cold(lab, tunnel)


@fault(
    "The initiator knows its peer by a name that nothing resolves.",
    "initiator",
    carries=False,
    advice="name resolution",
    sure="observed",
    heard=True,
)
def _address_unresolved(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"remote_addrs": "peer.invalid"})
    _cold(lab, tunnel)


@fault(
    "The responder is bound to an address that it does not have.",
    "responder",
    carries=False,
    cure="local_addrs",
    sure="observed",
)
def _local_address_missing(lab: Lab, tunnel: Tunnel) -> None:
    gone = tunnel.responder.address.rsplit(".", 1)[0] + ".99"
    configure(lab, tunnel, tunnel.responder, {"local_addrs": gone})
    _cold(lab, tunnel)


@fault(
    "NAT came between: the responder knows only the initiator's own address, which it does not see any more.",
    "responder",
    carries=False,
    advice="set remote_addrs",
    sure="observed",
    beside=("ike-unanswered",),  # what the responder sends to an address behind NAT
    heard=True,
    differs=True,
)
def _connection_unknown(lab: Lab, tunnel: Tunnel) -> None:
    hide(lab, tunnel, tunnel.initiator)
    drop(lab, tunnel.responder, "ct state new")
    _cold(lab, tunnel)


def _cold(lab: Lab, tunnel: Tunnel) -> None:
    """Down on both ends, and the initiator's own attempts over."""
    for end in (tunnel.responder, tunnel.initiator):
        terminate(lab, end)
