"""Every PHP file of ours, and of the stand-in, is read by every PHP that Debian has."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.lab.pfsense import ROOT as STAND_IN
from tests.lab.pfsense.sample import sample
from tests.lab.php import SUITES, box

pytestmark = [pytest.mark.apart, pytest.mark.lasts(2)]
PLUGINS = Path(__file__).parents[2] / "plugins"


def sources() -> list[Path]:
    found = [*PLUGINS.rglob("*.php"), *STAND_IN.rglob("*.php"), *STAND_IN.rglob("*.inc")]
    return sorted(found)


@pytest.mark.parametrize("php", SUITES)
def test_every_php_reads_every_program(php: str) -> None:
    with box(php, files={"cf/conf/config.xml": sample("2.7.2")}) as one:
        assert one.run("/usr/bin/php", "-r", "echo PHP_VERSION;").stdout.startswith(f"{php}.")
        refused = {}
        for source in sources():
            done = one.run("/usr/bin/php", "-d", "error_reporting=-1", "-l", stdin=source.read_text(encoding="utf-8"))
            if done.returncode or done.stderr or not done.stdout.startswith("No syntax errors"):
                refused[source.name] = done.stdout + done.stderr
    assert not refused
