"""Brings a topology up as real gateways, enters them, and takes everything down again.

A node is a network namespace; a gateway is that and a mount, pid, uts and ipc namespace whose first
process is boot.sh. The networks are bridges in a namespace of the lab's own, so that addresses of two
labs never meet; a management bridge on the host, with addresses from 100.64.0.0/10 (RFC 6598), carries ssh.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from . import owner, pfsense
from . import state as states
from .archive import tar
from .root import root
from .signals import held
from .state import State
from .swanctl import ROOT, connection, strongswan_conf
from .swanctl import secrets as secrets_conf
from .topology import Node, Topology, Tunnel, ends
from .topology import topology as topology_of

HERE = Path(__file__).parent
MANAGEMENT = IPv4Network("100.64.0.0/10")
AT_ONCE = 10
DEAD_WITHIN = 10.0  # seconds for killed processes to be gone
READY_WITHIN = 60.0  # seconds for a gateway to boot, on a machine that is busy
LOAD = {
    "strongswan": ("swanctl", "--load-all", "--noprompt"),
    "pfsense": ("/usr/local/sbin/strongswanrc", "reload"),
}
SSHD = """Port 22
ListenAddress {address}
HostKey /etc/ssh/lab_host_key
PidFile /run/sshd.pid
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
MaxStartups 100
AuthorizedKeysFile /etc/ssh/lab_authorized_keys
Subsystem sftp internal-sftp
"""


class LabError(RuntimeError):
    """Something of a lab did not work; says what and on which node."""


@dataclass(frozen=True)
class Lab:
    """A running lab."""

    state: State
    topology: Topology

    @property
    def folder(self) -> Path:
        return self.state.folder

    def management(self, gateway: str) -> IPv4Address:
        """The address at which the host reaches a gateway by ssh."""
        return _subnet(self.state)[2 + list(self.topology.gateways).index(gateway)]

    def exec(
        self, node: str, argv: Sequence[str], *, stdin: str | None = None, timeout: float = 60, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a node, as its root.

        Raises:
            LabError: `check` is set and the command failed.
        """
        command = [*self._enter(node), *argv]
        source: Mapping[str, object] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
        done = subprocess.run(
            command, capture_output=True, text=True, errors="surrogateescape", timeout=timeout, check=False, **source
        )  # type: ignore[call-overload]
        if check and done.returncode:
            raise LabError(
                f"{' '.join(argv)} on {node} failed ({done.returncode}): {(done.stderr or done.stdout).strip()[-500:]}"
            )
        result: subprocess.CompletedProcess[str] = done
        return result

    def sh(self, node: str, script: str, **options: object) -> str:
        """What a shell script printed on a node; it must succeed."""
        return self.exec(node, ["sh", "-c", script], check=True, **options).stdout  # type: ignore[arg-type]

    def ping(self, source: str, target: str, *, count: int = 3, wait: int = 2, address: str | None = None) -> bool:
        """Whether a node (or address) answers pings from a node: at least one of `count`."""
        to = (
            target
            if target not in {n.name for n in self.topology.nodes}
            else str(next(iter(self._node(target).addresses.values())).ip)
        )
        if target in self.topology.gateways or target in self.topology.routers:
            to = str(list(self._node(target).addresses.values())[-1].ip)
        argv = [
            "/usr/bin/ping",  # a stand-in for pfSense has one of its own before it
            "-n",
            "-q",
            "-i",
            "0.2",
            "-c",
            str(count),
            "-W",
            str(wait),
            *(["-I", address] if address else []),
            to,
        ]
        return self.exec(source, argv).returncode == 0

    def inside(self, gateway: str) -> str:
        """A gateway's own address in the network it protects: the last in the topology."""
        return str(list(self.topology.gateways[gateway].addresses.values())[-1].ip)

    def pings(self, tunnel: str) -> tuple[bool, bool]:
        """Whether traffic passes a tunnel from the initiator's side, and from the responder's."""
        one, other = self.topology.tunnels[tunnel].initiator.gateway, self.topology.tunnels[tunnel].responder.gateway
        return (
            self.ping(one, self.inside(other), address=self.inside(one)),
            self.ping(other, self.inside(one), address=self.inside(other)),
        )

    def write(self, gateway: str, path: str, text: str, *, mode: str = "0644") -> None:
        """Put a file onto a gateway."""
        self.exec(gateway, ["sh", "-c", f"umask 077; cat >{path} && chmod {mode} {path}"], stdin=text, check=True)

    def _node(self, name: str) -> Node:
        for nodes in (self.topology.gateways, self.topology.routers, self.topology.hosts):
            if name in nodes:
                return nodes[name]
        raise LabError(f"no node of {self.state.name} is called {name}")

    def _enter(self, node: str) -> list[str]:
        self._node(node)
        if node not in self.topology.gateways:
            return ["ip", "netns", "exec", _namespace(self.state, node)]
        return ["nsenter", "-t", str(inner(self.state, node)), "-m", "-p", "-n", "-u", "-i", "-r", "-w", "--"]


