import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from figures import answers, pages
from figures.__main__ import main
from figures.effect_words import size_text
from figures.power import detectable, runs_needed, smallest_p
from figures.statistics import paired_p, rank_sum_p

HOME = Path(__file__).resolve().parents[2]
FULL = HOME / "results" / "full"


def row(claim, task, verdict, **others):
    """A row of verdicts.json."""
    common = {"claim": claim, "figure": "figure2", "family": claim, "place": "Results", "says": f"{claim} says so."}
    common.update(
        measure="gap",
        read_as="",
        task=task,
        task_label=task,
        groups="A / B",
        kind="greater",
        effect_name="effect",
        test="",
    )
    common.update(verdict=verdict, reason="a reason", comparable_training="", detail="", survivors="", matched="")
    common.update(effect=0.5, low=0.1, high=0.9, p=0.01, p_corrected=0.02, negligible=0.1)
    common.update(n_first=30, n_second=20, mean_first=2.0, mean_second=1.0)
    return dict(common, **others)


def judged(folder, rows):
    text = json.dumps({"rule": {"line": "The rule.", "changes": []}, "rows": rows})
    (folder / "verdicts.json").write_text(text)
    return answers.claims(answers.read_verdicts(folder / "verdicts.json")[1])


def test_a_claims_standing_is_what_its_tasks_and_comparisons_agree_on(tmp_path):
    verdicts = {
        "all": ["reproduced", "compatible"],
        "some": ["reproduced", "inconclusive"],
        "none": ["not reproduced", "not reproduced"],
        "unsure": ["not reproduced", "inconclusive"],
        "one": ["no runs", "reproduced"],
        "empty": ["no runs", "no runs"],
    }
    rows = [row(name, f"task{k}", verdict) for name, found in verdicts.items() for k, verdict in enumerate(found)]
    found = {claim.name: claim.standing for claim in judged(tmp_path, rows)}
    expected = {
        "all": "holds",
        "some": "in part",
        "none": "does not hold",
        "unsure": "does not hold in part",
        "one": "holds",
    }
    assert found == {**expected, "empty": "no runs"}


def test_the_number_of_a_claim_is_of_a_comparison_from_which_its_standing_comes(tmp_path):
    """Of one that holds in part, one that holds; its own number of runs stands beside it."""
    rows = [row("c", "one", "inconclusive", mean_first=44.0, n_first=19), row("c", "one", "reproduced", n_second=12)]
    (claim,) = judged(tmp_path, rows)
    cell = claim.cells["one"]
    assert (cell.standing, cell.number, pages.smallest_group(cell)) == ("in part", "×\u00a02", 12)


def test_while_runs_are_missing_the_tally_says_so(tmp_path):
    found = judged(tmp_path, [row("c", "one", "reproduced")])
    said = answers.tally(found, {"ensembles": {"finished": 259, "planned": 1386}})
    assert "Interim: 259 of the 1,386 ensembles" in said
    assert "Interim" not in answers.tally(found, {"ensembles": {"finished": 9, "planned": 9}})


def test_the_tally_says_what_was_tested_on_one_task_and_what_was_refuted_anywhere(tmp_path):
    rows = [row("a", "one", "reproduced"), row("b", "one", "reproduced"), row("b", "two", "not reproduced")]
    said = answers.tally(judged(tmp_path, rows), {})
    assert "1 of those that hold were tested on one task only" in said
    assert "1 of all have a comparison that does not hold" in said


def test_a_cell_of_several_comparisons_says_whose_number_it_shows(tmp_path):
    rows = [row("c", "one", "inconclusive"), row("c", "one", "reproduced", groups="C / B", mean_first=3.0)]
    (claim,) = judged(tmp_path, rows)
    assert answers.sentence(claim) == "holds in part on one (×\u00a03, C)"


@pytest.mark.parametrize(
    "others, said",
    [
        ({"mean_first": 5e9}, ">\u00a0×\u00a01,000"),
        ({"mean_first": 5e-9}, "<\u00a0×\u00a00.001"),
        ({"kind": "compatible", "mean_first": 0.16, "published": 0.5}, "0.16, published 0.5"),
        ({"kind": "within", "measure": "capped", "effect_name": "share of seeds", "effect": 0.31}, "31% at their cap"),
        ({"kind": "reported", "measure": "hours", "mean_first": 0.05, "mean_second": None}, "3\u00a0min"),
        ({"kind": "reported", "measure": "share_beyond_bound", "mean_first": 0.07, "mean_second": None}, "7%"),
    ],
)
def test_numbers_have_their_unit_and_say_no_more_than_they_mean(others, said):
    assert size_text(row("c", "one", "reproduced", **others)) == said


