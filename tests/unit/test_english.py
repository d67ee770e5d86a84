"""Words that no sentence for users has: each was somebody's habit, and none is what an operator would say."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.test_house import ROOT, named

HABITS = re.compile(
    r"""
    \banew\b | \bbeside\b | \bsomebody\b | \bnobody\b | \btwin\b(?!\.sh|-) | \bbe\ told\b | \bgo(es)?\ by\b |
    \b(is|are)\ to\ (be\ )?\w+ | \bha(s|ve)\ not(?=[.,;:)]|$) | (?<!here\ )\bis\ no\ (?!longer\b) |
    (?<!here\ )\bare\ none\b | (?<!action\ )(?<!here\ )\bis\ none\b | \bis\ told\b | \bmust\ not\ be\ read\b |
    \btries\ no\ more\b | \bwas\ so\ already\b
    """,
    re.VERBOSE,
)
GENERATED = ("docs/fault-matrix.md", "docs/reliability.md", "docs/performance.md")  # by what measures, when it measures
PYTHON = [*(ROOT / "plugins").rglob("*.py")]
ROLES = [path for folder in ("roles", "playbooks", "meta") for path in (ROOT / folder).rglob("*.yml")]
PAGES = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "docs" / "docsite").rglob("*.rst")]


def find_habits(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if HABITS.search(line)]


def list_sentences(source: str) -> Iterator[str]:
    """The strings of a program, and what a rule or a check says of itself; no docstring for maintainers."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            shown = isinstance(node, ast.FunctionDef) and any(isinstance(d, ast.Call) for d in node.decorator_list)
            if not shown:
                node.body[0] = ast.Pass()
    yield from (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


@pytest.mark.parametrize("source", PYTHON, ids=named)
def test_what_a_program_says_has_none_of_the_words(source: Path) -> None:
    assert [line for text in list_sentences(source.read_text(encoding="utf-8")) for line in find_habits(text)] == []


@pytest.mark.parametrize("source", ROLES, ids=named)
def test_what_a_role_says_has_none_of_the_words(source: Path) -> None:
    lines = (re.sub(r"(^|\s)#.*", "", line) for line in source.read_text(encoding="utf-8").splitlines())
    assert find_habits("\n".join(lines)) == []


@pytest.mark.parametrize("page", [page for page in PAGES if named(page) not in GENERATED], ids=named)
def test_what_a_page_says_has_none_of_the_words(page: Path) -> None:
    assert find_habits(page.read_text(encoding="utf-8")) == []
