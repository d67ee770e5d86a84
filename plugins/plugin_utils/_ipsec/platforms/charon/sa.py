# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations on live SAs by swanctl: the script that does them, and what came of them."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors import IpsecError
from ...model import IkeSa, Reply, Script
from ...swanctl import listings
from ...swanctl.log import LONGEST
from ..sas import DesiredSas, LoadedSas, Operation, plan_operation
from .scripts import read_script

_WRONG = ("notify", "giving up", "unable", "not supported")  # in lines of the log that give a reason
_ODD = ("received", "failed", "not established", "no ")


def build_script(wish: DesiredSas, operation: Operation | None = None) -> Script:
    """The program that does an operation and then lists what there is; without one it only lists."""
    operation = operation or Operation("look")
    return Script(
        "\n".join((read_script("sas.sh"), read_script("sa.sh"))),
        {
            "TW_NAME": wish.connection,
            "TW_DO": operation.do or "look",
            "TW_CHILDREN": "".join(f"{child}\n" for child in operation.children),
            "TW_CHILD_IDS": " ".join(map(str, operation.child_ids)),
            "TW_IKE_IDS": " ".join(map(str, operation.ike_ids)),
            "TW_TIMEOUT": f"{max(1, round(wish.timeout))}",
            "TW_FORCE": "1" if wish.force else "0",
        },
    )


def parse_loaded(wish: DesiredSas, reply: Reply) -> LoadedSas:
    """What the daemon holds, from a reply.

    Raises:
        IpsecError: the daemon did not answer, or has no such connection or child.
    """
    stats = reply.sections["stats-reply"]
    if stats.status:
        last = (stats.err or stats.text).splitlines()
        raise IpsecError(
            f"the daemon does not answer ({last[-1] if last else 'no word'})",
            where=wish.connection,
            hint="start it, or use become",
        )
    held = {connection.name: connection for connection, dummy in listings.parse_loaded(reply.sections["conns"].text)}
    if wish.connection not in held:
        raise IpsecError(
            f"the daemon has no connection {wish.connection!r}", hint=f"it has {', '.join(sorted(held)) or 'none'}"
        )
    children = tuple(child.name for child in held[wish.connection].children)
    if wish.child is not None and wish.child not in children:
        raise IpsecError(
            f"connection {wish.connection} has no child {wish.child!r}",
            hint=f"its children are {', '.join(children) or 'none'}",
        )
    return LoadedSas(
        children,
        tuple(sa for sa in listings.parse_ike_sas(reply.sections["sas"].text) if sa.connection == wish.connection),
    )


def parse_result(wish: DesiredSas, operation: Operation, reply: Reply) -> tuple[LoadedSas, tuple[str, ...]]:
    """What the daemon holds after an operation, and what it logged during it.

    Raises:
        IpsecError: the operation did not do what it was to do; says why, in the daemon's words.
    """
    log = tuple(
        line[:LONGEST]
        for name, part in reply.sections.items()
        if name not in ("stats-reply", "conns", "sas")
        for line in part.text.splitlines()
        if line.strip()
    )
    after = parse_loaded(wish, reply)
    missing = (
        [child for child in operation.children if not after.installed(child)]
        if operation.do in ("initiate", "reinitiate")
        else []
    )
    if missing:
        raise IpsecError(
            f"{wish.connection}/{missing[0]} was not established: {explain(log)}",
            hint="the reason is in the peer's log where the peer refused",
            log=log,
        )
    if wish.state == "terminated" and plan_operation(wish, after).do and not _was_reestablished(wish, after, reply):
        raise IpsecError(
            f"{wish.connection} was not terminated: {explain(log)}",
            hint="force: true gives up on a peer that does not answer",
            log=log,
        )
    if operation.do == "rekey" and reply.sections["rekey"].status:
        raise IpsecError(f"{wish.connection} was not rekeyed: {reply.sections['rekey'].err or explain(log)}", log=log)
    return after, log


def parse_termination(wish: DesiredSas, reply: Reply) -> tuple[tuple[str, ...], tuple[IkeSa, ...]]:
    """What was logged while all SAs of a connection ended that the daemon does not know any more, and what is left.

    Raises:
        IpsecError: some are still there.
    """
    log = tuple(line[:LONGEST] for line in reply.sections["terminate"].text.splitlines() if line.strip())
    listed = reply.sections["sas"]
    left = tuple(ike for ike in listings.parse_ike_sas(listed.text) if ike.connection == wish.connection)
    if listed.status or any(ike.state == "ESTABLISHED" for ike in left):
        hint = "tunnelwright.ipsec.sa cannot end what has no connection any more: swanctl --terminate --force can"
        raise IpsecError(f"the SAs of {wish.connection} were not ended: {explain(log)}", hint=hint, log=log)
    return log, left


def explain(log: Sequence[str]) -> str:
    """The line of the daemon's log that tells most."""
    telling = [line for line in log if any(word in line for word in (*_WRONG, *_ODD))]
    errors = [line for line in telling if any(word in line for word in _WRONG)]
    line = (errors or telling or list(log) or ["the daemon gave no reason"])[-1]
    return line.partition("] ")[2] or line


def _was_reestablished(wish: DesiredSas, after: LoadedSas, reply: Reply) -> bool:
    """Whether what is there now came up anew: a peer or an action brought it back, which is no failure to terminate."""
    del wish
    return reply.sections["terminate"].status == 0 or bool(
        after.sas and all(sa.state == "CONNECTING" for sa in after.sas)
    )
