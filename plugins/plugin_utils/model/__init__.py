"""The words every stage speaks: frozen values. No I/O, no Ansible, no vendor.

Times are seconds as float; `0.0` means off where the field allows it. Names are swanctl's, except
that `-` becomes `_`. `plain` turns any of these values into what JSON and Ansible know;
`restore` turns that back into the value.
"""

from __future__ import annotations

from .edge import plain, restore
from .gateway import (
    Action,
    Auth,
    Certificate,
    Child,
    ChildSa,
    Connection,
    Daemon,
    Gateway,
    IkeSa,
    Keepalive,
    Policy,
    Problem,
    Secret,
    Setting,
    System,
)
from .tunnel import (
    Attempt,
    Audit,
    Change,
    ChildPair,
    Confidence,
    Declared,
    DeclaredEnd,
    End,
    EndName,
    Fault,
    Finding,
    Phase,
    Ping,
    Probe,
    Proof,
    Severity,
    Step,
    Tunnel,
    Unpaired,
    Verdict,
)
from .wire import Reply, Script, Section

__all__ = [
    "Action",
    "Attempt",
    "Audit",
    "Auth",
    "Certificate",
    "Change",
    "Child",
    "ChildPair",
    "ChildSa",
    "Confidence",
    "Connection",
    "Daemon",
    "Declared",
    "DeclaredEnd",
    "End",
    "EndName",
    "Fault",
    "Finding",
    "Gateway",
    "IkeSa",
    "Keepalive",
    "Phase",
    "Ping",
    "Policy",
    "Probe",
    "Problem",
    "Proof",
    "Reply",
    "Script",
    "Secret",
    "Section",
    "Setting",
    "Severity",
    "Step",
    "System",
    "Tunnel",
    "Unpaired",
    "Verdict",
    "plain",
    "restore",
]
