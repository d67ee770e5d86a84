"""A second measure of the audit, without injected names: real pairs of configurations, one setting changed at random.

`make mutants N=200` takes the pairs of the corpus that two real daemons bring up here, changes one setting on one end,
asks the daemons whether the tunnel still comes up, and compares that with what the audit says of the settings alone.
Several labs share the work; the same seed makes the same mutants and the same lines in the same order. Fails where the
audit calls fine what charon refuses, or names the wrong cause in more than two of a hundred.
"""

from __future__ import annotations

import argparse
import os
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.audit import audit
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.model import Audit, Gateway
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms import detect_platform, find_platform
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.platforms.gather_options import GatherOptions
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl import editor
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.swanctl import settings as settings_of
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.transport import framing

from tests.lab.lab import Lab, running
from tests.lab.signals import run
from tests.lab.topology import topology
from tests.unit.corpus import CORPUS

Item = TypeVar("Item")
Answer = TypeVar("Answer")
HOSTS = {"moon": "192.168.0.1", "sun": "192.168.0.2"}
CONF = "/etc/swanctl/swanctl.conf"
LABS = 6  # at once: most of the time daemons wait for each other
WAIT = (
    40  # seconds for one attempt, which ends sooner: what is refused is refused at once, silence when charon gives up
)
GIVES_UP = "charon {\n retransmit_timeout = 3\n retransmit_tries = 1\n retransmit_base = 1\n}\n"  # after 6 s
ENOUGH = 0.98  # of the refused mutants must have the right cause
LAYOUT = {
    "name": "mutants",
    "gateways": {
        "moon": {"addresses": {"wan": "192.168.0.1/24", "lan1": "10.1.0.1/16"}},
        "sun": {"addresses": {"wan": "192.168.0.2/24", "lan2": "10.2.0.1/16"}},
    },
}
OTHER = "somebody.else.example"
WEAK = ("aes192-sha384-modp4096", "aes256-sha512-ecp384")
IDENTITY = frozenset({"identity-mismatch", "psk-missing"})
# By setting: what it may become, and the findings any of which is the right cause.
MUTATIONS: Mapping[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "version": (("1", "2"), frozenset({"ike-version-mismatch"})),
    "proposals": (WEAK, frozenset({"ike-proposals-disjoint"})),
    "remote_addrs": (("192.168.0.77",), frozenset({"address-mismatch"})),
    "local.id": ((OTHER,), IDENTITY),
    "remote.id": ((OTHER,), IDENTITY),
    "remote.auth": (("psk", "pubkey"), frozenset({"auth-method-mismatch"})),
    "child.esp_proposals": (WEAK, frozenset({"esp-proposals-disjoint", "pfs-mismatch"})),
    "child.local_ts": (("10.9.0.0/16", "10.1.5.0/24"), frozenset({"selectors-not-mirrored"})),
    "child.remote_ts": (("10.9.0.0/16", "10.2.5.0/24"), frozenset({"selectors-not-mirrored"})),
    "child.mode": (("transport", "tunnel"), frozenset({"mode-mismatch"})),
    "secret": (("another key",), frozenset({"psk-mismatch"})),
}
HARD = frozenset().union(*(causes for dummy, causes in MUTATIONS.values())) - {"pfs-mismatch"}


@dataclass(frozen=True, eq=False)
class Pair:
    """Two configurations of one scenario, and the connection and child that they share."""

    name: str
    texts: Mapping[str, str]  # by host
    connection: str
    child: str


@dataclass(frozen=True)
class Mutant:
    """One setting changed on one end."""

    pair: Pair
    host: str
    setting: str
    value: str

    def __str__(self) -> str:
        return f"{self.pair.name} {self.host} {self.setting} = {self.value}"


