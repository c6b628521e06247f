"""A results folder before its workflow starts: what the jobs will read, what is finished already, and the lock."""

import fcntl
import os
import shlex
import sys
from pathlib import Path
from typing import Dict, List, Optional, Tuple

from experiments import HOME
from experiments.evidence.files import write_json
from experiments.plan.config import as_dict
from experiments.plan.costs import job_end, read_costs
from experiments.plan.experiment_file import Plan, written_block
from experiments.workflow.batches import batches, minutes
from experiments.workflow.finished import pack_missing, take_evidence
from experiments.workflow.sources import sources


def prepare(plan: Plan, what: str, results: Path, evidence: Optional[Path], asked: Optional[Plan] = None) -> List[str]:
    """Writes into the results folder what jobs and figures read: configs/, plan.json and selection.json.

    Takes finished runs from `evidence`, a folder or None, and packs those that it lacks. asked: the part of the plan
    whose runs are made; the others are shown as far as they are finished. Returns one line for each file that cannot be
    used, or for a folder that cannot be written.
    """
    asked = asked or plan
    for folder in ("configs", "done", "logs", "running", "runs"):
        (results / folder).mkdir(parents=True, exist_ok=True)
    for name, config in plan.runs.items():
        path = results / "configs" / f"{name}.json"
        if not path.exists():
            write_json(path, as_dict(config))
    shown = {"note": plan.note, "reduced": plan.reduced, "groups": plan.groups, "blocks": plan.blocks}
    shown.update(specifications=plan.specifications, read_off=plan.read_off)
    write_json(results / "selection.json", dict(shown, what=what))
    words = _shell_words(plan, evidence)
    drawn = {"figures": plan.figures, "sources": sources(plan.figures), "markers": markers(asked)}
    costs = read_costs()
    grouped = {"ranks": ranks(asked), "batches": batches(asked, costs), "minutes": minutes(asked, costs)}
    write_json(results / "plan.json", dict(words, **shown, **drawn, **grouped))
    for marker in (results / "done").iterdir():
        if job_end(marker)[0] != 0:
            marker.unlink()
    lines = take_evidence(plan, results, evidence)
    if plan.evidence and evidence and not _is_writable(evidence):
        lines.append(f"{evidence} cannot be written: finished runs stay in {results / 'runs'}")
    elif plan.evidence and evidence:
        lines += pack_missing(plan, results, evidence)
    return lines


def _shell_words(plan: Plan, evidence: Optional[Path]) -> Dict[str, str]:
    """The repository, the interpreter of the jobs and their options, as a shell reads them; the interpreter may be a
    command of several words, in BIOLHESS_JOB_PYTHON."""
    python = os.environ.get("BIOLHESS_JOB_PYTHON", shlex.quote(sys.executable))
    pack = ""
    if plan.evidence and evidence and _is_writable(evidence):
        pack = f"--evidence {shlex.quote(str(evidence))}"
        pack += "" if plan.evidence["weights"] else " --evidence-without-weights"
    return {"home": shlex.quote(str(HOME)), "python": python, "pack": pack}


def _is_writable(folder: Path) -> bool:
    return os.access(str(folder if folder.exists() else folder.parent), os.W_OK)


def markers(plan: Plan) -> Dict[str, List[str]]:
    """{block: names of the files that mark its runs and measures as done}."""
    found = {}
    for block, names in plan.blocks.items():
        found[block] = [f"done/{name}" for name in names]
        found[block] += [f"done/{name}.{measure}" for name in names for measure in plan.measures[block]]
    return found


def ranks(plan: Plan) -> List[List[str]]:
    """The runs in the order of the file: those of its first block, those of its second that are not among them, ...

    Of a block that varies, combinations drawn at random come after the choices made alone.
    """
    found: Dict[Tuple[str, bool], Dict[str, None]] = {}
    ranked = set()
    for block, names in plan.blocks.items():
        at_random = plan.specifications.get(block, {}).get("kind") == "random"
        found.setdefault((written_block(plan, block), at_random), {}).update(
            dict.fromkeys(name for name in names if name not in ranked)
        )
        ranked.update(names)
    return [list(names) for names in found.values() if names]


def locked(results: Path) -> Optional[int]:
    """A handle that holds the folder's lock until it is closed, or None if another workflow holds it."""
    handle = os.open(str(results), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
