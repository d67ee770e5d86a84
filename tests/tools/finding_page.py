"""The page of one finding: cause, how it shows, how it is repaired, an example, references."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules.grounds import DEFAULT
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Change, EndName, Step, Tunnel
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.report.formats import terminal as as_table
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl.log_signatures import (
    SIGNATURES,
    Signature,
)

from tests.tools import rst
from tests.tools.findings import Case, Topic

PFSENSE = (
    "pfSense runs the same daemon{lines}. From 2.6, phase 1 with the number N is there the connection ``conN``; its "
    "child is ``conN`` with IKEv2, and ``conN_M`` with IKEv1 or split connections."
)
PFSENSE_LINES = " and logs the same lines, in ``/var/log/ipsec.log``"
PFSENSE_OTHERWISE = {
    "selectors-not-mirrored": " Its daemon prints traffic selectors as ``10.1.0.0/24|/0``, which is ``10.1.0.0/24``.",
}
REPAIRED = {
    (True,): "The role ``remediate`` repairs it.",
    (False,): "It is not repaired by itself; the finding says what to do.",
}
REPAIRED_PARTLY = "The role ``remediate`` repairs it in some cases; in the others the finding says what to do."


POLICY = (
    f"It is found where a policy asks for it: {rst.ref('policy_profiles', 'Policy profiles')}. "
    "The example is of one that asks for nothing else.\n"
)


def finding_page(topic: Topic) -> str:
    """The whole page."""
    return rst.page(
        label(topic.id),
        topic.id,
        f":Severity: {topic.severity}\n:Repair: {repair(topic)}\n",
        f"{about(topic)}\n",
        POLICY if topic.of_a_policy else "",
        _explains(topic),
        rst.heading("How it shows"),
        *_shows(topic),
        rst.heading("How it is repaired"),
        *_repaired(topic),
        rst.heading("An example"),
        *_example(topic.example),
        *_references(topic),
        f"All findings: {rst.ref('findings', 'Findings')}. What a log says: {rst.ref('log_lines', 'Log lines')}.\n",
    )


def label(name: str) -> str:
    """The label of a finding's page."""
    return f"finding_{name}"


def link(name: str) -> str:
    """A link to a finding's page."""
    return rst.ref(label(name), name)


def about(topic: Topic) -> str:
    """The cause, with Python's marks for code made those of these pages."""
    return re.sub(r"`+([^`]+)`+", r"``\1``", topic.cause)


def repair(topic: Topic) -> str:
    """Who repairs it, in a word or two."""
    return {(True,): "automatic", (False,): "advice"}.get(_fixed(topic), "automatic or advice")


def log_label(signature: Signature) -> str:
    """The label of a log line."""
    return f"log_line_{signature.name}"


def _fixed(topic: Topic) -> tuple[bool, ...]:
    return tuple(dict.fromkeys(bool(finding.fix) for case in topic.cases for finding in case.found))


def _explains(topic: Topic) -> str:
    if not topic.explains:
        return ""
    return f"On the same tunnel it explains these, which are then not shown: {', '.join(map(link, topic.explains))}.\n"


def _shows(topic: Topic) -> Iterator[str]:
    if not topic.of_tunnels:
        yield "The same on every platform: the collection itself says it, as in the example.\n"
        return
    known = [each for each in SIGNATURES if each.cause == topic.id]
    attempted = next((case for case in topic.cases if case.attempted), None)
    yield rst.heading("strongSwan", "~")
    yield f"{_seen(topic)}\n"
    if attempted:
        yield "Logged, for example:\n"
        yield rst.verbatim("\n".join(_logged(attempted)))
    if known:
        yield "Lines of charon's log that prove it. Sources are below ``src/libcharon`` unless they say otherwise:\n"
        rows = (
            (rst.ref(log_label(each), each.name), each.side, rst.literal(each.pattern.pattern.strip()), each.source)
            for each in known
        )
        yield rst.table(("Line", "Logged by", "Pattern", "Source"), rows)
    elif not attempted:
        yield "No line of charon's log proves it by itself.\n"
    yield rst.heading("pfSense", "~")
    lines = PFSENSE_LINES if known or attempted else ""
    yield f"{PFSENSE.format(lines=lines)}{PFSENSE_OTHERWISE.get(topic.id, '')}\n"


def _seen(topic: Topic) -> str:
    if topic.of_a_policy:
        return "An audit reads it from the gateways; the example names what proves it and the line of the policy."
    if all(case.attempted for case in topic.cases):
        return "Settings do not show it: ``diagnose`` initiates the tunnel from each end and reads both daemons' logs."
    if all(case.probes for case in topic.cases):
        return "Seen by pings through the tunnel, from inside its selectors."
    read = "An audit reads it from the gateways; the example names what proves it and where."
    other = any(case.attempted for case in topic.cases)
    return f"{read} Where that does not tell, ``diagnose`` finds it in the daemons' logs." if other else read


