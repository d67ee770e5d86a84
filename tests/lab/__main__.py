"""The lab's command line: `python -m tests.lab up tests/lab/topologies/demo.yml`."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.tools.needs import lacking

from . import state as states
from .faults import FAULTS, VARIANTS, Case, inject
from .inventory import inventory
from .lab import LabError, down, find, running, up
from .owner import kill_own, mark
from .root import KINDS, RootError, root
from .signals import Ended, heed
from .topology import TopologyError, pairs, read


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status says whether it worked."""
    heed()
    arguments = _parser().parse_args(argv)
    if missing := _missing():
        print(f"lab: {missing}", file=sys.stderr)
        return 1
    try:
        return int(arguments.do(arguments) or 0)
    except (LabError, RootError, TopologyError, LookupError, FileExistsError, subprocess.TimeoutExpired) as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except Ended as ended:
        return 128 + ended.number


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(name: str, do: object, about: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=about, description=about)
        sub.set_defaults(do=do)
        return sub

    sub = command("up", _up, "Bring a topology up and print the lab's name.")
    sub.add_argument("topology", nargs="?", type=Path)
    sub.add_argument("--pairs", type=int, help="so many pairs of gateways instead of a topology")
    sub.add_argument("--connections", type=int, default=1, help="with --pairs: connections on each gateway")
    sub.add_argument("--name")
    sub.add_argument(
        "--suite",
        default="trixie",
        choices=["trixie", "bookworm", "bullseye"],
        help="trixie: strongSwan 6.0, others: 5.9",
    )
    sub = command("during", _during, "Run a command while a topology is up; its environment names the lab in LAB.")
    sub.add_argument("topology", type=Path)
    sub.add_argument("command", nargs=argparse.REMAINDER)
    sub = command("down", _down, "Take a lab down.")
    sub.add_argument("lab", nargs="?")
    sub.add_argument("--all", action="store_true")
    command("list", _list, "List the labs on this machine.")
    sub = command("inventory", _inventory, "Print a lab's Ansible inventory.")
    sub.add_argument("lab")
    sub.add_argument("--user", default="root", choices=["root", "admin", "operator"])
    sub = command("exec", _exec, "Run a command on a node.")
    sub.add_argument("lab")
    sub.add_argument("node")
    sub.add_argument("command", nargs=argparse.REMAINDER)
    sub = command("ping", _ping, "Ping from one node to another; fails where nothing comes back.")
    sub.add_argument("lab")
    sub.add_argument("source")
    sub.add_argument("target")
    sub = command("fault", _fault, "Break a tunnel.")
    sub.add_argument("lab")
    sub.add_argument("fault", choices=sorted(FAULTS))
    sub.add_argument("--on", help="the tunnel; the first one if not given")
    command("faults", _faults, "List the faults and the healthy variants.")
    sub = command("root", _root, "Make the shared Debian root if it is not there.")
    sub.add_argument("--suite", default="trixie", choices=["trixie", "bookworm", "bullseye"])
    sub.add_argument("--kind", default="strongswan", choices=sorted(KINDS))
    return parser


def _missing() -> str:
    if sys.platform != "linux":
        return "gateways run in Linux namespaces; this is not Linux"
    if os.geteuid() != 0:
        return "only root may make network namespaces; run as root"
    return lacking("lab")


def _up(arguments: argparse.Namespace) -> None:
    if (arguments.topology is None) == (arguments.pairs is None):
        raise TopologyError("give a topology or --pairs")
    topology = (
        read(arguments.topology) if arguments.topology else pairs(arguments.pairs, connections=arguments.connections)
    )
    print(up(topology, name=arguments.name, suite=arguments.suite).state.name)


def _during(arguments: argparse.Namespace) -> int:
    with running(read(arguments.topology)) as lab:
        mark()
        try:
            return subprocess.run(arguments.command, env={**os.environ, "LAB": lab.state.name}, check=False).returncode
        finally:
            kill_own()


def _down(arguments: argparse.Namespace) -> None:
    for state in states.every() if arguments.all else [states.load(arguments.lab)]:
        down(state)


def _list(arguments: argparse.Namespace) -> None:
    del arguments
    for state in states.every():
        print(f"{state.name}\t{state.suite}\t{len(state.processes)} gateways")


def _inventory(arguments: argparse.Namespace) -> None:
    print(inventory(find(arguments.lab), user=arguments.user), end="")


def _exec(arguments: argparse.Namespace) -> int:
    command = arguments.command[1:] if arguments.command[:1] == ["--"] else arguments.command
    done = find(arguments.lab).exec(arguments.node, command)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    return done.returncode


def _ping(arguments: argparse.Namespace) -> int:
    answered = find(arguments.lab).ping(arguments.source, arguments.target)
    print(f"{arguments.source} -> {arguments.target}: {'answered' if answered else 'no answer'}")
    return 0 if answered else 1


def _fault(arguments: argparse.Namespace) -> None:
    print(inject(find(arguments.lab), arguments.fault, arguments.on).about)


def _faults(arguments: argparse.Namespace) -> None:
    del arguments
    cases: list[Case] = [*FAULTS.values(), *VARIANTS.values()]
    for case in cases:
        print(f"{case.name:28}{case.about}")


def _root(arguments: argparse.Namespace) -> None:
    print(root(arguments.suite, kind=arguments.kind))


if __name__ == "__main__":
    sys.exit(main())
