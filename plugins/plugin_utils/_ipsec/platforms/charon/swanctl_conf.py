# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of swanctl as a gateway showed it, with its pre-shared keys as digests."""

from __future__ import annotations

from ...errors import IpsecError, ParseError
from ...model import Problem, Reply, Secret
from ...swanctl.psk_digest import compute_key_id
from ...swanctl.settings import Settings, load
from .redacted_files import TOKEN, read_files

MISSING = "there is no such file"


def parse_settings(reply: Reply, root: str, digest_key: str, problems: list[Problem]) -> Settings | None:
    """The effective settings of the file `root`; None where they could not be read, which is then a problem."""
    for line in reply.sections["unread"].text.splitlines():
        why, path = line.split(" ", 1)
        hint = "use become" if why == "denied" else "give the option config if it is elsewhere"
        what = "this user may not read the file" if why == "denied" else MISSING
        problems.append(Problem("config-unreadable", what, path, hint))
    if reply.sections["whole"].status:
        problems.append(Problem("config-unreadable", "the configuration is too large to be read whole", root))
    if reply.sections["config"].status:
        problems.append(Problem("config-changing", "the configuration changed while it was read", root, "read again"))
    try:
        files = read_files(reply, digest_key)
        return load(root, {path: file.text for path, file in files.items()}) if root in files else None
    except ParseError as error:
        hint = f"{error.hint}; " if error.hint else ""
        hint += "do not reload before it is corrected: strongSwan would unload every connection and report success"
        problems.append(Problem("config-broken", error.what, error.where, hint))
    except IpsecError as error:
        problems.append(Problem("config-unreadable", error.what, error.where, error.hint))
    return None


def parse_secrets(settings: Settings, digest_key: str) -> tuple[Secret, ...]:
    """The pre-shared keys for IKE: sections of `secrets` named `ike…` (swanctl/commands/load_creds.c)."""
    found = []
    for name in settings.sections(("secrets",)):
        secret = settings.get(("secrets", name, "secret"))
        if not name.startswith("ike") or secret is None:
            continue
        ids = (settings.get(("secrets", name, key)) for key in settings.keys(("secrets", name)) if key.startswith("id"))
        digest = secret.value.removeprefix(TOKEN) if secret.value.startswith(TOKEN) else ""
        found.append(
            Secret(
                name=name,
                ids=tuple(setting.value for setting in ids if setting),
                digest=digest or None,
                key_id=compute_key_id(digest_key),
                origin=secret.origin,
            )
        )
    return tuple(found)
