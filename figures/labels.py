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

# claims that published.json words by the one before them, as they read by themselves
STANDALONE = {
    "gap_follows_curvature_within": "Within each rule, too, gap and leading eigenvalue correlate.",
    "spectra_converged": "The iterations for the top 200 eigenvalues converged to eigenvectors.",
    "spectrum_steeper_100": "The three-factor rule's top 100 eigenvalues decay more steeply than BPTT's.",
    "spectrum_steeper_50": "The three-factor rule's top 50 eigenvalues decay more steeply than BPTT's.",
    "spectrum_steeper_fixed_xmin": (
        "The three-factor rule's top 200 eigenvalues decay more steeply than BPTT's, with xmin fixed at the smallest."
    ),
    "spectrum_steeper_slope": (
        "The three-factor rule's top 200 eigenvalues decay more steeply than BPTT's, by log against log rank."
    ),
    "error_not_aligned_10": "The error is less aligned with the top 10 eigenvectors than the gradient is.",
    "error_not_aligned_20": "The error is less aligned with the top 20 eigenvectors than the gradient is.",
    "within_bptt_and_learning_rates": (
        "Within BPTT, at any one learning rate, too, gap and leading eigenvalue correlate."
    ),
    "within_three_factor_and_learning_rates": (
        "Within the three-factor rule, at any one learning rate, too, gap and leading eigenvalue correlate."
    ),
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


def claim_text(name: str, says: str) -> str:
    """A claim as it reads by itself. says: its words in published.json, which may lean on the claim before it."""
    return STANDALONE.get(name, says).replace("+-", "±")
