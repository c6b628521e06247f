"""Evidence: a finished run as one small file, evidence/<hash>.tar.xz, always the same bytes from the same run.

It holds configuration, history, summary, provenance, the table of every measure, and the weights at the end of training
or only their SHA-256: everything that figures and verdicts need, without checkpoints and earlier weights. The history
is stored by column (experiments.evidence.tables); readers of evidence get it as the run wrote it.
"""

import fcntl
import hashlib
import io
import json
import lzma
import os
import re
import shutil
import tarfile
from pathlib import Path
from typing import Dict, List

from experiments import HOME
from experiments.evidence.archives import ArchiveError, npz, parse_npz, read_npz
from experiments.evidence.files import flush_folder, write_whole
from experiments.evidence.tables import columns, written
from experiments.plan.config import stored_hash

EVIDENCE = HOME / "evidence"
SUFFIX = ".tar.xz"
HISTORY, BY_COLUMN = "history.csv", "history.npz"
NEEDED = ("config.json", HISTORY, "summary.json", "provenance.json")
MEMBER = re.compile(
    r"config\.json|summary\.json|provenance\.json|history\.npz|\w+\.csv|weights/\d+\.npz|weights\.sha256"
)
# literals predicted from their place among four bytes, as numbers in single precision have them: 8 % less
COMPRESSION = {"id": lzma.FILTER_LZMA2, "preset": 6 | lzma.PRESET_EXTREME, "lc": 0, "lp": 2}
DIGEST = "weights.sha256"
TEMPORARY = ".unpacking"  # suffix of a folder that is not complete yet
UNREADABLE = (OSError, EOFError, ValueError, lzma.LZMAError, tarfile.TarError)


class EvidenceError(Exception):
    """A file that is not valid evidence; the message is one line that names it."""


def evidence_path(folder: Path, run: str) -> Path:
    """Where the evidence of a run is, or would be."""
    return Path(folder) / (run + SUFFIX)


def pack(run: Path, folder: Path, weights: bool) -> Path:
    """Packs the folder of a finished run, atomically; returns the file's path.

    weights: whether to keep those at the end, or only their SHA-256. What earlier evidence of the same history has
    beyond that, tables and weights, is kept: several processes may pack the same run, also from several folders. Raises
    OSError, and EvidenceError for weights that cannot be read.
    """
    run, folder = Path(run), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(str(folder), os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = evidence_path(folder, run.name)
        write_whole(path, packed(_with_earlier(_members(run, weights), path)))
        flush_folder(folder)
        return path
    except ArchiveError as error:
        raise EvidenceError(str(error))
    finally:
        os.close(lock)


def _members(run: Path, weights: bool) -> Dict[str, bytes]:
    names = [path.name for path in run.iterdir() if MEMBER.fullmatch(path.name)]
    members = {name: (run / name).read_bytes() for name in names}
    stored = saved_weights(run)
    if stored and weights:
        members[f"weights/{stored[-1].name}"] = stored[-1].read_bytes()
    elif stored:
        members[DIGEST] = (weights_digest(stored[-1]) + "\n").encode()
    return members


def _with_earlier(members: Dict[str, bytes], path: Path) -> Dict[str, bytes]:
    """The members and what the evidence at `path`, if it is of the same history, has beside them."""
    try:
        earlier = read_evidence(path)
    except EvidenceError:
        return members
    if earlier[HISTORY] != members[HISTORY]:
        return members
    together = {**earlier, **members}
    if any(name.startswith("weights/") for name in together):
        together.pop(DIGEST, None)
    return together


def saved_weights(run: Path) -> List[Path]:
    """The weight files in a run's folder, in the order of iterations."""
    return sorted((Path(run) / "weights").glob("*.npz"))


def weights_digest(path: Path) -> str:
    """SHA-256 of the arrays in a weight file: of the numbers, not of how they are stored. Raises ArchiveError."""
    found = hashlib.sha256()
    for name, array in sorted(read_npz(path).items()):
        found.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()


def packed(members: Dict[str, bytes]) -> bytes:
    """{name: content} as an archive that depends on nothing else: sorted, without times or owners."""
    plain, table = io.BytesIO(), columns(members.get(HISTORY, b""))
    if table is not None:
        members = {name: content for name, content in members.items() if name != HISTORY}
        members[BY_COLUMN] = npz(table)
    with tarfile.open(fileobj=plain, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name in sorted(members):
            entry = tarfile.TarInfo(name)
            entry.size = len(members[name])
            archive.addfile(entry, io.BytesIO(members[name]))
    return lzma.compress(plain.getvalue(), filters=[COMPRESSION])


def read_evidence(path: Path) -> Dict[str, bytes]:
    """{name: content} of a file of evidence. Raises EvidenceError if it is damaged or not of the run in its name."""
    path = Path(path)
    try:
        members = _unpacked(path.read_bytes())
        missing = [name for name in NEEDED if name not in members]
        if missing:
            raise ValueError(f"it has no {missing[0]}")
        named = stored_hash(json.loads(members["config.json"].decode()))
    except UNREADABLE as error:
        raise EvidenceError(f"{path} is damaged: {' '.join(str(error).split())}")
    if path.name != named + SUFFIX:
        raise EvidenceError(f"{path} is the evidence of another run, {named}")
    return members


def _unpacked(content: bytes) -> Dict[str, bytes]:
    members = {}
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(content)), mode="r:") as archive:
        for entry in archive.getmembers():
            if not entry.isfile() or not MEMBER.fullmatch(entry.name):
                raise ValueError(f"{entry.name!r} does not belong to a run")
            members[entry.name] = archive.extractfile(entry).read()
    if BY_COLUMN in members:
        members[HISTORY] = written(parse_npz(members.pop(BY_COLUMN), BY_COLUMN))
    return members


def unpack(members: Dict[str, bytes], run: Path) -> None:
    """Creates a finished run's folder from what `read_evidence` gives, atomically. Raises OSError if it exists."""
    temporary = run.with_name(run.name + TEMPORARY)
    shutil.rmtree(str(temporary), ignore_errors=True)
    for name, content in members.items():
        (temporary / name).parent.mkdir(parents=True, exist_ok=True)
        (temporary / name).write_bytes(content)
    os.rename(str(temporary), str(run))
