"""What run_all.sh says of a workflow that has ended."""

import json

from experiments.plan.config import make_config
from experiments.plan.experiment_file import Plan
from experiments.workflow.reproduce import weak_runs


def test_bptt_must_learn_in_the_main_group_and_may_fail_where_learning_rates_are_tried(tmp_path):
    runs = {name: make_config("seq_mnist", "bptt", [0], [rate]) for name, rate in (("main", 0.01), ("grid", 0.0003))}
    for name in runs:
        (tmp_path / "runs" / name).mkdir(parents=True)
        entry = {"status": "completed", "final": {"validation_performance": 0.6}}
        (tmp_path / "runs" / name / "summary.json").write_text(json.dumps([entry]))
    plan = Plan(
        runs=runs,
        blocks={name: [name] for name in runs},
        measures={},
        groups={"main": ["main"], "learning_rates": ["grid"]},
        min_accuracy=0.85,
    )
    assert [line.split(":")[0] for line in weak_runs(tmp_path, plan)] == ["run main"]
