"""A run whose Hessian is on a fresh batch at each evaluation is measured on the same batches later."""

import numpy as np
import pytest

from experiments.measure.saved_run import SavedRun
from experiments.plan.config import make_config
from experiments.train.loop import train


@pytest.mark.slow
def test_saved_runs_are_measured_on_the_fresh_batch_of_their_evaluation(tmp_path):
    config = make_config(
        "seq_mnist", "bptt", [0], [0.01], iterations=2, evaluate_every=2, hessian_on="fresh", parameters={"units": 6}
    )
    run = SavedRun(train(config, tmp_path, show_progress=False))
    batches = []
    for evaluation, point in run.points(run.evaluations()):
        batches.append(point.examples.x)
        operator = run.tools().operator("W_h", point)
        largest = np.abs(np.linalg.eigvalsh(operator @ np.eye(36))).max()
        assert evaluation.eigenvalue == pytest.approx(largest, rel=1e-3)
    assert len(batches) == 2 and not np.array_equal(*batches)