def main() -> int:
    """Run as many mutants as asked for; 1 where the measure is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-n", "--number", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not CORPUS.is_dir():
        print(f"Not measured: the corpora are not at {CORPUS}; TUNNELWRIGHT_CORPUS says where they are.")
        return int("CI" in os.environ)
    with _labs() as labs:
        healthy = dict(labs.each(_healthy, pairs()))
        for pair, said in healthy.items():
            if said:
                print(f"up, called broken      {pair.name}  [{', '.join(sorted(said))}]")
        usable = [pair for pair, said in healthy.items() if said == set()]
        print(f"{len(usable)} pairs of the corpus come up here and are found healthy", flush=True)
        chance = random.Random(arguments.seed)  # noqa: S311  no secret, and repeatable
        return _judge(labs.each(_meet, [mutant(chance, usable) for dummy in range(arguments.number)]))


@dataclass(frozen=True)
class _Labs:
    """Labs that are alike: whatever is to be done is done on whichever is free."""

    free: SimpleQueue[Lab]

    def each(self, do: Callable[[Lab, Item], Answer], items: Iterable[Item]) -> Iterator[tuple[Item, Answer]]:
        """Each item and what came of it, in the order of the items."""
        every = list(items)
        with ThreadPoolExecutor(LABS) as pool:
            yield from zip(every, pool.map(lambda item: self._one(do, item), every), strict=True)

    def _one(self, do: Callable[[Lab, Item], Answer], item: Item) -> Answer:
        lab = self.free.get()
        try:
            return do(lab, item)
        finally:
            self.free.put(lab)


@contextmanager
def _labs() -> Iterator[_Labs]:
    labs = _Labs(SimpleQueue())
    with ExitStack() as stack:
        papers: dict[str, str] = {}
        for dummy in range(LABS):
            lab = stack.enter_context(running(topology(LAYOUT)))
            papers = papers or _papers(lab)
            _equip(lab, papers)
            labs.free.put(lab)
        yield labs


def pairs() -> Iterator[Pair]:
    """Every scenario of the corpus with one connection between moon and sun."""
    for path in sorted((CORPUS / "swanctl").glob("*__moon.conf")):
        name = path.name.removesuffix("__moon.conf")
        files = {host: path.with_name(f"{name}__{host}.conf") for host in HOSTS}
        if not all(file.is_file() for file in files.values()):
            continue
        texts = {host: _placed(file.read_text(encoding="utf-8")) for host, file in files.items()}
        first, other = (_names(text) for text in texts.values())
        if first and first == other:
            yield Pair(name, texts, *first)


def _names(text: str) -> tuple[str, str] | None:
    """The connection and the child of a configuration that has one of each."""
    tree = settings_of.parse(text.encode())
    connections = tree.sections(("connections",))
    children = tree.sections(("connections", connections[0], "children")) if len(connections) == 1 else ()
    return (connections[0], children[0]) if len(children) == 1 else None


def mutant(chance: random.Random, usable: list[Pair]) -> Mutant:
    """One setting of one end of one pair, with another value than it has."""
    while True:
        pair, host = chance.choice(usable), chance.choice(sorted(HOSTS))
        setting = chance.choice(sorted(MUTATIONS))
        value = chance.choice(MUTATIONS[setting][0])
        path = _path(pair, host, setting)
        if path is None:
            continue
        there = settings_of.parse(pair.texts[host].encode()).get(path)
        if there is None or there.value != value:
            return Mutant(pair, host, setting, value)


def _healthy(lab: Lab, pair: Pair) -> set[str] | None:
    """What the audit says of a pair that comes up, which should be nothing; None where it does not."""
    return {finding.id for finding in _audit(lab).findings} & HARD if _try(lab, pair, pair.texts) else None


def _meet(lab: Lab, each: Mutant) -> tuple[bool, set[str]]:
    """Whether a mutant comes up, and what the audit says of it."""
    path = _path(each.pair, each.host, each.setting)
    assert path is not None
    before = settings_of.parse(each.pair.texts[each.host].encode(), name="x.conf")
    edits = editor.set_values(before, {path: each.value})
    text = editor.apply_edits({"x.conf": each.pair.texts[each.host].encode()}, edits)["x.conf"].decode()
    up = _try(lab, each.pair, {**each.pair.texts, each.host: text})
    return up, {finding.id for finding in _audit(lab).findings}


def _judge(met: Iterable[tuple[Mutant, tuple[bool, set[str]]]]) -> int:
    count: Counter[str] = Counter()
    for each, (up, said) in met:
        verdict = _verdict(up, said, MUTATIONS[each.setting][1])
        count[verdict] += 1
        print(
            f"{verdict:22} {each}  [{'up' if up else 'refused'}; {', '.join(sorted(said & HARD)) or 'nothing'}]",
            flush=True,
        )
    refused = sum(number for verdict, number in count.items() if verdict.startswith("refused"))
    print(", ".join(f"{verdict}: {number}" for verdict, number in sorted(count.items())))
    right = count["refused, right cause"] / refused if refused else 1.0
    print(f"{count['refused, called fine']} called fine that charon refuses; right cause {right:.1%} of {refused}")
    return int(count["refused, called fine"] > 0 or right < ENOUGH)


def _verdict(up: bool, said: set[str], right: frozenset[str]) -> str:
    if up:
        return "up, called broken" if said & HARD - {"selectors-not-mirrored"} else "up"
    if said & right:
        return "refused, right cause"
    return "refused, other cause" if said & HARD else "refused, called fine"


def _try(lab: Lab, pair: Pair, texts: Mapping[str, str]) -> bool:
    """Whether two daemons with these configurations bring the child up, initiated from either end.

    They begin anew: an SA that the pair before has left could be taken for this one's.
    """
    for host, text in texts.items():
        lab.write(host, CONF, text)
        lab.exec(host, ["env", "LAB_NO_LOAD=1", "/etc/init.d/strongswan", "restart"], check=True)
    for host in texts:
        lab.exec(host, ["swanctl", "--load-all", "--clear", "--noprompt"])
    for host in texts:
        start = ["swanctl", "--initiate", "--ike", pair.connection, "--child", pair.child, "--timeout", str(WAIT)]
        if lab.exec(host, start, timeout=2 * WAIT).returncode == 0:
            return True
        lab.exec(host, ["swanctl", "--terminate", "--ike", pair.connection, "--force", "--timeout", "1"])
    return False


def _audit(lab: Lab) -> Audit:
    """What the audit says of the two gateways' settings; no SA is read."""
    return audit([_read(lab, host) for host in HOSTS])