def up(
    topology: Topology,
    *,
    name: str | None = None,
    suite: str = "trixie",
    settle: float = 60,
    whose: owner.Owner | None = None,
) -> Lab:
    """Build a lab and wait, up to `settle` seconds, for its tunnels. What is half built when this fails is taken down.

    A lab that is somebody's is swept away when its owner is gone; others stay until they are taken down.

    Raises:
        LabError: a part of it did not come up.
        FileExistsError: a lab of this name is there.
    """
    kinds = {gateway.kind for gateway in topology.gateways.values()}
    roots = {kind: root(suite, kind=kind) for kind in sorted(kinds)}
    sweep()
    state = states.claim(name or f"{topology.name}-{secrets.token_hex(3)}", whose)
    try:
        state.suite, state.topology = suite, {**topology.data, "name": topology.name}
        lab = Lab(state, topology)
        _keys(lab)
        _networks(lab)
        _each(lambda node: _boot(lab, node.name, roots[node.kind]), topology.gateways.values())
        state.save()
        _each(lambda node: _ready(lab, node.name), topology.gateways.values())
        load(lab)
        settled(lab, settle)
    except BaseException:
        with held():
            down(state)
        raise
    return lab


def sweep() -> None:
    """Take away what runs that are gone have left: the processes that they started, and their labs."""
    owner.kill_processes(lambda whose: whose.is_gone)
    with held():
        for state in states.claim_abandoned():
            down(state)


def load(lab: Lab) -> None:
    """Have every gateway load its configuration, responders first."""
    starting = {tunnel.initiator.gateway for tunnel in lab.topology.tunnels.values()}
    for wave in (lab.topology.gateways.keys() - starting, starting):
        _each(lambda gateway: lab.exec(gateway, LOAD[lab.topology.gateways[gateway].kind], check=True), sorted(wave))


def settled(lab: Lab, seconds: float) -> bool:
    """Wait until every tunnel that starts by itself is up; whether they are."""
    waiting = {tunnel.name for tunnel in lab.topology.tunnels.values() if tunnel.starts}
    end = time.monotonic() + seconds
    while waiting and time.monotonic() < end:
        waiting = {name for name in waiting if not installed(lab, lab.topology.tunnels[name])}
        if waiting:
            time.sleep(0.2)
    return not waiting


def installed(lab: Lab, tunnel: Tunnel) -> bool:
    """Whether the initiator has a CHILD_SA of the tunnel installed."""
    end = tunnel.initiator
    listed = lab.exec(end.gateway, ["swanctl", "--list-sas", "--ike", end.connection]).stdout
    return "INSTALLED" in listed


def down(state: State) -> None:
    """Remove all that a lab has made, also a half-built one; may be called again."""
    for pid, since in list(state.processes.values()):
        states.kill(pid, since)
    for name in state.namespaces:
        _empty(name)
    for link in reversed(state.links):
        subprocess.run(["ip", "link", "del", link], capture_output=True, check=False)
    for name in state.namespaces:
        subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
    _gone(state.links)
    shutil.rmtree(state.folder, ignore_errors=True)


def _gone(links: Sequence[str]) -> None:
    """Wait until links are gone: the kernel takes a namespace and what is plugged into it down in its own time."""
    end = time.monotonic() + DEAD_WITHIN
    while any(Path(f"/sys/class/net/{link}").exists() for link in links) and time.monotonic() < end:
        time.sleep(0.02)


def _empty(namespace: str) -> None:
    """Kill what runs in a namespace of ours until nothing does: only what the lab started is in there."""
    end = time.monotonic() + DEAD_WITHIN
    while time.monotonic() < end:
        listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
        pids = [int(pid) for pid in listed.stdout.split()]
        if not pids:
            return
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def find(name: str) -> Lab:
    """A lab that is running.

    Raises:
        LookupError: there is none of this name.
    """
    state = states.load(name)
    return Lab(state, topology_of(state.topology, where=name))


@contextmanager
def running(topology: Topology, **options: object) -> Iterator[Lab]:
    """A lab for as long as the block lasts; this process owns it."""
    lab = up(topology, whose=owner.me(), **options)  # type: ignore[arg-type]
    try:
        yield lab
    finally:
        with held():
            down(lab.state)


def inner(state: State, gateway: str) -> int:
    """The pid of a gateway's first process, seen from outside."""
    pid, since = state.processes[gateway]
    if owner.started(pid) != since:
        raise LabError(f"{gateway} is not running")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()
    if not children:
        raise LabError(f"{gateway} has not booted")
    return int(children[0])


