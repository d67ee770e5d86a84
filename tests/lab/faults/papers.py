"""Certificates for a tunnel: a CA, and for each end a key and a certificate that it issued."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from ..lab import Lab
from ..topology import End, Tunnel
from .hands import both

FOLDER = "/etc/swanctl"
BY_CERTIFICATE = {"local.auth": "pubkey", "local.certs": "own.pem", "remote.auth": "pubkey"}
EXPIRED = "--not-before '01.01.20 00:00:00' --not-after '01.01.21 00:00:00'"
FOR_A_YEAR = "--lifetime 365"
WHEN = "%d.%m.%y %H:%M:%S"  # of pki

_AUTHORITY = """set -e
umask 077
cd /root
pki --gen --type rsa --size 2048 --outform pem >ca.key
pki --self --ca --type rsa --in ca.key --dn 'C=CH, O=lab, CN=lab CA' --lifetime 3650 --outform pem >ca.pem
"""
_ISSUE = """set -e
umask 077
cd /root
pki --gen --type rsa --size 2048 --outform pem >{id}.key
pki --pub --type priv --in {id}.key |
  pki --issue --cacert ca.pem --cakey ca.key --dn 'C=CH, O=lab, CN={id}' --san {id} {life} --outform pem >{id}.pem
"""


def ending(days: int) -> str:
    """A life of a year that ends so soon."""
    until = datetime.now(UTC) + timedelta(days=days)
    return f"--not-before '{until - timedelta(days=365):{WHEN}}' --not-after '{until:{WHEN}}'"


def certify(lab: Lab, tunnel: Tunnel, settings: dict[str, str] | None = None) -> None:
    """Have both ends prove themselves by certificates; nothing is initiated."""
    lab.sh(tunnel.initiator.gateway, _AUTHORITY)
    for end in (tunnel.initiator, tunnel.responder):
        issue(lab, tunnel, end)
    both(lab, tunnel, {**BY_CERTIFICATE, **(settings or {})})


def issue(lab: Lab, tunnel: Tunnel, end: End, life: str = FOR_A_YEAR, identity: str | None = None) -> None:
    """Give an end a key and a certificate for its identity, and load them."""
    maker, name = tunnel.initiator.gateway, identity or end.id
    lab.sh(maker, _ISSUE.format(id=name, life=life))
    for source, target in (
        (f"{name}.key", "private/own.pem"),
        (f"{name}.pem", "x509/own.pem"),
        ("ca.pem", "x509ca/ca.pem"),
    ):
        lab.write(end.gateway, f"{FOLDER}/{target}", lab.sh(maker, f"cat /root/{source}"), mode="0600")
    load(lab, end)


def load(lab: Lab, end: End) -> None:
    """Have an end's daemon read its keys and certificates again, and nothing it had before."""
    lab.exec(end.gateway, ["swanctl", "--load-creds", "--clear", "--noprompt"], check=True)
