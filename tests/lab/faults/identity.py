"""The two ends do not believe each other: identities, pre-shared keys, certificates."""

from __future__ import annotations

import secrets

from ..lab import Lab
from ..topology import Tunnel
from . import papers
from .hands import IKEV1, both, configure, hide, keys, own_keys, retry
from .registry import fault


@fault(
    "The responder expects another identity than the initiator has.",
    "responder",
    carries=False,
    cure="remote.id",
    differs=True,
)
def _identity_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, {"remote.id": "somebody-else.lab"})
    retry(lab, tunnel)


@fault(
    "The initiator calls itself otherwise than both gateways keep the key for.",
    "initiator",
    "identity-mismatch",
    carries=False,
    cure="local.id",
)
def _own_identity_wrong(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"local.id": "somebody-else.lab"})
    retry(lab, tunnel)


@fault(
    "The initiator has no identity configured and uses its address; the responder expects a name.",
    "initiator",
    "identity-mismatch",
    carries=False,
    cure="local.id",
)
def _identity_unset(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.initiator, {"local.id": ""})
    retry(lab, tunnel)


@fault(
    "Behind NAT, the initiator uses its private address as its identity, which the responder does not expect.",
    "initiator",
    "identity-mismatch",
    carries=False,
    cure="local.id",
)
def _private_address_as_identity(lab: Lab, tunnel: Tunnel) -> None:
    hide(lab, tunnel, tunnel.initiator)
    configure(lab, tunnel, tunnel.responder, {"remote_addrs": "%any"})
    configure(lab, tunnel, tunnel.initiator, {"local.id": ""})
    retry(lab, tunnel)


@fault(
    "The responder expects the initiator's address, and the initiator says its name.",
    "responder",
    "identity-mismatch",
    carries=False,
    cure="remote.id",
)
def _address_expected(lab: Lab, tunnel: Tunnel) -> None:
    configure(lab, tunnel, tunnel.responder, {"remote.id": tunnel.initiator.address})
    retry(lab, tunnel)


@fault(
    "The two ends have different pre-shared keys.", "either", carries=False, cure="connection", psk=True, differs=True
)
def _psk_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    _other_key(lab, tunnel)
    retry(lab, tunnel)


@fault(
    "IKEv1, and the two ends have different pre-shared keys.",
    "either",
    "psk-mismatch",
    carries=False,
    cure="connection",
    psk=True,
    differs=True,
)
def _ikev1_psk_mismatch(lab: Lab, tunnel: Tunnel) -> None:
    both(lab, tunnel, IKEV1)
    _other_key(lab, tunnel)
    retry(lab, tunnel)


@fault(
    "The two ends have different pre-shared keys, and nobody says which is right.",
    "either",
    "psk-mismatch",
    carries=False,
    advice="give the right key in ipsec_psks",
)
def _psk_mismatch_undecided(lab: Lab, tunnel: Tunnel) -> None:
    _other_key(lab, tunnel)
    retry(lab, tunnel)


@fault(
    "The files have one key and the daemon of the responder another: changed and not loaded.",
    "either",
    "psk-mismatch",
    carries=False,
    advice="swanctl --load-creds",
    sure="observed",
    heard=True,
)
def _key_not_loaded(lab: Lab, tunnel: Tunnel) -> None:
    _other_key(lab, tunnel)
    keys(lab, tunnel.responder, own_keys(lab, tunnel.responder), load=False)
    retry(lab, tunnel)


@fault(
    "The responder has no key for this tunnel.", "responder", carries=False, cure="connection", psk=True, differs=True
)
def _psk_missing(lab: Lab, tunnel: Tunnel) -> None:
    keys(lab, tunnel.responder, {"another": ("c.lab", "d.lab", secrets.token_hex(24))})
    retry(lab, tunnel)


@fault(
    "The responder keeps the key for other identities.",
    "responder",
    "psk-missing",
    carries=False,
    advice="give the key in ipsec_psks",
)
def _key_for_somebody_else(lab: Lab, tunnel: Tunnel) -> None:
    key = own_keys(lab, tunnel.responder)[tunnel.name][2]
    keys(lab, tunnel.responder, {tunnel.name: ("c.lab", "d.lab", key)})
    retry(lab, tunnel)


@fault(
    "The responder does not have the CA that has issued the initiator's certificate.",
    "responder",
    "authentication-refused",
    carries=False,
    advice="load the certificate",
    sure="observed",
    heard=True,
    differs=True,
)
def _authority_missing(lab: Lab, tunnel: Tunnel) -> None:
    papers.certify(lab, tunnel)
    lab.sh(tunnel.responder.gateway, f"rm {papers.FOLDER}/x509ca/ca.pem")
    papers.load(lab, tunnel.responder)
    retry(lab, tunnel)


@fault(
    "The initiator has lost its private key.",
    "initiator",
    "authentication-refused",
    carries=False,
    advice="load the certificate",
    sure="observed",
    heard=True,
)
def _private_key_missing(lab: Lab, tunnel: Tunnel) -> None:
    papers.certify(lab, tunnel)
    lab.sh(tunnel.initiator.gateway, f"rm {papers.FOLDER}/private/own.pem")
    papers.load(lab, tunnel.initiator)
    retry(lab, tunnel)


@fault("The initiator's certificate has expired.", "initiator", carries=False, advice="renew", differs=True)
def _certificate_expired(lab: Lab, tunnel: Tunnel) -> None:
    papers.certify(lab, tunnel)
    papers.issue(lab, tunnel, tunnel.initiator, papers.EXPIRED)
    retry(lab, tunnel)


@fault("The responder's certificate expires within days.", "responder", carries=True, advice="renew")
def _certificate_near_expiry(lab: Lab, tunnel: Tunnel) -> None:
    papers.certify(lab, tunnel)
    papers.issue(lab, tunnel, tunnel.responder, papers.ending(days=5))
    retry(lab, tunnel, up=True)


@fault(
    "The initiator's certificate is for another name than its connection says.",
    "initiator",
    "authentication-refused",
    carries=False,
    advice="certificate",
    sure="observed",
    heard=True,
)
def _certificate_of_somebody_else(lab: Lab, tunnel: Tunnel) -> None:
    papers.certify(lab, tunnel)
    papers.issue(lab, tunnel, tunnel.initiator, identity="somebody-else.lab")
    retry(lab, tunnel)


def _other_key(lab: Lab, tunnel: Tunnel) -> None:
    end = tunnel.responder
    entries = own_keys(lab, end)
    one, other, dummy = entries[tunnel.name]
    keys(lab, end, {**entries, tunnel.name: (one, other, secrets.token_hex(24))})
