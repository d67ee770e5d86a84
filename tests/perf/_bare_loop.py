"""The least that can be done: log in to each address by paramiko, give a script to a shell, take in what it says."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paramiko


def main() -> None:
    given = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    script = Path(given["script"]).read_bytes()
    key = paramiko.Ed25519Key.from_private_key_file(given["key"])

    def one(address: str) -> int:
        with paramiko.SSHClient() as client:
            client.load_host_keys(given["known_hosts"])
            client.connect(address, username="root", pkey=key, look_for_keys=False, allow_agent=False)
            stdin, stdout, dummy = client.exec_command("/bin/sh -s")
            stdin.write(script)
            stdin.channel.shutdown_write()
            return len(stdout.read())

    with ThreadPoolExecutor(given["threads"]) as pool:
        sizes = list(pool.map(one, given["addresses"]))
    if min(sizes) < 1000:
        sys.exit("a gateway did not answer")


if __name__ == "__main__":
    main()
