"""When, where and with what a run was made; never compared."""

import importlib
import os
import platform
import socket
import subprocess
import time
from pathlib import Path

from experiments import HOME

CODE = ("models", "rules", "tasks", "hessian", "experiments")  # what a run's numbers come from, learning rates included
PACKAGES = ("tensorflow", "numpy", "scipy", "pandas")


def session() -> dict:
    """This process, for the provenance."""
    return {
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "host": socket.gethostname(),
        "processor": _processor(),
        "commit": commit_of(HOME),
        "python": platform.python_version(),
        "packages": {name: importlib.import_module(name).__version__ for name in PACKAGES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "unknown")


def commit_of(home: Path) -> str:
    """The image's commit, or the checkout's, marked "-dirty" if code that decides a run's numbers differs from it."""
    if "BIOLHESS_COMMIT" in os.environ:
        return os.environ["BIOLHESS_COMMIT"]
    try:
        commit = _git(home, "rev-parse", "--short=12", "HEAD")
        return commit + ("-dirty" if _git(home, "status", "--porcelain", "--", *CODE) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(home: Path, *arguments: str) -> str:
    return subprocess.check_output(
        ["git", *arguments], cwd=str(home), stderr=subprocess.DEVNULL, universal_newlines=True
    ).strip()
