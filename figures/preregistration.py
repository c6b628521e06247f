"""Whether the rule of the verdicts is older than the runs that it judges: hashes, commit and times."""

import hashlib
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Callable, Iterable, Optional

from experiments.plan.source import syntax

HOME = Path(__file__).resolve().parents[1]
CLAIMS = "experiments/published.json"
MODULES = ("bootstrap", "claims", "groups", "judgement", "kinds", "measures", "runs", "statistics", "theorem", "values")
FILES = (CLAIMS, *(f"figures/{name}.py" for name in (*MODULES, "verdicts")))


def rule(provenances: Iterable[dict], changes: list) -> dict:
    """What verdicts.json says of the rule: hashes, the first commit that has it as it is and when, the same of the rule
    before its corrections, if there are any, the start of the earliest judged run, older_than_runs (None where that is
    not known), all that in one line, and the changes."""
    hashes = _hashes(lambda file: (HOME / file).read_text(encoding="utf-8"))
    found = dict(hashes, **_commit(hashes), **_before_corrections(changes), earliest_run=earliest(provenances))
    older = older_than(found["committed"], found["earliest_run"])
    return dict(found, older_than_runs=older, line=line(found, older), changes=changes)


def _hashes(read: Callable[[str], str]) -> dict:
    """SHA-256 of the claims, and of the code without comments and docstrings. read: a file's text by its path."""
    code = "".join(syntax(read(file)) for file in FILES[1:])
    texts = {"claims_sha256": read(CLAIMS), "code_sha256": code}
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}


def _commit(hashes: dict) -> dict:
    """The first commit that has the rule as it is, and its time; unknown without git or if it is in none."""
    if "BIOLHESS_COMMIT" in os.environ:
        return {"commit": os.environ["BIOLHESS_COMMIT"], "committed": "unknown"}
    try:
        commits = _git("log", "--reverse", "--format=%H %cI", "--", *FILES).splitlines()
        first = next((words for words in commits if _has_rule(words.split()[0], hashes)), None)
    except (OSError, subprocess.CalledProcessError):
        return {"commit": "unknown", "committed": "unknown"}
    if first is None:
        return {"commit": "none yet", "committed": "unknown"}
    commit, committed = first.split()
    return {"commit": commit[:12], "committed": committed}


def _before_corrections(changes: list) -> dict:
    """The commit of the rule that the first correction among the changes is of, and its time; "" without one."""
    corrected = next((change["corrects"] for change in changes if "corrects" in change), "")
    try:
        committed = _git("show", "-s", "--format=%cI", corrected) if corrected else ""
    except (OSError, subprocess.CalledProcessError):
        committed = "unknown"
    return {"first_commit": corrected, "first_committed": committed}


def _has_rule(commit: str, hashes: dict) -> bool:
    """Whether the rule was, in this commit, what it is now."""
    try:
        return _hashes(lambda file: _git("show", f"{commit}:{file}") + "\n") == hashes
    except (subprocess.CalledProcessError, SyntaxError):  # a commit before one of the files was there
        return False


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
    if found["first_commit"] and older_than(found["first_committed"], found["earliest_run"]):
        return (
            f"This rule was committed on {found['first_committed']} (commit {found['first_commit']}), before the first "
            f"judged run began, on {found['earliest_run']}, and corrected since, on {found['committed']} (commit "
            f"{found['commit']}): what was corrected, and which verdicts that changed, is said below."
        )
    said = f"This rule was committed on {found['committed']} (commit {found['commit']}), "
    if older is None:
        return said + "before any run that it judges."
    return said + ("before" if older else "after") + f" the first judged run began, on {found['earliest_run']}."
