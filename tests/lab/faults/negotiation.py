"""The two ends do not agree on how to protect: proposals, key exchange, version, mode, method."""

from __future__ import annotations

from ..lab import Lab
from ..topology import Tunnel
from .hands import CONF_D, IKEV1, configure, daemon, retry, terminate, write
from .registry import fault


@fault(
    "The initiator proposes a DH group that the responder does not accept.",
    "initiator",
    carries=False,
    cure="proposals",
)
def _ike_proposals_disjoint(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"proposals": "aes256-sha256-modp2048"})
    retry(lab, tunnel)


@fault(
    "The responder has AES-128 where the initiator has AES-256.",
    "responder",
    "ike-proposals-disjoint",
    carries=False,
    cure="proposals",
)
def _ike_encryption_differs(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, {"proposals": "aes128-sha256-x25519"})
    retry(lab, tunnel)


@fault(
    "The responder has SHA-1 where the initiator has SHA-256.",
    "responder",
    "ike-proposals-disjoint",
    carries=False,
    cure="proposals",
)
def _ike_integrity_differs(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, {"proposals": "aes256-sha1-x25519"})
    retry(lab, tunnel)


@fault(
    "The initiator proposes AES-GCM, the responder has only AES-CBC.",
    "either",
    "ike-proposals-disjoint",
    carries=False,
    cure="proposals",
)
def _ike_gcm_against_cbc(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"proposals": "aes256gcm16-prfsha256-x25519"})
    retry(lab, tunnel)


@fault(
    "IKEv1 on both ends, and another DH group on the initiator.",
    "initiator",
    "ike-proposals-disjoint",
    carries=False,
    cure="proposals",
    differs=True,
)
def _ikev1_proposals_disjoint(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, IKEV1)
    configure(lab, tunnel, tunnel.initiator, {**IKEV1, "proposals": "aes256-sha256-modp2048"})
    retry(lab, tunnel)


@fault(
    "The initiator proposes an ESP integrity algorithm that the responder does not accept.",
    "initiator",
    carries=False,
    cure="esp_proposals",
)
def _esp_proposals_disjoint(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, child={"esp_proposals": "aes128-sha1-x25519"})
    retry(lab, tunnel)


@fault(
    "The responder protects with AES-128 where the initiator has AES-256.",
    "responder",
    "esp-proposals-disjoint",
    carries=False,
    cure="esp_proposals",
)
def _esp_encryption_differs(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child={"esp_proposals": "aes128-sha256-x25519"})
    retry(lab, tunnel)


@fault(
    "The responder protects with AES-GCM, the initiator with AES-CBC.",
    "either",
    "esp-proposals-disjoint",
    carries=False,
    cure="esp_proposals",
    since="6.0",  # 5.9 has no AES-GCM here
)
def _esp_gcm_against_cbc(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child={"esp_proposals": "aes256gcm16-x25519"})
    retry(lab, tunnel)


@fault(
    "The initiator cuts HMAC-SHA-256 to 96 bits; a kernel does so and drops all that comes, the lab's ESP refuses.",
    "initiator",
    carries=False,
    advice="remove sha256_96",
    beside=("not-installed",),
)
def _esp_truncation_differs(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, child={"sha256_96": "yes"})
    retry(lab, tunnel)


@fault(
    "The initiator rekeys without PFS, the responder only with: up until the first rekey.",
    "initiator",
    carries=True,
    cure="esp_proposals",
)
def _pfs_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, child={"esp_proposals": "aes256-sha256"})
    retry(lab, tunnel, up=True)


@fault(
    "The responder rekeys with another group than the initiator.",
    "responder",
    "pfs-mismatch",
    carries=True,
    cure="esp_proposals",
)
def _pfs_group_differs(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child={"esp_proposals": "aes256-sha256-modp2048"})
    retry(lab, tunnel, up=True)


@fault(
    "IKEv1, and the initiator without PFS: the first Quick Mode fails.",
    "initiator",
    "esp-proposals-disjoint",
    carries=False,
    cure="esp_proposals",
    differs=True,
)
def _ikev1_pfs_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, IKEV1)
    configure(lab, tunnel, tunnel.initiator, IKEV1, {"esp_proposals": "aes256-sha256"})
    retry(lab, tunnel)


@fault("The initiator speaks IKEv1, the responder IKEv2.", "initiator", carries=False, cure="version", differs=True)
def _ike_version_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, IKEV1)
    retry(lab, tunnel)


@fault(
    "The responder speaks IKEv1, the initiator IKEv2.",
    "responder",
    "ike-version-mismatch",
    carries=False,
    cure="version",
)
def _responder_speaks_ikev1(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, IKEV1)
    retry(lab, tunnel)


