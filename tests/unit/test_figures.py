"""What the pages of figures say of the tree and the machine, and when nothing is measured at all."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests import figures
from tests.perf._curve import exponent
from tests.tools.measured import changes, measured, quiet


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A repository with one commit."""
    (tmp_path / "code").write_text("one\n", encoding="utf-8")
    for command in ("init", "add .", "-c user.name=a -c user.email=a@example commit --message=all"):
        subprocess.run(["git", *command.split()], cwd=tmp_path, check=True, capture_output=True)
    return tmp_path


def test_a_page_names_the_commit_it_is_of(tree: Path) -> None:
    command = ["git", "rev-parse", "HEAD"]
    commit = subprocess.run(command, cwd=tree, check=True, capture_output=True, text=True).stdout.strip()
    assert measured(tree).startswith(f"Measured at commit {commit[:12]}, on ")


def test_a_page_says_that_the_tree_was_changed(tree: Path) -> None:
    (tree / "more").touch()
    assert changes(tree) == "?? more"
    assert "with changes that are not in it" in measured(tree)


def test_the_pages_themselves_are_no_change(tree: Path) -> None:
    (tree / "docs").mkdir()
    (tree / "docs" / "performance.md").touch()
    assert not changes(tree)


@pytest.mark.parametrize(("load", "refused"), [(0.0, False), (quiet(), True)])
def test_a_busy_machine_is_refused(tree: Path, load: float, refused: bool) -> None:
    assert bool(figures.obstacle(0.0, lambda: (load, load, load), tree)) is refused


def test_a_changed_tree_is_refused(tree: Path) -> None:
    (tree / "code").write_text("two\n", encoding="utf-8")
    assert " M code" in figures.obstacle(0.0, lambda: (0.0, 0.0, 0.0), tree)


@pytest.mark.parametrize("power", [1, 2])
def test_the_exponent_is_that_of_the_curve(power: int) -> None:
    assert exponent([10, 30, 100], [each**power / 7 for each in (10, 30, 100)]) == pytest.approx(power)
