# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that touches Ansible's action API. Plugins add a spec and a call."""

from __future__ import annotations

import getpass
import json
import os
import platform
import re
import time
import traceback
from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from ansible.errors import AnsibleConnectionFailure, AnsibleError
from ansible.module_utils.common.parameters import remove_values
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

from ..apply.guard import apply_guard, refuse_foreign_guard
from ..errors import IpsecError
from ..model import Gateway, Reply, Script, to_plain
from ..platforms.guard import DesiredGuard, refuse_unguarded
from ..report.escape import escape_control, escape_lines
from ..transport import task_connection

_BETWEEN_TRIES = 5.0  # seconds


class Task(ActionBase):
    """Validates arguments, calls :meth:`act`, turns its answer into a task result."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True
    SPEC: ClassVar[Mapping[str, Any]]
    RULES: ClassVar[Mapping[str, Any]] = {}  # mutually_exclusive, required_if, … as validate_argument_spec takes them

    @abstractmethod
    def act(self, args: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Do the work; values may be anything :func:`to_plain` understands."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Ansible's entry."""
        super().run(tmp, task_vars)
        self._secrets: set[str] = set()
        # A failure is returned and not raised: ansible-core before 2.19 marks what is returned as text that is never a
        # template, and not what is raised, in which a gateway or its peer may have put one.
        try:
            validated, args = self.validate_argument_spec(self.SPEC, **self.RULES)
            self._secrets = validated._no_log_values  # noqa: SLF001
            result = {"changed": False} | self.act(args, task_vars or {})
            if "diff" in result:
                result["diff"] = escape_lines(to_plain(result["diff"]))
        except IpsecError as error:
            log = {"log": escape_lines(list(error.log))} if error.log else {}
            result = {"failed": True, "msg": escape_control(str(error))} | log
        except AnsibleConnectionFailure as error:
            result = {"unreachable": True, "msg": escape_control(" ".join(str(error).split()))}
        except AnsibleError as error:
            result = {"failed": True, "msg": escape_control(" ".join(str(error).split()))}
        except Exception as error:  # noqa: BLE001  a defect, or an answer that nobody thought of: it costs this host alone
            result = {"failed": True, "msg": self._defect(error)}
        scrubbed: dict[str, Any] = self.scrubbed(to_plain(result))
        return scrubbed

    def _defect(self, error: Exception) -> str:
        """One sentence on what should not have happened; -vvv shows where."""
        told = "".join(traceback.format_exception(error))
        Display().vvv(self.scrubbed("\n".join(map(escape_control, told.splitlines()))))
        what = " ".join(f"{type(error).__name__}: {error}".split())
        return escape_control(
            f"{self._task.action} met what it does not understand ({what}): run it with -vvv, and report it as a defect"
        )

    def on_gateway(self, script: Script) -> Reply:
        """What the gateway of this task answers to the script."""
        return task_connection.run(self, script)

    def on_gateway_within(self, seconds: float) -> Callable[[Script], Reply]:
        """The same, asked again while the gateway cannot be reached, for so many seconds from now."""
        end = time.monotonic() + seconds

        def patiently(script: Script) -> Reply:
            while True:
                try:
                    return self.on_gateway(script)
                except AnsibleConnectionFailure:
                    if time.monotonic() > end:
                        raise
                time.sleep(_BETWEEN_TRIES)
                self._connection.reset()

        return patiently

    def on_new_connection(self) -> None:
        """Have no script of this task travel over a connection that is older than the task."""
        task_connection.force_new_connection(self)

    @property
    def run_name(self) -> str:
        """Who runs this play: the same for all its tasks, and for no other run."""
        return f"{self.operator}, process {os.getppid()}"

    @property
    def operator(self) -> str:
        """Who runs this play, and where."""
        return f"{getpass.getuser()}@{platform.node()}"

    def by(self, reason: str) -> str:
        """Who runs this play and why, for the history of a gateway that keeps one."""
        return f"{self.operator}: {reason}" if reason else self.operator

    def goes_on(self, run: str) -> bool | None:
        """Whether another run, by its `run_name`, still goes on; None of another controller's, which cannot be seen."""
        named = re.fullmatch(r".*@(.*), process (\d+)", run)
        if named is None or named[1] != platform.node():
            return None
        if int(named[2]) != os.getppid():
            with suppress(OSError):
                return b"ansible" in Path(f"/proc/{named[2]}/cmdline").read_bytes()
        return False

    def before_writing(
        self, args: Mapping[str, Any], variables: Mapping[str, Any], gateway: Gateway | None = None
    ) -> None:
        """Refuse what another's guard would take back, and arm one where the task's option `guard` asks for it.

        `gateway`: as it was just read; where the module has not, it is read here.
        """
        if gateway is not None:
            refuse_unguarded(gateway, self.run_name)
        elif args["guard"] is None:
            refuse_foreign_guard(self.gateway_name(variables), self.on_gateway, self.run_name)
        if args["guard"] is not None:
            config = {"config": args["config"]} if "config" in args else {}
            wish = DesiredGuard("armed", self.run_name, seconds=args["guard"], **config)
            apply_guard(wish, self.gateway_name(variables), self.on_gateway, dry=self.check_mode, before_writing=True)

    def inventory(self, variables: Mapping[str, Any]) -> list[str]:
        """The names of all hosts of the inventory; none where there is no inventory."""
        return list((variables.get("groups") or {}).get("all") or ())

    def text_of(self, name: str) -> str:
        """The text of a user's file: a path is relative to where ansible-playbook was started, else to the play.

        Raises:
            IpsecError: it cannot be read.
        """
        here = Path(name).expanduser()
        beside = Path(self._loader.path_dwim(name))
        try:
            return (here if here.exists() else beside).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise IpsecError(f"the policy cannot be read: {why}", where=str(here), hint="give its path") from error

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be changed."""
        return bool(self._task.check_mode)

    @property
    def diff_mode(self) -> bool:
        """Whether the user wants to see differences."""
        return bool(self._task.diff)

    def gateway_name(self, variables: Mapping[str, Any]) -> str:
        """The inventory name of the gateway this task runs on, also under delegate_to."""
        return str(self._task.delegate_to or variables.get("inventory_hostname", ""))

    def scrubbed(self, value: Any, *also: str | None) -> Any:
        """Plain values without the secrets that this task was given, and without others."""
        secrets = self._secrets.union(filter(None, also))
        text = json.dumps(value, ensure_ascii=False)
        if any(json.dumps(secret, ensure_ascii=False)[1:-1] in text for secret in secrets):
            return remove_values(value, secrets)
        return value  # as nearly always; to go through it takes longer than all else that is done with it
