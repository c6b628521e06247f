"""The experiment files: which runs and measures they ask for, and the groups in which figures and claims find them.

note: shown on every figure
reduced: true if the runs are too few or too short for verdicts
evidence: true                      # finished runs are kept in evidence/; {weights: false}: without their weights
bptt_validation_accuracy: 0.85      # what BPTT of group main must reach on sequential MNIST; may be left out
blocks:                             # run in this order
  NAME:
    task: pattern_generation
    rules: [bptt, three_factor]
    seeds: 30                       # 0 to 29; or a list, or {from: 100, count: 30}
    learning_rates: [0.01]          # or chosen (by experiments.sweep; the default), or chosen_on_test
    learning_rate_multiple: 3       # times the chosen one
    learning_rate_of: three_factor  # the rule whose chosen one all rules of the block take
    decays: 30                      # how many times the learning rate is multiplied by decay_factor during a run
    settings: {iterations: 2000}    # of experiments.plan.settings; parameters: {...} of the task
    measures: [spectrum]            # of experiments.measure
    vary: {choices: {l2: [0, 0.01]}}  # the same runs at other levels: experiments.plan.variations
groups:                             # of runs, by the names under which figures draw and claims compare them
  main: [NAME, NAME]                # the blocks of a group
figures: [figure3]                  # those to draw; may be left out: all that draw one of the groups

experiment_file.schema.json is the machine-readable version.
"""

from pathlib import Path
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple

import yaml

from experiments.plan import schema
from experiments.plan.blocks import block_runs
from experiments.plan.config import Config, ConfigError, config_hash
from experiments.plan.variations import Specification, specifications
from figures import known_figures


class Plan(NamedTuple):
    """An experiment file, worked out.

    runs: {hash: configuration}. blocks: {name: hashes}. measures: {name: measures of the block's runs}. groups:
    {group: names of blocks}. figures: {figure: {group that it draws: names of blocks}}. evidence: None, or {"weights":
    whether they are kept too}. min_accuracy: of BPTT on sequential MNIST; 0 where the file does not say.

    specifications: what the blocks that vary have become, {name: {"of": the file's block, "kind" and "choices" as in
    experiments.plan.variations.Specification, "blocks": names, "invalid": why there are none}}, in the order of the
    levels. read_off: {the file's block: {choice: levels}}.
    """

    runs: Dict[str, Config]
    blocks: Dict[str, List[str]]
    measures: Dict[str, List[str]]
    groups: Dict[str, List[str]] = {}
    figures: Dict[str, Dict[str, List[str]]] = {}
    specifications: Dict[str, Dict[str, Any]] = {}
    read_off: Dict[str, Dict[str, List[str]]] = {}
    note: str = ""
    reduced: bool = False
    evidence: Optional[Dict[str, bool]] = None
    min_accuracy: float = 0.0


def read_plan(path: Path) -> Plan:
    """The plan of an experiment file. Raises ConfigError, one line, for whatever is wrong in it."""
    try:
        found = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise ConfigError(f"{path} cannot be read: {' '.join(str(error).split())}")
    schema.check(found, path)
    runs, blocks, measures, parts, varied = {}, {}, {}, {}, {}
    for name, block in found["blocks"].items():
        parts[name] = []
        for one in _specifications(name, block, path):
            configs, invalid = _runs(one, path)
            runs.update(configs)
            if not invalid:
                blocks[one.name], measures[one.name] = list(configs), block.get("measures", [])
                parts[name].append(one.name)
            if "vary" in block:
                made = {"blocks": [], "invalid": invalid} if invalid else {"blocks": [one.name]}
                varied[one.name] = {"of": name, "kind": one.kind, "choices": one.choices, **made}
    parts.update({name: [name] for name in blocks})
    groups = _named(found.get("groups", {}), parts, path)
    return Plan(
        note=found.get("note", ""),
        reduced=found.get("reduced", False),
        evidence=_evidence(found.get("evidence", False)),
        runs=runs,
        blocks=blocks,
        measures=measures,
        groups=groups,
        figures=_figures(found.get("figures"), groups),
        specifications=varied,
        read_off={
            name: block["vary"].get("read_off", {}) for name, block in found["blocks"].items() if "vary" in block
        },
        min_accuracy=found.get("bptt_validation_accuracy", 0.0),
    )


