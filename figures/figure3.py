"""Figure 3: the leading Hessian eigenvalue along training, mean and standard deviation over runs, one line a rule.

Both are taken of the logarithm.

    python -m figures.figure3 RUNS OUTPUT [--note TEXT]

RUNS holds finished run folders; the picture goes to OUTPUT/figure3.png and .pdf, its numbers to OUTPUT/figure3.csv.
"""

import argparse
import sys
from pathlib import Path
from typing import List, Optional

import matplotlib.pyplot as plt
import pandas as pd

from figures.runs import RunsError, load_runs
from figures.style import log_mean_line, rule_order, save

TASKS = {"seq_mnist": "Sequential MNIST"}


def draw(histories: pd.DataFrame, note: str) -> plt.Figure:
    """One panel a task; histories as figures.runs gives them. note: shown above, such as that the runs are reduced."""
    tasks = [task for task in TASKS if task in set(histories.task)]
    figure, axes = plt.subplots(1, len(tasks), figsize=(4.2 * len(tasks), 3.2), squeeze=False)
    for axis, task in zip(axes[0], tasks):
        panel = histories[histories.task == task]
        for rule in sorted(set(panel.rule), key=rule_order):
            of_rule = panel[panel.rule == rule]
            completed = of_rule[of_rule.status == "completed"]
            runs, lost = of_rule.run.nunique(), of_rule.run.nunique() - completed.run.nunique()
            remark = f"\n({lost} of {runs} diverged, left out)" if lost else ""
            table = completed.pivot_table(index="run", columns="iteration", values="eigenvalue")
            log_mean_line(axis, table.columns.values.astype(float), table.values.astype(float), rule, remark)
        counts = panel.groupby("rule").run.nunique()
        axis.set_title(f"{TASKS[task]} (n = {counts.min()} run(s) a rule)", fontsize=10)
        axis.set_xlabel("Training iteration")
        axis.set_ylabel("Leading Hessian eigenvalue\n(mean and sd of its log)")
        axis.spines["top"].set_visible(False)
        axis.spines["right"].set_visible(False)
    axes[0][-1].legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))
    if note:
        figure.suptitle(note, fontsize=8, color="#AA0000", y=1.02)
    return figure


def main(arguments: Optional[List[str]] = None) -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="figures.figure3", description=__doc__)
    parser.add_argument("runs", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--note", default="", help="line above the picture")
    given = parser.parse_args(arguments)
    try:
        histories, _ = load_runs(given.runs)
    except RunsError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    columns = ["task", "rule", "learning_rate", "run", "seed", "iteration", "eigenvalue", "converged"]
    for path in save(draw(histories, given.note), given.output / "figure3"):
        print(path)
    histories[columns].to_csv(given.output / "figure3.csv", index=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
