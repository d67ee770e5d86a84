"""The Ansible inventory of a running lab: plain ssh to the gateways' management addresses, host keys known."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import yaml

from .lab import Lab


def inventory(lab: Lab, *, user: str = "root", only: Collection[str] = ()) -> str:
    """The inventory as YAML, of all gateways or of `only` some.

    The operator logs in with the same key as root and becomes root by password.

    `admin`, whom only gateways of kind pfsense have, is root by another name.
    """
    common: dict[str, Any] = {
        "ansible_user": user,
        "ansible_ssh_private_key_file": str(lab.folder / "id_ed25519"),
        "ansible_ssh_common_args": " ".join(
            f"-o {option}"
            for option in (
                f"UserKnownHostsFile={lab.folder / 'known_hosts'}",
                "StrictHostKeyChecking=yes",
                "IdentitiesOnly=yes",
            )
        ),
    }
    if user == "operator":
        password = lab.folder / "operator_password"
        common |= {
            "ansible_become": True,
            "ansible_become_password": f"{{{{ lookup('ansible.builtin.file', '{password}') }}}}",
        }
    hosts = {gateway: {"ansible_host": str(lab.management(gateway))} for gateway in only or lab.topology.gateways}
    return yaml.safe_dump({"all": {"vars": common, "hosts": hosts}}, sort_keys=False)
