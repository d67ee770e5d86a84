# SPDX-License-Identifier: GPL-3.0-or-later
"""Every keyword of ssh_config(5) that `ssh -G` prints, and what becomes of it here, where paramiko speaks and not ssh.

A keyword that decides to whom a password or a script goes is read or refused, never passed over. Source: ssh_config(5)
of OpenSSH 10.0.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import TransportError

# fmt: off
READ = frozenset((
    "host", "hostname", "user", "port", "identityfile", "identitiesonly", "identityagent", "pubkeyauthentication",
    "passwordauthentication", "preferredauthentications", "userknownhostsfile", "globalknownhostsfile",
    "stricthostkeychecking", "hostkeyalias", "hashknownhosts", "revokedhostkeys", "hostkeyalgorithms",
    "kexalgorithms", "ciphers", "macs", "pubkeyacceptedalgorithms", "pubkeyacceptedkeytypes", "requiredrsasize",
    "proxyjump", "proxycommand",
))

# Refused unless it has this value: paramiko cannot do it, and would reach or trust another host.
REFUSED: Mapping[str, str] = {
    "bindaddress": "",
    "bindinterface": "",
    "knownhostscommand": "none",
    "proxyusefdpass": "no",
    "refuseconnection": "",
}

# Passed over: without it less is trusted and fewer are let in.
STRICTER = frozenset((
    "certificatefile", "casignaturealgorithms", "gssapiauthentication", "gssapidelegatecredentials",
    "gssapikexalgorithms", "gssapikeyexchange", "gssapirenewalforcesrekey", "gssapitrustdns", "gssapiclientidentity",
    "gssapiserveridentity", "hostbasedacceptedalgorithms", "hostbasedauthentication", "enablesshkeysign",
    "kbdinteractiveauthentication", "kbdinteractivedevices", "nohostauthenticationforlocalhost", "pkcs11provider",
    "securitykeyprovider", "updatehostkeys", "verifyhostkeydns", "checkhostip",
))

# Passed over: it is about what is not done here at all, or about how it looks.
IDLE = frozenset((
    "addkeystoagent", "addressfamily", "batchmode", "canonicaldomains", "canonicalizefallbacklocal",
    "canonicalizehostname", "canonicalizemaxdots", "canonicalizepermittedcnames", "channeltimeout",
    "clearallforwardings", "compression", "connectionattempts", "connecttimeout", "controlmaster", "controlpath",
    "controlpersist", "dynamicforward", "enableescapecommandline", "escapechar", "exitonforwardfailure",
    "fingerprinthash", "forkafterauthentication", "forwardagent", "forwardx11", "forwardx11timeout",
    "forwardx11trusted", "gatewayports", "ignoreunknown", "ipqos", "localcommand", "localforward", "logverbose",
    "loglevel", "numberofpasswordprompts", "obscurekeystroketiming", "permitlocalcommand", "permitremoteopen",
    "rekeylimit", "remotecommand", "remoteforward", "requesttty", "sendenv", "serveralivecountmax",
    "serveraliveinterval", "sessiontype", "setenv", "stdinnull", "streamlocalbindmask", "streamlocalbindunlink",
    "syslogfacility", "tag", "tcpkeepalive", "tunnel", "tunneldevice", "versionaddendum", "visualhostkey",
    "warnweakcrypto", "xauthlocation",
))
# fmt: on


def refuse(values: Mapping[str, str]) -> None:
    """Refuse settings that only OpenSSH itself can keep to.

    Raises:
        TransportError: there is one.
    """
    for keyword, harmless in REFUSED.items():
        if values.get(keyword, harmless) != harmless:
            what = f"its ssh configuration says {keyword} {values[keyword]}, which paramiko cannot do"
            raise TransportError(what, where=values.get("hostname", ""), hint="reach it with Ansible's ssh connection")
