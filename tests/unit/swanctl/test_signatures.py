"""The catalogue of log lines, in the wording of several releases and with what each logger puts before it."""

from __future__ import annotations

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.log import parse_events, select_exchange
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.log_signatures import (
    SIGNATURES,
    find_signature,
)

LINES = {
    "psk-differs": ("tried 2 shared keys for 'a' - 'b', but MAC mismatched",),
    "psk-differs-ikev1": ("calculated HASH does not match HASH payload",),
    "psk-differs-garbled": ("ID_PROT request with message ID 0 processing failed",),
    "psk-missing": ("no shared key found for 'a' - 'b'",),
    "no-peer-config": ("no matching peer config found", "no peer config found"),
    "no-ike-config": ("no IKE config found for 192.0.2.1...192.0.2.2, sending NO_PROPOSAL_CHOSEN",),
    "ike-proposals-refused": (
        "received proposals unacceptable",
        "received proposals inacceptable",
        "no proposal found",
    ),
    "esp-proposals-refused": (
        "no acceptable proposal found",
        "no matching proposal found, sending NO_PROPOSAL_CHOSEN",
    ),
    "selectors-refused": (
        "traffic selectors 10.1.0.0/24 === 10.2.0.0/24 unacceptable",
        "traffic selectors 10.1.0.0/24 === 10.2.0.0/24 inacceptable",
        "no matching CHILD_SA config found for 10.1.0.0/24 === 10.2.0.0/24",
    ),
    "authentication-constraint": ("selected peer config 'hq' unacceptable: constraint checking failed",),
    "certificate-untrusted": (
        "no trusted RSA public key found for 'C=CH, CN=b'",
        'no issuer certificate found for "C=CH, CN=b"',
    ),
    "private-key-missing": ("no private key found for 'C=CH, CN=b'",),
    "half-open-limit": ("ignoring IKE_SA setup from 192.0.2.1, peer too aggressive",),
    "refused-ike": ("received NO_PROPOSAL_CHOSEN notify error", "received NO_PROPOSAL_CHOSEN error notify"),
    "refused-authentication": ("received AUTHENTICATION_FAILED notify error",),
    "refused-child": ("received TS_UNACCEPTABLE notify, no CHILD_SA built",),
    "other-group": ("peer didn't accept key exchange method CURVE_25519, it requested MODP_2048",),
    "retransmit": ("retransmit 1 of request with message ID 0", "sending retransmit 1 of request message ID 0, seq 1"),
    "gave-up": ("giving up after 5 retransmits",),
    "peer-silent": ("establishing IKE_SA failed, peer not responding",),
    "unresolved": ("unable to resolve gw.example, initiate aborted",),
    "rekey-refused": ("CHILD_SA rekeying failed, trying again in 13 seconds",),
    "peer-closed": ("received DELETE for ESP CHILD_SA with SPI c0ffee00", "received DELETE for IKE_SA hq[1]"),
    "dpd-timeout": ("DPD check timed out, enforcing DPD action",),
    "trap-impossible": ("installing trap failed, remote address unknown",),
    "existing-duplicate": ("not establishing CHILD_SA net{3} due to existing duplicate {2}",),
    "behind-nat": ("local host is behind NAT, sending keep alives", "remote host is behind NAT"),
    "not-installed": (
        "unable to install IPsec policies (SPD) in kernel",
        "unable to install inbound and outbound IPsec SA (SAD) in kernel",
    ),
    "cannot-send": ("error writing to socket: Invalid argument",),
}
LOGGERS = ("{}", "[IKE] {}", "Nov 21 03:44:50 12[IKE] <hq|7> {}", "2026-11-20T23:37:30+0000 gw charon-systemd[812]: {}")


@pytest.mark.parametrize("logger", LOGGERS)
@pytest.mark.parametrize(("name", "line"), [(name, line) for name, lines in LINES.items() for line in lines])
def test_a_line_means_the_same_in_every_log(name: str, line: str, logger: str) -> None:
    (event,) = parse_events([logger.format(line)])
    assert (event.means.name, event.text) == (name, line)


def test_every_entry_has_a_line_here_and_says_what_it_means_and_where_it_is_from() -> None:
    assert {each.name for each in SIGNATURES} == set(LINES)
    assert all(each.means and each.look and ".c" in each.source for each in SIGNATURES)


@pytest.mark.parametrize("line", ["", "nothing to initiate", "parsed IKE_AUTH response 1 [ IDr AUTH SA TSi TSr ]"])
def test_what_the_catalogue_does_not_have_is_no_event(line: str) -> None:
    assert find_signature(line) is None


def test_an_exchange_is_what_threads_did_with_packets_of_these_addresses() -> None:
    lines = (
        "01[NET] received packet: from 192.0.2.1[500] to 192.0.2.2[500] (240 bytes)",
        "02[NET] received packet: from 192.0.2.9[500] to 192.0.2.2[500] (240 bytes)",
        "02[IKE] received proposals unacceptable",
        "01[CFG] no matching peer config found",
        "03[IKE] retransmit 1 of request with message ID 0",
        "01[NET] received packet: from 192.0.2.9[500] to 192.0.2.2[500] (240 bytes)",
        "01[IKE] no acceptable proposal found",
        "no thread: from the journal",
    )
    assert select_exchange(lines, {"192.0.2.1"}) == (lines[0], lines[3], lines[7])