def _each(do: Callable[..., object], items: Iterable[object]) -> None:
    """Do something with each item, some at once; when this is interrupted, nothing of it goes on."""
    pool = ThreadPoolExecutor(AT_ONCE)
    waiting = [pool.submit(do, item) for item in items]
    try:
        for one in waiting:
            one.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _subnet(state: State) -> IPv4Network:
    return list(MANAGEMENT.subnets(new_prefix=20))[state.index]


def _namespace(state: State, node: str) -> str:
    return f"tw{state.index}-{node}"


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _batch(lines: Iterable[str], namespace: str | None = None) -> None:
    """Many ip commands in one process."""
    text = "\n".join(lines) + "\n"
    command = ["ip", *(["-n", namespace] if namespace else []), "-batch", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(command)}: {done.stderr.strip()}")


def _keys(lab: Lab) -> None:
    """The user's key, the gateways' host key, the known hosts, and the operator's password for sudo."""
    for name in ("id_ed25519", "host_key"):
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"lab {name}", "-f", str(lab.folder / name)],
            check=True,
        )
    host = " ".join((lab.folder / "host_key.pub").read_text(encoding="utf-8").split()[:2])
    hosts = "".join(f"{lab.management(gateway)} {host}\n" for gateway in lab.topology.gateways)
    (lab.folder / "known_hosts").write_text(hosts, encoding="utf-8")
    _private(lab.folder / "operator_password", secrets.token_urlsafe(12))
    for tunnel in lab.topology.tunnels:
        # In hexadecimal, which never begins with 0x or 0s: strongSwan would decode that, and a pfSense would not.
        _private(lab.folder / f"psk-{tunnel}", secrets.token_hex(24))


def _private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        file.write(text)


def _networks(lab: Lab) -> None:
    state, topology = lab.state, lab.topology
    fabric = _namespace(state, "")
    bridge = f"tw{state.index}"
    state.namespaces = [fabric, *(_namespace(state, node.name) for node in topology.nodes)]
    gateways = (number for number, node in enumerate(topology.nodes) if node.name in topology.gateways)
    plugs = [f"tw{state.index}m{number}" for number in gateways]
    state.links = [bridge, *plugs]
    state.save()
    for namespace in state.namespaces:
        _ip("netns", "add", namespace)
    networks = {network: f"n{number}" for number, network in enumerate(topology.networks)}
    _batch([f"link add {link} type bridge\nlink set {link} up" for link in networks.values()], fabric)
    _batch([f"link add {bridge} type bridge", f"addr add {_subnet(state)[1]}/20 dev {bridge}", f"link set {bridge} up"])
    for number, node in enumerate(topology.nodes):
        _wire(lab, number, node, networks)
    for router in topology.routers.values():
        _router(lab, router)


def _wire(lab: Lab, number: int, node: Node, networks: Mapping[str, str]) -> None:
    state, namespace = lab.state, _namespace(lab.state, node.name)
    fabric = _namespace(state, "")
    outside, inside = [], ["link set lo up"]
    for port, (network, address) in enumerate(node.addresses.items()):
        plug = f"p{number}x{port}"
        outside.append(f"link add {plug} type veth peer name eth{port} netns {namespace}")
        outside += [f"link set {plug} master {networks[network]}", f"link set {plug} up"]
        inside += [f"addr add {address} dev eth{port}", f"link set eth{port} up"]
    _batch(outside, fabric)
    if node.name in lab.topology.gateways:
        plug = f"tw{state.index}m{number}"
        _batch(
            [
                f"link add {plug} type veth peer name mgmt netns {namespace}",
                f"link set {plug} master tw{state.index}",
                f"link set {plug} up",
            ]
        )
        inside += [f"addr add {lab.management(node.name)}/20 dev mgmt", "link set mgmt up"]
    if node.default:
        inside.append(f"route add default via {node.default}")
    _batch(inside, namespace)
    if node.name not in lab.topology.hosts:
        lab_sysctl = "echo 1 >/proc/sys/net/ipv4/ip_forward"
        subprocess.run(["ip", "netns", "exec", namespace, "sh", "-c", lab_sysctl], check=True)


def _router(lab: Lab, router: Node) -> None:
    rules = ["table inet lab {", "  chain forward {", "    type filter hook forward priority 0;", "  }"]
    if router.masquerade:
        port = list(router.addresses).index(router.masquerade)
        rules += [
            "  chain post {",
            "    type nat hook postrouting priority 100;",
            f'    oifname "eth{port}" masquerade',
            "  }",
        ]
    lab.exec(router.name, ["nft", "-f", "-"], stdin="\n".join([*rules, "}"]) + "\n", check=True)


