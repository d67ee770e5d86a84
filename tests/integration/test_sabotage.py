"""A few of the ways of `make sabotage`, without its waiting; its judgement sees what a guard would have undone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.sabotage.scene import Terms
from tests.sabotage.story import Course, Told, tell
from tests.sabotage.ways import WAYS


def gone(folder: Path, *names: str, guarded: bool = True) -> list[Told]:
    folder.mkdir()
    terms = Terms(guarded=guarded, patient=False, hurried=True)
    return tell([Course("some", [WAYS[name] for name in names], terms=terms)], folder, print)["some"]


def test_a_change_that_is_sabotaged_ends_as_it_must_and_without_a_guard_it_does_not(tmp_path: Path) -> None:
    with ThreadPoolExecutor() as pool:
        names = ("killed-after-the-reload", "killed-while-writing")
        guarded = pool.submit(gone, tmp_path / "guarded", *names)
        alone = pool.submit(gone, tmp_path / "alone", "killed-after-the-reload", guarded=False)
        assert [(told.way.name, list(told.wrong)) for told in guarded.result()] == [(name, []) for name in names]
        (left,) = alone.result()
        assert "responder: /etc/swanctl/conf.d/west.conf is other bytes" in left.wrong