def _read(lab: Lab, host: str) -> Gateway:
    options, mark = GatherOptions("a key that both ends are read with", sas=False), framing.make_mark()
    script = framing.pack(find_platform("auto").gather(options), mark).decode("utf-8", "surrogateescape")
    done = lab.exec(host, ["/bin/sh", "-s"], stdin=script, check=True)
    reply = framing.unpack(done.stdout.encode("utf-8", "surrogateescape"), mark)
    return detect_platform(reply).read(host, reply, options)


def _path(pair: Pair, host: str, setting: str) -> tuple[str, ...] | None:
    """Where a setting is; None for the secret of a pair that has none."""
    if setting == "secret":
        tree = settings_of.parse(pair.texts[host].encode()).tree().get("secrets")
        name = next((n for n in tree if n.startswith("ike")), None) if isinstance(tree, dict) else None
        return ("secrets", name, "secret") if name else None
    if setting.startswith("child."):
        return ("connections", pair.connection, "children", pair.child, setting.removeprefix("child."))
    return ("connections", pair.connection, *setting.split("."))


def _placed(text: str) -> str:
    """The corpus leaves addresses to be filled in."""
    for host, address in HOSTS.items():
        text = text.replace(f"PH_IP_{host.upper()}", address)
    return text


def _papers(lab: Lab) -> dict[str, str]:
    """A CA, and for each host a key and the certificate that the scenarios name: by name, in base64."""
    make = (
        "cd /run && pki --gen --type ed25519 >ca.key && pki --self --ca --in ca.key --type ed25519 "
        "--dn 'C=CH, O=strongSwan Project, CN=strongSwan Root CA' >ca.pem.der"
    )
    lab.sh("moon", make)
    for host in HOSTS:
        name = f"{host}.strongswan.org"
        lab.sh(
            "moon",
            f"cd /run && pki --gen --type rsa --size 2048 >{host}.key && pki --pub --in {host}.key --type rsa | "
            f"pki --issue --cacert ca.pem.der --cakey ca.key --dn 'C=CH, O=strongSwan Project, CN={name}' --san {name} "
            f"--outform pem >{host}.pem",
        )
    names = ("ca.pem.der", *(f"{host}.{kind}" for host in HOSTS for kind in ("key", "pem")))
    return {name: lab.sh("moon", f"base64 /run/{name}") for name in names}


def _equip(lab: Lab, papers: Mapping[str, str]) -> None:
    """Give each host its papers, and little patience with a peer that says nothing."""
    for host in HOSTS:
        places = {
            "ca.pem.der": "x509ca/ca.der",
            f"{host}.pem": f"x509/{host}Cert.pem",
            f"{host}.key": f"private/{host}.key",
        }
        for name, place in places.items():
            lab.exec(host, ["sh", "-c", f"mkdir -p /etc/swanctl/{Path(place).parent}; base64 -d >/etc/swanctl/{place}"],
                     stdin=papers[name], check=True)  # fmt: skip
        lab.write(host, "/etc/strongswan.d/patience.conf", GIVES_UP)


if __name__ == "__main__":
    run(main)