def test_a_sentence_says_where_a_claim_holds_and_how_large_it_is(tmp_path):
    rows = [row("c", "one", "reproduced"), row("c", "two", "not reproduced", mean_first=-0.1, mean_second=0.2)]
    (claim,) = judged(tmp_path, rows)
    assert answers.sentence(claim) == "holds on one (×\u00a02); does not hold on two (-0.3)"


def test_an_open_claim_says_what_its_runs_could_have_seen(tmp_path):
    (claim,) = judged(tmp_path, [row("c", "one", "inconclusive", p_corrected=0.3, n_first=30, n_second=30, effect=0.2)])
    why = claim.cells["one"].rows[0]["why"]
    assert (
        "observed: effect 0.2 [0.1, 0.9]" in why and "30 and 30 runs would detect 0.42 or more with 80 % power" in why
    )
    assert "would need about 140 runs per group" in why


@pytest.mark.parametrize(
    "first, second, said",
    [(5, 5, "only nearly complete separation"), (4, 4, "no outcome of 4 and 4 runs is significant")],
)
def test_few_runs_are_said_to_find_nothing_only_where_no_outcome_is_significant(first, second, said, tmp_path):
    """Of three rows: 2 / C(10, 5) < 0.05 / 3 < 2 / C(8, 4)."""
    groups = ("A / B", "C / B", "D / B")
    rows = [
        row("c", "one", "inconclusive", groups=name, p_corrected=0.3, n_first=first, n_second=second) for name in groups
    ]
    (claim,) = judged(tmp_path, rows)
    assert said in claim.cells["one"].rows[0]["why"] and "corrected over 3 rows" in claim.cells["one"].rows[0]["why"]


@pytest.mark.parametrize("first, second", [(3, 3), (4, 5), (5, 5)])
def test_no_outcome_has_a_smaller_p_than_complete_separation(first, second):
    values = np.arange(float(first + second))
    assert smallest_p([first, second], False) == pytest.approx(rank_sum_p(values[:first], values[first:]))
    assert smallest_p([first], True) == pytest.approx(paired_p(values[1 : first + 1]))


def test_power_is_that_of_simulated_experiments():
    """Normal groups apart by the shift whose rank-biserial correlation is the detectable one: 80 % are significant."""
    effect = detectable("greater", [25, 25], False, 0.05)
    shift = np.sqrt(2) * stats.norm.ppf((effect + 1) / 2)
    random = np.random.RandomState(0)
    draws = [(shift + random.randn(25), random.randn(25)) for _ in range(1000)]
    found = [stats.mannwhitneyu(*draw, alternative="two-sided").pvalue < 0.05 for draw in draws]
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)
    assert detectable("similar", [25, 25], False, 0.05) is None and detectable("greater", [3, 25], False, 0.05) is None
    assert runs_needed(0.2, 0.4, 30) == 120 and runs_needed(0.0, 0.4, 30) is None


def test_the_findings_in_the_readmes_are_those_of_the_verdicts(tmp_path):
    """No number of a README's findings can disagree with results/full/verdicts.json: it is made from it again."""
    for written, place in ((HOME / "README.md", HOME), (FULL / "README.md", FULL)):
        output = tmp_path / "results" / "full" if place == FULL else tmp_path
        output.mkdir(parents=True, exist_ok=True)
        shutil.copy(str(written), str(output / "README.md"))
    shutil.copy(str(FULL / "verdicts.json"), str(tmp_path / "results" / "full"))
    (tmp_path / "results" / "full" / "figures").mkdir()
    for name in (pages.PICTURE, f"figures/{pages.RATES}"):
        shutil.copy(str(FULL / name), str(tmp_path / "results" / "full" / name))
    for name, output in (("readme", tmp_path), ("findings", tmp_path / "results" / "full")):
        assert main([name, str(tmp_path / "results" / "full"), str(output)]) == 0
    assert (tmp_path / "README.md").read_text() == (HOME / "README.md").read_text()
    assert (tmp_path / "results" / "full" / "README.md").read_text() == (FULL / "README.md").read_text()


def test_the_readme_speaks_of_results_between_its_markers_alone():
    text = (HOME / "README.md").read_text()
    outside = re.sub(re.escape(pages.BEGIN) + ".*" + re.escape(pages.END), "", text, flags=re.DOTALL)
    assert not re.search(r"\+-|±|reproduced\*|inconclusive", outside)


def test_a_readme_without_a_place_for_the_findings_is_one_line(tmp_path, capsys):
    judged(tmp_path, [row("c", "one", "reproduced")])
    (tmp_path / "README.md").write_text("nothing\n")
    with pytest.raises(SystemExit) as stopped:
        main(["readme", str(tmp_path), str(tmp_path)])
    err = capsys.readouterr().err
    assert stopped.value.code == 2 and len(err.splitlines()) == 1 and "has no place for the findings" in err
