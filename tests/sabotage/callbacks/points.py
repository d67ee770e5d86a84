"""A callback that holds the controller at named points until it may go on, and writes down what fails as it fails."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: points
type: aggregate
short_description: Holds the controller at points
description:
  - Waits before the tasks that the file C(points.json) names, and notes failures in the file C(failures).
    Both lie in the folder that SABOTAGE_FOLDER names. A point is reached when a file of its name is there, and left
    when one of its name and C(.go) is.
"""


class CallbackModule(CallbackBase):
    """Callbacks run in the process that hands out the tasks, so nothing goes on while one of them waits."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "points"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(os.environ["SABOTAGE_FOLDER"])
        self.points = json.loads((self.folder / "points.json").read_text(encoding="utf-8"))
        self.times = Counter[str]()

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:  # noqa: ARG002
        name = task.get_name().rpartition(" : ")[2]
        self.times[name] += 1
        for point in self.points:
            if (name, self.times[name]) == (point["task"], point["nth"]):
                (self.folder / point["name"]).touch()
                while not (self.folder / f"{point['name']}.go").exists():
                    time.sleep(0.05)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:  # noqa: ARG002
        self._note(result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._note(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._note(result)

    def _note(self, result: Any) -> None:
        with (self.folder / "failures").open("a", encoding="utf-8") as file:
            print(json.dumps([result._task.get_name(), str(result._result.get("msg", ""))]), file=file)