def only_tasks(plan: Plan, tasks: Sequence[str]) -> Plan:
    """The part of a plan that is on these tasks. Raises ConfigError if the plan has none of one of them."""
    known = sorted({config.task for config in plan.runs.values()})
    for task in tasks:
        if task not in known:
            raise ConfigError(f"unknown task '{task}' here; known: {', '.join(known)}")
    runs = {name: config for name, config in plan.runs.items() if config.task in tasks}
    blocks = {block: [name for name in names if name in runs] for block, names in plan.blocks.items()}
    blocks = {block: names for block, names in blocks.items() if names}
    groups = {group: [block for block in names if block in blocks] for group, names in plan.groups.items()}
    varied = {one["of"] for one in plan.specifications.values() if set(one["blocks"]) & set(blocks)}
    return plan._replace(
        runs=runs,
        blocks=blocks,
        groups=groups,
        figures=_figures(plan.figures, groups),
        specifications={name: one for name, one in plan.specifications.items() if one["of"] in varied},
        read_off={name: levels for name, levels in plan.read_off.items() if name in varied},
    )


def measures_of(plan: Plan) -> Dict[str, List[str]]:
    """{run: the measures that any block asks of it, sorted}."""
    found: Dict[str, set] = {run: set() for run in plan.runs}
    for block, runs in plan.blocks.items():
        for run in runs:
            found[run].update(plan.measures[block])
    return {run: sorted(measures) for run, measures in found.items()}


def _evidence(given) -> Optional[Dict[str, bool]]:
    if isinstance(given, dict):
        return {"weights": given.get("weights", True)}
    return {"weights": True} if given else None


def written_block(plan: Plan, block: str) -> str:
    """The block of the file that a block of the plan comes from: itself, unless it is a specification."""
    return plan.specifications[block]["of"] if block in plan.specifications else block


def _specifications(name: str, block: dict, path: Path) -> List[Specification]:
    try:
        return specifications(name, block)
    except ConfigError as error:
        raise ConfigError(f"block {name} in {path}: {error}")


def _runs(one: Specification, path: Path) -> Tuple[Dict[str, Config], str]:
    """The runs of a specification, or none and why; only a combination drawn at random may have none."""
    schema.check({"blocks": {one.name: one.block}}, path)
    try:
        return {config_hash(config): config for config in block_runs(one.block)}, ""
    except ConfigError as error:
        if one.kind == "random":
            return {}, str(error)
        raise ConfigError(f"block {one.name} in {path}: {error}")


def _figures(asked: Optional[Iterable[str]], groups: Dict[str, List[str]]) -> Dict[str, Dict[str, List[str]]]:
    """{figure: {group that it draws: blocks}} of the figures asked for; without a list, of all that have a group."""
    known = known_figures()
    if asked is None:
        asked = [figure for figure, drawn in known.items() if set(drawn) & set(groups)]
    return {figure: {group: groups[group] for group in known[figure] if group in groups} for figure in asked}


def _named(groups: Dict[str, List[str]], parts: Dict[str, List[str]], path: Path) -> Dict[str, List[str]]:
    """The blocks of each group; one that varies stands for all that it makes. Raises ConfigError if there is none."""
    for group, names in groups.items():
        for name in names:
            if name not in parts:
                raise ConfigError(f"unknown block '{name}' in {path}, {group}; known: {', '.join(parts)}")
    return {group: [part for name in names for part in parts[name]] for group, names in groups.items()}
