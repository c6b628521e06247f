"""What rules, tasks and groups of runs are called wherever they are shown; does without matplotlib."""

import re

# the paper's names, in the order of its figures
RULES = {
    "bptt": "BPTT",
    "three_factor": "Three-factor",
    "rflo": "RF Three-factor",
    "mdgl": "MDGL",
    "scaled_bptt": "Three-factor, theory",
}
TASKS = {
    "seq_mnist": "Sequential MNIST",
    "pattern_generation": "Pattern generation",
    "delayed_match": "Delayed match to sample",
}


def truncated_steps(rule: str) -> int:
    """X of `truncated_bptt(X)`; 0 for any other rule."""
    found = re.match(r"truncated_bptt\((\d+)\)$", rule)
    return int(found.group(1)) if found else 0


def rule_label(rule: str) -> str:
    """The paper's name of a rule; a rule that is not the paper's keeps its own."""
    return f"Trunc {truncated_steps(rule)}" if truncated_steps(rule) else RULES.get(rule, rule)


def rule_order(rule: str) -> tuple:
    """Sorting key: the paper's rules in its figures' order, then truncations by length, then the others by name."""
    names = list(RULES)
    return (names.index(rule) if rule in names else len(names), truncated_steps(rule), rule)


def group_label(group: str, rule: str) -> str:
    """What one rule of a group of runs is called: the rule, and the group where that is not the usual one."""
    return rule_label(rule) if group in ("main", "measured") else f"{rule_label(rule)} ({group.replace('_', ' ')})"


def task_label(task: str) -> str:
    """The paper's name of a task; a task that is not the paper's keeps its own."""
    return TASKS.get(task, task)


def title(name: str) -> str:
    """`Figure 2`, `Table 1`, `Bounds`; a family of claims without a figure has its own words."""
    for prefix in ("figure", "table"):
        if name.startswith(prefix) and name[len(prefix) :].isdigit():
            return f"{prefix.capitalize()} {name[len(prefix) :]}"
    return name.replace("_", " ").capitalize().replace("hessian", "Hessian")


def choice_label(name: str) -> str:
    """A choice that the paper leaves open, as a person would write it."""
    return name.replace("_", " ").replace("l2", "L2")
