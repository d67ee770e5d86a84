"""Several who write one pfSense at once, on the stand-in: nobody's change is lost, or a failed task says so."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.lab.lab import Lab, running
from tests.lab.topology import pairs, topology

from .ansible_run import Run, module, told
from .test_pfsense_audit import CONFIG
from .test_pfsense_writing import changed_by, within

RC = "/usr/local/sbin/strongswanrc"
# As a page of the web interface: it reads, waits for somebody to press Save, and writes all of what it has.
PAGE = """require_once("config.inc"); require_once("functions.inc"); require_once("ipsec.inc");
touch("/run/page-read");
while (!is_file("/run/page-save")) { usleep(20000); }
$config["ipsec"]["phase1"][0]["dpd_maxfail"] = "7";
write_config("admin@192.0.2.9: saved by hand");
if (getenv("APPLY")) { ipsec_configure(); }
touch("/run/page-done");"""
# When ours has written and has charon load, Save is pressed, and it goes on when the page has done.
WAITS = f"""mv {RC} {RC}.away
cat >{RC} <<'END'
#!/bin/sh
[ -n "$PAGE" ] || {{ : >/run/page-save; until [ -e /run/page-done ]; do sleep 0.1; done; }}
exec {RC}.away "$@"
END
chmod 755 {RC}"""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    data = pairs(1, name="pftogether", pfsense={"b": "2.7.2"}).data
    with running(topology({**data, "poll": 3600}, where="pftogether")) as lab:
        yield lab


@pytest.fixture(autouse=True)
def without_the_page(lab: Lab) -> Iterator[None]:
    yield
    lab.sh("b01", "rm -f /run/page-*")


def config(lab: Lab) -> str:
    return lab.sh("b01", f"cat {CONFIG}")


@contextmanager
def page(lab: Lab, *, applies: bool = False) -> Iterator[None]:
    """Somebody has a page open, which has read the configuration; Save is pressed at the end, if it was not before."""
    lab.sh("b01", f"PAGE=1 APPLY={'1' if applies else ''} setsid php -r '{PAGE}' </dev/null >/run/page-out 2>&1 &")
    assert within(60, lambda: "page-read" in lab.sh("b01", "ls /run"))
    yield
    lab.sh("b01", "touch /run/page-save")
    assert within(60, lambda: "page-done" in lab.sh("b01", "ls /run")), lab.sh("b01", "cat /run/page-out")


@pytest.mark.parametrize("applies", [False, True], ids=["saved", "saved and applied"])
def test_a_page_that_is_saved_over_our_change_fails_the_task(
    lab: Lab, hosts: Path, tmp_path: Path, applies: bool
) -> None:
    """The page had read before we wrote, so what it writes is without our change."""
    before = config(lab)
    with page(lab, applies=applies):
        lab.sh("b01", WAITS)
        try:
            run = module(tmp_path, hosts, "b01", "connection", {"name": "con1", "settings": {"dpd_delay": "20s"}})
        finally:
            lab.sh("b01", f"mv {RC}.away {RC}")
    assert run.status == 2
    assert "config.xml was written by someone else at the same time" in told(run)["msg"]
    assert set(changed_by(before, config(lab))) <= {"<dpd_maxfail>7</dpd_maxfail>"}
    wish = {"name": "con1", "settings": {"dpd_delay": "20s"}, "apply_pending": True}
    assert module(tmp_path, hosts, "b01", "connection", wish).changed() == {"b01": 1}
    assert {"<dpd_maxfail>7</dpd_maxfail>", "<dpd_delay>20</dpd_delay>"} <= lines(lab)
    back = {"name": "con1", "settings": {"dpd_delay": "10s"}}
    assert module(tmp_path, hosts, "b01", "connection", back).changed() == {"b01": 1}


def lines(lab: Lab) -> set[str]:
    return {line.strip() for line in config(lab).splitlines()}


def test_a_page_that_is_saved_before_ours_is_written_is_kept(lab: Lab, hosts: Path, tmp_path: Path) -> None:
    with page(lab):
        pass
    wish = {"name": "con1", "settings": {"dpd_delay": "25s"}, "apply_pending": True}
    assert module(tmp_path, hosts, "b01", "connection", wish).changed() == {"b01": 1}
    assert {"<dpd_maxfail>7</dpd_maxfail>", "<dpd_delay>25</dpd_delay>"} <= lines(lab)


@pytest.mark.parametrize("number", [41, *(pytest.param(each, marks=pytest.mark.night) for each in range(42, 46))])
def test_of_two_runs_at_once_each_has_its_change_or_failed(lab: Lab, hosts: Path, tmp_path: Path, number: int) -> None:
    """Both start at the same time, so each of them reads before, while or after the other writes."""
    wanted = (f"<dpd_delay>{number}</dpd_delay>", f"<lifetime>{number * 60}</lifetime>")
    wishes = ({"settings": {"dpd_delay": f"{number}s"}}, {"children": {"con1": {"life_time": f"{number}m"}}})
    folders = [tmp_path / line.strip("</>").partition(">")[0] for line in wanted]
    for folder in folders:
        folder.mkdir()
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda folder, wish: change(folder, hosts, wish), folders, wishes))
    for run, line in zip(runs, wanted, strict=True):
        assert (run.status == 0) == (line in lines(lab)), run.output
        assert run.status == 0 or "else" in run.output, run.output
    assert 0 in [run.status for run in runs]


def change(folder: Path, hosts: Path, wish: dict[str, Any]) -> Run:
    return module(folder, hosts, "b01", "connection", {"name": "con1", "apply_pending": True, **wish})
