"""Results folders of specifications: real ones' size, or small, with known dependence on the choices."""

import zlib
from pathlib import Path

import numpy as np
from synthetic import SCHEDULE, ResultsFolder

from experiments.plan.variations import specifications

BASE = {"bptt": 0.0, "three_factor": 1.0, "scaled_bptt": 0.9, "mdgl": 0.7, "rflo": 1.2}
LOST = ("failed", "not built")


def specified(root, blocks, moves=None, fate=None, seeds=10, read_off=None):
    """A results folder in which blocks, as an experiment file has them, vary; the root folder.

    moves: {(choice, level): factor of how far the rules lie apart}; fate: {specification: "failed", "not built" or
    "diverged"} of some.
    """
    folder, moves, fate = ResultsFolder(Path(root)), moves or {}, fate or {}
    for of, block in blocks.items():
        folder.read_off[of] = read_off if read_off is not None else block["vary"].get("read_off", {})
        for one in specifications(of, block):
            entry = {"of": of, "kind": one.kind, "choices": one.choices, "blocks": [one.name]}
            what = fate.get(one.name, "")
            if what == "not built":
                entry.update(blocks=[], invalid="no learning rate was chosen")
            else:
                _runs(folder, one, block, _apart(one.choices, moves), what, seeds)
            folder.specifications[one.name] = entry
    folder.groups["specifications"] = [name for way in folder.specifications.values() for name in way["blocks"]]
    return folder.save()


def _apart(choices, moves):
    return float(np.prod([moves.get(pair, 1.0) for pair in choices.items()]))


def _runs(folder, one, block, apart, what, seeds):
    folder.blocks[one.name] = [f"{one.name}-{rule}" for rule in block["rules"]]
    for rule in block["rules"]:
        if what == "failed" and rule == "three_factor":
            continue
        ends = [_end(one.name, block["task"], rule, seed, apart) for seed in range(seeds)]
        lost = range(seeds // 2) if what == "diverged" and rule == "three_factor" else ()
        folder.run(f"{one.name}-{rule}", block["task"], rule, ends, diverged=lost, iterations=5000, **SCHEDULE)


def _end(name, task, rule, seed, apart):
    random = np.random.RandomState(zlib.crc32(f"{name} {task} {rule} {seed}".encode()))
    shared = np.random.RandomState(zlib.crc32(f"{task} {seed}".encode())).randn()  # common random numbers
    height = apart * BASE[rule] + 0.5 * shared + 0.5 * random.randn()
    gap = 0.1 + 0.04 * (apart * BASE[rule] + 0.3 * (height - apart * BASE[rule])) + 0.02 * random.randn()
    spread = 1 + 0.3 * apart * BASE[rule]
    return {
        "eigenvalue": float(100 * np.exp(height)),
        "gap": float(0.1 + (gap - 0.1) * spread),
        "loss_gap": float(gap + 0.05 * random.randn()),
    }