def _boot(lab: Lab, gateway: str, debian: Path) -> None:
    own = lab.folder / "gateways" / gateway
    own.mkdir(parents=True)
    files = lab.folder / "gateways" / f"{gateway}.tar"
    files.write_bytes(_files(lab, gateway, debian))
    command = [
        "ip",
        "netns",
        "exec",
        _namespace(lab.state, gateway),
        "unshare",
        "-m",
        "-p",
        "-u",
        "-i",
        "-f",
        "--kill-child",
    ]
    with files.open("rb") as stdin, (lab.folder / "gateways" / f"{gateway}.log").open("w") as log:
        process = subprocess.Popen(
            [*command, "sh", str(HERE / "boot.sh"), str(debian), str(own)],
            stdin=stdin,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    since = owner.started(process.pid)
    if since is not None:
        lab.state.processes[gateway] = (process.pid, since)


def _ready(lab: Lab, gateway: str) -> None:
    end = time.monotonic() + READY_WITHIN
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{inner(lab.state, gateway)}/root/run/lab-ready").exists():
                return
        except (LabError, KeyError) as error:
            if owner.started(lab.state.processes.get(gateway, (0, 0))[0]) is None:
                log = (lab.folder / "gateways" / f"{gateway}.log").read_text(encoding="utf-8", errors="replace")
                raise LabError(f"{gateway} did not boot: {log.strip()[-500:]}") from error
        time.sleep(0.05)
    raise LabError(f"{gateway} did not boot within {READY_WITHIN:.0f} seconds")


def _files(lab: Lab, gateway: str, debian: Path) -> bytes:
    """The gateway's own files as a tar archive: what boot.sh lays over the shared root."""
    etc: dict[str, tuple[str, int]] = {
        "hostname": (f"{gateway}\n", 0o644),
        "hosts": (f"127.0.0.1 localhost {gateway}\n", 0o644),
        "ssh/lab_config": (SSHD.format(address=lab.management(gateway)), 0o644),
        "ssh/lab_host_key": ((lab.folder / "host_key").read_text(encoding="utf-8"), 0o600),
        "ssh/lab_authorized_keys": ((lab.folder / "id_ed25519.pub").read_text(encoding="utf-8"), 0o644),
        "sudoers.d/operator": ("operator ALL=(ALL) ALL\n", 0o440),
        **_operator(lab, debian),
    }
    if lab.topology.gateways[gateway].kind == "pfsense":
        etc["passwd"] = (pfsense.passwd(etc["passwd"][0]), 0o644)
        keys = {tunnel: key for tunnel, (*dummy, key) in psks(lab, gateway).items()}
        return tar(
            {**{f"etc/{path}": content for path, content in etc.items()}, **pfsense.files(lab.topology, gateway, keys)}
        )
    etc |= {
        "lab-start.sh": ((HERE / "start.sh").read_text(encoding="utf-8"), 0o755),
        "strongswan.conf": (strongswan_conf(lab.state.suite), 0o644),
        "swanctl/swanctl.conf": (ROOT, 0o644),
        "swanctl/conf.d/secrets.conf": (secrets_conf(psks(lab, gateway)), 0o600),
        "init.d/strongswan": ((HERE / "init.d.sh").read_text(encoding="utf-8"), 0o755),
    }
    for tunnel, end in ends(lab.topology, gateway):
        etc[f"swanctl/conf.d/{end.connection}.conf"] = (connection(tunnel, end), 0o644)
    return tar({f"etc/{path}": content for path, content in etc.items()})


def psks(lab: Lab, gateway: str) -> dict[str, tuple[str, str, str]]:
    """The pre-shared keys a gateway needs: by tunnel, both identities and the key."""
    return {
        tunnel.name: (
            tunnel.initiator.id,
            tunnel.responder.id,
            (lab.folder / f"psk-{tunnel.name}").read_text(encoding="utf-8"),
        )
        for tunnel in lab.topology.tunnels.values()
        if gateway in (tunnel.initiator.gateway, tunnel.responder.gateway)
    }


def _operator(lab: Lab, debian: Path) -> dict[str, tuple[str, int]]:
    """A user who is not root and may become it with a password."""
    password = (lab.folder / "operator_password").read_text(encoding="utf-8")
    hashed = subprocess.run(
        ["openssl", "passwd", "-6", "-stdin"], input=password, capture_output=True, text=True, check=True
    ).stdout.strip()
    passwd, shadow, group = (
        (debian / "etc" / name).read_text(encoding="utf-8") for name in ("passwd", "shadow", "group")
    )
    return {
        "passwd": (f"{passwd}operator:x:1000:1000::/tmp:/bin/sh\n", 0o644),
        "shadow": (f"{shadow}operator:{hashed}:20000:0:99999:7:::\n", 0o640),
        "group": (f"{group}operator:x:1000:\n", 0o644),
    }
