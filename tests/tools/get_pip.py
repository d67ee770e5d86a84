"""Stands in for pip's bootstrap script: installs the pip that Python itself carries, then what is asked for."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: run in-process, ensurepip would turn off pip's configuration for what follows.
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True)
wanted = [word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel")]
subprocess.run([sys.executable, "-m", "pip", "install", *wanted], check=True)