@fault(
    "The initiator takes any version and so starts IKEv2; the responder speaks IKEv1 and never starts.",
    "responder",
    "ike-version-mismatch",
    carries=False,
    cure="version",
)
def _any_version_against_ikev1(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, IKEV1)
    configure(lab, tunnel, tunnel.initiator, {"version": "0"})
    retry(lab, tunnel)


@fault(
    "The responder wants transport mode.",
    "either",
    "mode-mismatch",
    carries=False,
    advice="declare it in the tunnel's settings",
    differs=True,
)
def _mode_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child={"mode": "transport"})
    retry(lab, tunnel)


@fault(
    "The initiator proves itself by a certificate, the responder expects a key.",
    "initiator",
    "auth-method-mismatch",
    carries=False,
    advice="declare it in the tunnel's settings",
)
def _auth_method_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"local.auth": "pubkey"})
    retry(lab, tunnel)


@fault(
    "A value that strongSwan does not take, found at the next restart.",
    "responder",
    "setting-refused",
    carries=False,
    advice="correct the value",
)
def _value_refused(lab: Lab, tunnel: Tunnel) -> None:
    write(lab, tunnel, tunnel.responder, {"dpd_delay": "often"})
    _restart(lab, tunnel)


@fault(
    "A setting with a slip of the pen, found at the next restart.",
    "responder",
    "setting-refused",
    carries=False,
    advice="remove or correct it",
)
def _setting_misspelled(lab: Lab, tunnel: Tunnel) -> None:
    write(lab, tunnel, tunnel.responder, {"dpd_delay": "", "dpd_dealy": "30s"})
    _restart(lab, tunnel)


@fault("The responder offers half of its network: up, but narrowed.", "responder", carries=True, cure="local_ts")
def _selectors_not_mirrored(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, child={"local_ts": tunnel.responder.network.replace("/24", "/25")})
    retry(lab, tunnel, up=True)


@fault(
    "The initiator asks for one host of the responder's network.",
    "initiator",
    "selectors-not-mirrored",
    carries=True,
    cure="remote_ts",
    asked="peer_word",
)
def _host_against_network(lab: Lab, tunnel: Tunnel) -> None:
    host = f"{lab.inside(tunnel.responder.gateway)}/32"
    configure(lab, tunnel, tunnel.initiator, child={"remote_ts": host})
    retry(lab, tunnel, up=True)


@fault(
    "The initiator asks for a network that the responder does not have.",
    "initiator",
    "selectors-not-mirrored",
    carries=False,
    cure="remote_ts",
)
def _selectors_disjoint(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, child={"remote_ts": "10.250.0.0/24"})
    retry(lab, tunnel)


@fault(
    "IKEv1, and the responder has half of the network: strongSwan narrows as with IKEv2, others refuse.",
    "responder",
    "selectors-not-mirrored",
    carries=True,
    cure="local_ts",
    differs=True,
)
def _ikev1_selectors_differ(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, IKEV1, {"local_ts": tunnel.responder.network.replace("/24", "/25")})
    configure(lab, tunnel, tunnel.initiator, IKEV1)
    retry(lab, tunnel)


@fault(
    "The initiator has a child for a network that the responder does not know.",
    "initiator",
    "child-unmatched",
    carries=True,
    advice="add the child on",
)
def _child_unmatched(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.initiator
    more = f"children {{ more {{ local_ts = 10.251.0.0/24\n remote_ts = {tunnel.responder.network}\n }} }}"
    lab.write(end.gateway, f"{CONF_D}/more.conf", f"connections {{ {end.connection} {{ {more} }} }}\n")
    configure(lab, tunnel, end)
    retry(lab, tunnel, up=True)


@fault(
    "The networks were widened on both ends, and the SA of before is still in use.",
    "initiator",
    "child-narrowed",
    carries=True,
    cure="sa reinitiated",
    sure="observed",
)
def _child_narrowed(lab: Lab, tunnel: Tunnel) -> None:
    waits = {"start_action": "trap"}  # a changed trap is installed anew and the SA stays
    narrow = {"local_ts": "", "remote_ts": ""}
    for end in (tunnel.responder, tunnel.initiator):
        own, other = (e.network.replace("/24", "/25") for e in (end, tunnel.other(end)))
        first = {**narrow, "local_ts": own, "remote_ts": other, **(waits if end is tunnel.initiator else {})}
        configure(lab, tunnel, end, child=first)
    retry(lab, tunnel, up=True)
    configure(lab, tunnel, tunnel.responder)
    configure(lab, tunnel, tunnel.initiator, child=waits)


def _restart(lab: Lab, tunnel: Tunnel) -> None:
    daemon(lab, tunnel.responder, "stop", "start")
    terminate(lab, tunnel.initiator)
