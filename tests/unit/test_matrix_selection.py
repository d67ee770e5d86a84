"""What the fault matrix runs for a change: what it touches, ten fixed cases, and never more than is bearable."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.tunnelwright.ipsec.plugins.plugin_utils._ipsec.diagnose.rules import list_rules

from tests.lab.faults import FAULTS, VARIANTS, Fault
from tests.matrix.selection import (
    BASE,
    CASES,
    FIXED,
    MOST,
    RECENT,
    ROOT,
    RULES,
    SHARED,
    BaseError,
    begun,
    cases,
    changed_files,
    family_of,
    select,
)

COMMIT = "commit refs/heads/main\ncommitter x <x@example.org> 0 +0000\ndata 0\nM 644 inline {name}\ndata 0\n\n"
NAT = {"private-address-as-identity", "nat-before-the-responder"}


def _names(*files: str) -> set[str]:
    return {case.name for case in select(files)}


def test_the_fixed_cases_are_ten_that_stand_for_the_others() -> None:
    assert len(set(FIXED)) == len(FIXED) == 10
    assert cases().keys() >= set(FIXED)
    faults = [FAULTS[name] for name in FIXED if name in FAULTS]
    assert len({family_of(fault) for fault in faults}) >= 6
    assert {bool(fault.cure) for fault in faults} == {True, False}
    assert {" " in fault.cure for fault in faults if fault.cure} == {True, False}  # steps, and settings
    assert any(name in VARIANTS for name in FIXED)
    assert NAT & set(FIXED)
    assert any(isinstance(fault, Fault) and fault.differs for fault in faults)


def test_every_rule_with_a_fault_is_run_when_its_file_changes() -> None:
    for rule in list_rules():
        file = f"{RULES}/{rule.check.__module__.rpartition('.')[2]}.py"
        assert (ROOT / file).is_file()
        if rule.id in {fault.finds for fault in FAULTS.values()}:
            assert rule.id in {case.finds for case in select([file]) if isinstance(case, Fault)}, rule.id


@pytest.mark.parametrize("case", cases().values(), ids=cases())
def test_the_file_of_a_case_leads_to_cases_of_that_file(case: Fault) -> None:
    family = case.put.__module__.rpartition(".")[2]
    assert (ROOT / CASES / f"{family}.py").is_file()
    more = _names(f"{CASES}/{family}.py") - set(FIXED)
    assert more
    assert {cases()[name].put.__module__.rpartition(".")[2] for name in more} == {family}


@pytest.mark.parametrize("path", SHARED)
def test_what_all_share_leads_to_every_family(path: str) -> None:
    assert (ROOT / path).exists()
    file = path if Path(path).suffix else f"{path}/anything.py"
    assert {family_of(case) for case in select([file])} == {family_of(case) for case in cases().values()}


@pytest.mark.parametrize(
    "path", ["README.md", "docs/design.md", "plugins/plugin_utils/_ipsec/report/formats/html.py", "tests/unit/x.py"]
)
def test_anything_else_leads_to_the_fixed_cases(path: str) -> None:
    assert _names(path) == _names() == set(FIXED)


def test_no_change_leads_to_more_than_is_bearable_and_all_of_it_still_to_every_family() -> None:
    every = [str(path.relative_to(ROOT)) for path in (ROOT / "plugins").rglob("*.py")]
    every += [str(path.relative_to(ROOT)) for path in (ROOT / "tests").rglob("*.py")]
    chosen = select(every)
    assert len(chosen) == MOST
    assert _names(*every) >= set(FIXED)
    assert {family_of(case) for case in chosen} == {family_of(case) for case in cases().values()}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with more commits on main than count as recent."""
    _git(tmp_path, "init", "-q", "-b", "main")
    commits = (COMMIT.format(name=f"file{number}") for number in range(RECENT + 3))
    _git(tmp_path, "fast-import", "--quiet", stdin="".join(commits))
    _git(tmp_path, "reset", "-q", "--hard")
    return tmp_path


def test_a_branch_is_compared_with_where_it_left_main(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BASE, raising=False)
    _git(clone, "checkout", "-q", "-b", "mine", "HEAD~2")
    _commit(clone, "committed")
    (clone / "file1").write_text("changed", encoding="utf-8")
    (clone / "new").touch()
    assert changed_files(root=clone) == ["committed", "file1", "new"]


def test_main_itself_is_compared_with_what_is_no_longer_recent(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BASE, raising=False)
    assert changed_files(root=clone) == sorted(f"file{number}" for number in range(3, RECENT + 3))


def test_a_history_that_is_short_is_compared_with_its_first_commit(tmp_path: Path) -> None:
    _git(tmp_path, "init", "-q", "-b", "main")
    for name in ("one", "two"):
        _commit(tmp_path, name)
    assert begun(tmp_path) == _git(tmp_path, "rev-parse", "HEAD~1")


def test_a_base_that_is_named_is_taken(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BASE, "HEAD~2")
    assert len(changed_files(root=clone)) == 2
    assert len(changed_files("HEAD~1", root=clone)) == 1
    with pytest.raises(BaseError, match="no commit nowhere"):
        changed_files("nowhere", root=clone)


def _commit(repository: Path, name: str) -> None:
    (repository / name).touch()
    _git(repository, "add", name)
    _git(repository, "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "-m", name)


def _git(repository: Path, *arguments: str, stdin: str = "") -> str:
    command = ["git", "-C", str(repository), *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, check=True).stdout.strip()