def _logged(case: Case) -> Iterator[str]:
    """What proves it in the logs, by role in place of the gateways' names."""
    (attempt, *dummy) = case.audit.tunnels[0].attempts
    names = [end.gateway.name for end in case.audit.tunnels[0].ends]
    for line in case.found[0].evidence:
        for name in names:
            role = "initiator" if name == attempt.gateway else "responder"
            if line.startswith(f"log of {name}: "):
                yield f"{role}: {line.partition(': ')[2]}"


def _repaired(topic: Topic) -> Iterator[str]:
    yield f"{REPAIRED.get(_fixed(topic), REPAIRED_PARTLY)}{_class(topic)}\n"
    yield "By example, ``a`` and ``b`` being the two gateways:\n"
    done: dict[tuple[str, str], dict[str, None]] = {}
    for case in topic.cases:
        for role, remedy in _remedies(case):
            done.setdefault((rst.words(case.case), role), {})[remedy] = None
    rows = ((case, role, "; ".join(remedies)) for (case, role), remedies in done.items())
    yield rst.table(("Case", "End", "Remedy"), rows)
    if settings := _settings(topic):
        yield f"What is set in these examples: {', '.join(settings)}.\n"


def _class(topic: Topic) -> str:
    """What ipsec_repair has to do with it."""
    if True not in _fixed(topic) or not topic.repair:
        return ""
    if topic.repair in DEFAULT:
        return f" The repair is of the class ``{topic.repair}``."
    return f" The repair is of the class ``{topic.repair}`` and made only where ``ipsec_repair`` names that."


def _settings(topic: Topic) -> list[str]:
    changes = [fix for case in topic.cases for found in case.found for fix in found.fix if isinstance(fix, Change)]
    kinds = ((rst.literal(each.setting), "child" if each.end.child else "connection") for each in changes)
    return [f"{setting} of the {holder}" for setting, holder in dict.fromkeys(kinds)]


def _remedies(case: Case) -> Iterator[tuple[str, str]]:
    """What is to be done at which end."""
    tunnels = {tunnel.name: tunnel for tunnel in case.audit.tunnels}
    for finding in case.found:
        tunnel = tunnels.get(finding.tunnel)
        for fix in finding.fix:
            yield _role(tunnel, fix.end.gateway if isinstance(fix, Change) else fix.gateway), _remedy(fix)
        if finding.no_fix:
            yield _role(tunnel, finding.end.gateway), f"Advice: {rst.words(finding.no_fix)}"


def _role(tunnel: Tunnel | None, gateway: str) -> str:
    """Which end of the tunnel a gateway is; of no tunnel, it is any."""
    if tunnel is None:
        return "any"
    return "initiator" if gateway == tunnel.initiator else "responder"


def _remedy(fix: Change | Step) -> str:
    if isinstance(fix, Change):
        return rst.literal(f"{fix.setting} = {fix.value}" if fix.value else f"{fix.setting} removed") + (
            " of the child" if fix.end.child else ""
        )
    return f"{rst.plugin(fix.do)} {_does(fix)}"


def _does(step: Step) -> str:
    if step.state:
        return f"with {rst.literal(f'state: {step.state}')}"
    return "with the pre-shared key that you give in ``ipsec_psks``"


def _example(case: Case) -> Iterator[str]:
    yield f"The case: {rst.words(case.case)}. What the audit says of it:\n"
    yield rst.verbatim(as_table.render(case.audit))
    if case.audit.steps:
        yield "What ``remediate`` then runs, in this order:\n"
        yield "".join(f"#. {_step(step)}\n" for step in case.audit.steps)


def _step(step: Step) -> str:
    name = str(EndName(step.gateway, step.connection, step.child))
    given = [f"{key} = {value}" for key, value in step.settings.items()]
    given += [f"{child}.{key} = {value}" for child, each in step.children.items() for key, value in each.items()]
    what = [rst.literal(each) for each in given]
    what += ["the pre-shared key"] if step.psk else []
    what += [rst.literal(f"state: {step.state}")] if step.state else []
    what += ["then the tunnel is re-initiated"] if step.reinitiate else []
    return f"{rst.plugin(step.do)} on {rst.literal(name)}: {', '.join(what)}"


def _references(topic: Topic) -> Iterator[str]:
    if topic.references:
        yield rst.heading("References")
        yield rst.items(rst.sourced(each) for each in topic.references)
