import json

import numpy as np
import pandas as pd
import pytest

from experiments.plan.config import ConfigError, make_config
from experiments.plan.learning_rates import chosen_learning_rate
from experiments.sweep import __main__ as sweep
from experiments.sweep import choice
from tasks import GAP_SIGN


def runs(rows):
    """A table as choice.evidence gives it; rows: (batch size, learning rate, diverged, performance, training loss)."""
    table = pd.DataFrame(
        rows, columns=["batch_size", "learning_rate", "diverged", "training_performance", "training_loss"]
    )
    return table.assign(validation_performance=np.nan, test_performance=table.training_performance[::-1].values)


def pick(rows, sign=1):
    return float(choice.best(choice.table(runs(rows)), "training_performance", sign).learning_rate)


def test_the_best_mean_is_taken_and_a_learning_rate_with_a_diverged_run_is_ruled_out():
    rows = [(0, 0.1, True, 0.0, 9.0), (0, 0.1, False, 1.0, 0.1), (0, 0.01, False, 0.9, 1.0), (0, 0.01, False, 0.7, 1.0)]
    rows += [(0, 0.001, False, 0.7, 1.0), (0, 0.001, False, 0.7, 1.0)]
    assert pick(rows) == 0.01
    assert pick(rows, GAP_SIGN["mean_squared_error"]) == 0.001  # an error: less is better


def test_ties_go_to_the_lower_loss_then_to_the_smaller_rate():
    assert pick([(0, 0.01, False, 1.0, 0.2), (0, 0.03, False, 1.0, 0.1)]) == 0.03
    assert pick([(0, 0.03, False, 1.0, 0.1), (0, 0.01, False, 1.0, 0.1)]) == 0.01


def test_where_every_rate_diverges_for_some_seed_the_fewest_count():
    rows = [(0, 0.01, True, 0.0, 9.0), (0, 0.01, False, 0.7, 1.0), (0, 0.01, False, 0.8, 1.0)]
    rows += [(0, 0.1, True, 0.0, 9.0), (0, 0.1, True, 0.0, 9.0), (0, 0.1, False, 1.0, 0.1)]
    assert pick(rows) == 0.01
    with pytest.raises(choice.SweepError, match="every run diverged"):
        pick([(0, 0.01, True, 0.0, 9.0)])


def test_each_batch_size_has_its_own_best_rate():
    rows = [(64, 0.01, False, 0.9, 1.0), (64, 0.1, False, 0.8, 1.0), (256, 0.01, False, 0.7, 1.0)]
    rows += [(256, 0.1, False, 0.95, 1.0), (1024, 0.1, True, 0.0, 9.0)]
    entry = choice.choose("seq_mnist", "mdgl", "sgd", runs(rows), "accuracy", {})
    assert (entry["learning_rate"], entry["batch_size"]) == (0.1, 256)
    assert {size: at["learning_rate"] for size, at in entry["at_batch_size"].items()} == {"64": 0.01, "256": 0.1}


def test_a_batch_size_that_was_not_swept_has_no_rate():
    with pytest.raises(ConfigError, match="batch size 128, only at 64, 256, 1024"):
        make_config("seq_mnist", "mdgl", [0], batch_size=128)


def test_a_sweep_has_the_tasks_own_batch_size_among_its_own(monkeypatch):
    monkeypatch.setattr(sweep, "BATCH_SIZES", (64,))
    given = sweep.parser().parse_args(["--task", "seq_mnist", "--rule", "bptt", "--seeds", "9000"])
    assert {config.batch_size for config in sweep.planned(given)} == {64, 256}


@pytest.mark.slow
def test_a_sweep_leaves_its_choice_and_evidence_where_training_finds_it(tmp_path, capsys):
    chosen = tmp_path / "chosen.json"
    options = "--task delayed_match --rule three_factor --seeds 9000 9001 --learning-rates 1e-3 1e-2".split()
    options += f"--iterations 20 --evaluate-every 10 --output {tmp_path / 'runs'} --chosen {chosen}".split()
    sweep.main(options)
    assert "chosen: learning rate" in capsys.readouterr().out
    (entry,) = json.loads(chosen.read_text())
    assert [row["learning_rate"] for row in entry["evidence"]] == [1e-3, 1e-2] and entry["batch_size"] == 0
    assert entry["settings"]["seeds"] == [9000, 9001] and entry["criterion"] == "training_performance"
    assert chosen_learning_rate("delayed_match", "three_factor", "sgd", 0, chosen) == entry["learning_rate"]
    assert chosen_learning_rate("delayed_match", "scaled_bptt", "sgd", 0, chosen) == entry["learning_rate"]  # Eq. 36
    assert chosen_learning_rate("delayed_match", "three_factor", "adam", 0, chosen) == 1e-2  # not swept
    assert chosen_learning_rate("delayed_match", "bptt", "sgd", 0, chosen) == 1e-2
    before = chosen.read_text()
    sweep.main(options)  # nothing is trained again
    assert chosen.read_text() == before


def test_a_batch_size_is_one_that_can_be_trained(capsys):
    with pytest.raises(SystemExit) as code:
        sweep.main("--task seq_mnist --rule bptt --batch-sizes 64 -1".split())
    assert code.value.code == 2 and "batch_size is -1; expected a whole number" in capsys.readouterr().err


def test_scaled_bptt_is_not_swept(capsys, tmp_path):
    with pytest.raises(SystemExit) as code:
        sweep.main(["--task", "delayed_match", "--rule", "scaled_bptt", "--chosen", str(tmp_path / "c.json")])
    assert code.value.code == 2 and "takes the three-factor rule's" in capsys.readouterr().err
