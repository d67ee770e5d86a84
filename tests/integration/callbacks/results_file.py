"""A callback that writes every task result and the recap to the file named in RESULTS_FILE."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = """
name: results_file
type: aggregate
short_description: Writes results to a file
description: Writes results to a file, for the tests.
"""


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "results_file"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self.tasks: list[list[Any]] = []

    def _note(self, result: Any, **dummy: Any) -> None:
        self.tasks.append([result._task.get_name(), result._host.get_name(), result._result])

    v2_runner_on_ok = v2_runner_on_unreachable = v2_runner_on_skipped = _note

    def v2_runner_on_failed(self, result: Any, **dummy: Any) -> None:
        self.tasks.append([result._task.get_name(), result._host.get_name(), {**result._result, "failed": True}])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        recap = {host: stats.summarize(host) for host in stats.processed}
        text = json.dumps({"stats": recap, "tasks": self.tasks}, default=str)
        Path(os.environ["RESULTS_FILE"]).write_text(text, encoding="utf-8")
