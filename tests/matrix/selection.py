"""Which cases a change asks for: those of the rule families that it touches, and ten that stand for all the others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from pathlib import Path, PurePosixPath

from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import list_rules

from tests.lab.faults import FAULTS, VARIANTS, Case, Fault

ROOT = Path(__file__).parents[2]
BASE = "MATRIX_BASE"  # an environment variable that names the commit before the change
RECENT = 20  # commits that count as the change where nothing tells what came before it
MOST = 20  # cases: some two minutes of two cores
FIXED = (
    "ike-proposals-disjoint",  # a setting of the connection, on the initiator
    "selectors-not-mirrored",  # a setting of the child, on the responder
    "psk-mismatch",  # a key that the user gives
    "private-address-as-identity",  # behind NAT
    "daemon-stopped",  # a step: the daemon
    "sa-mismatch",  # a step: the SA
    "keepalive-missing",  # a step: the periodic check
    "ike-unanswered",  # advice, from the logs
    "nat-before-the-responder",  # healthy, behind NAT
    "templates",  # healthy
)
LIBRARY = "plugins/plugin_utils/_ipsec"
RULES = f"{LIBRARY}/diagnose/rules"
CASES = "tests/lab/faults"
# What reads, pairs, judges, plans and changes for every family alike.
SHARED = (
    RULES,  # files without a case of their own
    *(f"{LIBRARY}/{part}" for part in ("analysis", "apply", "model", "pair", "plan", "platforms", "swanctl", "task")),
    *(f"{LIBRARY}/{part}" for part in ("audit.py", "store/atomic_file.py", "store/gateways.py", "transport", "verify")),
    *("plugins/action", "plugins/connection", "roles/audit", "roles/diagnose", "roles/remediate"),
    *("playbooks/diagnose.yml", "playbooks/remediate.yml", "tests/lab", "tests/matrix"),
    "tests/integration/ansible_run.py",
)


class BaseError(ValueError):
    """Git knows no such commit."""


def cases() -> Mapping[str, Case]:
    """Every fault and variant, by name."""
    return {**FAULTS, **VARIANTS}


def family_of(case: Case) -> str:
    """The family of rules, a file's name, that finds a fault; of variants, which nothing finds, their own file's."""
    return _families()[case.finds] if isinstance(case, Fault) else _module(case)


@cache
def _families() -> Mapping[str, str]:
    return {rule.id: rule.check.__module__.rpartition(".")[2] for rule in list_rules()}


def select(files: Iterable[str]) -> list[Case]:
    """The cases that a change of these files asks for, at most MOST of them, in their usual order."""
    names = list(dict.fromkeys((*FIXED, *_in_turns(_touched(files)))))[:MOST]
    return [case for name, case in cases().items() if name in names]


def _touched(files: Iterable[str]) -> set[str]:
    """The names of the cases that these files are about, and one of each family where they are about all."""
    by_file = _by_file()
    touched: set[str] = set()
    for path in files:
        if path in by_file:
            touched |= by_file[path]
        elif any(PurePosixPath(path).is_relative_to(shared) for shared in SHARED):
            touched |= {group[0] for group in _by_family(cases()).values()}
    return touched


def _by_file() -> Mapping[str, set[str]]:
    """The names of the cases by the file that finds them, and by the file that makes them."""
    found: dict[str, set[str]] = {}
    for name, case in cases().items():
        for file in (f"{RULES}/{family_of(case)}.py", f"{CASES}/{_module(case)}.py"):
            found.setdefault(file, set()).add(name)
    return found


def _in_turns(names: Collection[str]) -> Iterator[str]:
    """These cases, one of each family after the other, so that whatever is cut off leaves all families there."""
    for some in zip_longest(*_by_family(names).values()):
        yield from (name for name in some if name is not None)


def _by_family(names: Collection[str]) -> Mapping[str, list[str]]:
    """These cases by family: first one of each finding, and what is repaired before what is not."""
    grouped: dict[str, list[Case]] = {}
    for case in cases().values():
        if case.name in names:
            grouped.setdefault(family_of(case), []).append(case)
    return {family: _one_of_each_first(group) for family, group in sorted(grouped.items())}


def _one_of_each_first(group: Sequence[Case]) -> list[str]:
    finds = {case.name: case.finds if isinstance(case, Fault) else case.name for case in group}
    ordered = sorted(group, key=lambda case: not (isinstance(case, Fault) and case.cure))
    first = {finds[case.name]: case.name for case in reversed(ordered)}
    return sorted((case.name for case in ordered), key=lambda name: name != first[finds[name]])


def _module(case: Case) -> str:
    return case.put.__module__.rpartition(".")[2]


def changed_files(base: str | None = None, root: Path = ROOT) -> list[str]:
    """The files that differ from a commit, by default from that on which the change was begun; new ones too.

    Raises:
        BaseError: there is no such commit.
    """
    since = base or os.environ.get(BASE) or begun(root)
    if _git(root, "rev-parse", "--verify", "--quiet", f"{since}^{{commit}}") is None:
        raise BaseError(f"git knows no commit {since}")
    names = (_git(root, "diff", "--name-only", since, "--"), _git(root, "ls-files", "--others", "--exclude-standard"))
    return sorted({line for text in names for line in (text or "").splitlines()})


def begun(root: Path = ROOT) -> str:
    """The commit on which the change was begun: where its branch left main.

    In a clone of main itself nothing tells what was there before; then the last RECENT commits are the change. That is
    rather too much than too little, and the number of cases is bounded.
    """
    head = _git(root, "rev-parse", "HEAD")
    for main in ("origin/main", "main"):
        left = _git(root, "merge-base", "HEAD", main)
        if left not in (None, head):
            return str(left)
    return (_git(root, "rev-list", "--first-parent", f"--max-count={RECENT + 1}", "HEAD") or "HEAD").split()[-1]


def _git(root: Path, *arguments: str) -> str | None:
    """What git says, None where it refuses."""
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
