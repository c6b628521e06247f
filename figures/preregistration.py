"""Whether the rule of the verdicts is older than the runs that it judges: hashes, commit and times."""

import hashlib
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Iterable, Optional

from experiments.plan.source import syntax

HOME = Path(__file__).resolve().parents[1]
CLAIMS = "experiments/published.json"
MODULES = ("bootstrap", "claims", "groups", "judgement", "kinds", "measures", "statistics", "theorem", "values")
FILES = (CLAIMS, *(f"figures/{name}.py" for name in (*MODULES, "verdicts")))


def rule(provenances: Iterable[dict], changes: list) -> dict:
    """What verdicts.json says of the rule: hashes, the commit that last changed it and when, the start of the earliest
    judged run, older_than_runs (None where that is not known), all that in one line, and the changes."""
    found = dict(
        claims_sha256=hashlib.sha256((HOME / CLAIMS).read_bytes()).hexdigest(),
        code_sha256=hashlib.sha256("".join(map(_syntax, FILES[1:])).encode()).hexdigest(),
        **_commit(),
        earliest_run=earliest(provenances),
    )
    older = older_than(found["committed"], found["earliest_run"])
    return dict(found, older_than_runs=older, line=line(found, older), changes=changes)


def _syntax(file: str) -> str:
    return syntax((HOME / file).read_text(encoding="utf-8"))


def _commit() -> dict:
    """The commit that last changed the rule's files, and its time; unknown without git or if they are changed since."""
    if "BIOLHESS_COMMIT" in os.environ:
        return {"commit": os.environ["BIOLHESS_COMMIT"], "committed": "unknown"}
    try:
        commit, committed = _git("log", "-1", "--format=%H %cI", "--", *FILES).split()
        dirty = _git("status", "--porcelain", "--", *FILES)
    except (OSError, ValueError, subprocess.CalledProcessError):
        return {"commit": "unknown", "committed": "unknown"}
    if dirty:
        return {"commit": f"{commit[:12]}-dirty", "committed": "unknown"}
    return {"commit": commit[:12], "committed": committed}


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.check_output(command, cwd=str(HOME), stderr=subprocess.DEVNULL, universal_newlines=True).strip()


def earliest(provenances: Iterable[dict]) -> str:
    """When the first session of the first run began; "" if none is known."""
    started = [session.get("started", "") for found in provenances for session in found.get("sessions", [])]
    return min(filter(None, started), key=_time, default="")


def older_than(committed: str, started: str) -> Optional[bool]:
    """Whether the commit is older than the start; None where one of the times is not known."""
    return _time(committed) < _time(started) if committed != "unknown" and started else None


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def line(found: dict, older: Optional[bool]) -> str:
    """The same in one line."""
    if found["committed"] == "unknown":
        return f"When this rule was committed is unknown here (commit {found['commit']})."
    said = f"This rule was last changed on {found['committed']} (commit {found['commit']}), "
    if older is None:
        return said + "before any run that it judges."
    return said + ("before" if older else "after") + f" the first judged run began, on {found['earliest_run']}."
