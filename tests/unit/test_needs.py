"""A test run without what it needs does not begin, and says in one sentence what to install."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools.needs import lacking

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def php_without_xml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The php of php-cli alone."""
    php = tmp_path / "php"
    php.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    php.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")


def test_what_is_missing_is_said_of_the_parts_that_use_it() -> None:
    assert lacking("unit", "lab") == "php has no xml_parser_create: install php-xml"
    assert lacking("lab") == lacking() == ""


@pytest.mark.parametrize("asked", ["tests", "tests/unit/test_house.py::test_nothing"])
def test_no_test_runs_where_something_is_missing(asked: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", asked]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (pytest.ExitCode.USAGE_ERROR, "")
    assert "ERROR: php has no xml_parser_create: install php-xml" in done.stderr
