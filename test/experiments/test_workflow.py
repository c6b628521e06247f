"""The whole workflow at small size, in copies of the project: undisturbed, killed again and again, failing."""

import functools
import json
import os
import random
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from waiting import wait_for

from experiments.plan import costs
from experiments.plan.config import ConfigError, make_config
from experiments.plan.experiment_file import read_plan
from experiments.plan.framework import TENSORFLOW, results_name
from experiments.workflow import reproduce
from experiments.workflow.estimate import estimate
from experiments.workflow.progress import STATE

pytestmark = pytest.mark.slow
NEEDS_EVIDENCE = pytest.mark.skipif(TENSORFLOW == 2, reason="runs with TensorFlow 2 are no evidence")
HOME = Path(__file__).resolve().parents[2]
PLAN = """
note: "REDUCED: a test"
reduced: true
evidence: true
blocks:
  pattern:
    task: pattern_generation
    rules: [bptt, three_factor]
    seeds: 2
    learning_rates: [0.003]
    settings: &short {iterations: 1000, evaluate_every: 50, until_stable: false, parameters: {steps: 8}}
    measures: [spectrum, relative_flatness]
groups: {main: [pattern], measured: [pattern]}
figures: [figure3, figure8]
"""


def copied(folder):
    """A copy of the project without its data and results, with an environment and the plan of this test."""
    for name in ("models", "rules", "tasks", "hessian", "experiments", "figures"):
        shutil.copytree(str(HOME / name), str(folder / name), ignore=shutil.ignore_patterns("data", "__pycache__"))
    (folder / ".venv").symlink_to(sys.prefix)
    (folder / "small.yaml").write_text(PLAN)
    return folder


def results_of(folder):
    """The folder of the plan's results."""
    return folder / "results" / results_name("small")


def python_of(folder):
    """The interpreter as run_all.sh names it: by a path in the folder."""
    return str(folder / ".venv" / "bin" / Path(sys.executable).name)


def begin(folder, *options, **variables):
    command = [python_of(folder), "-m", "experiments.workflow.reproduce", "small.yaml", "--cores", "2", *options]
    environment = dict(os.environ, MPLBACKEND="Agg", PYTHONHASHSEED="0", PYTHONDONTWRITEBYTECODE="1", **variables)
    return subprocess.Popen(
        command, cwd=str(folder), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )  # fmt: skip


def run(folder, *options, **variables):
    process = begin(folder, *options, **variables)
    out, _ = process.communicate()
    return process.returncode, out


def snakemakes_words(folder):
    return (results_of(folder) / "logs" / "snakemake.log").read_text()


def results(folder):
    """{path: bytes} of all result files.

    Except the report and provenance (when and how long), logs and stamp (what happened), and plan.json (where).
    """
    root = results_of(folder)
    left_out = re.compile(
        r"\.snakemake/|logs/|done/|provenance\.json$|plan\.json$|report\.html$|README\.md$|\.stamp$|\.tmp$"
    )
    files = (path for path in root.rglob("*") if path.is_file())
    return {str(p.relative_to(root)): p.read_bytes() for p in files if not left_out.search(str(p.relative_to(root)))}


def assert_same(one, other):
    """The same files, to the byte; of the verdicts, all but the rows on how long the runs took."""
    assert one.keys() == other.keys()
    assert [name for name in one if "verdicts" not in name and one[name] != other[name]] == []
    rows = [
        [row for row in json.loads(files["verdicts.json"].decode())["rows"] if row["measure"] != "hours"]
        for files in (one, other)
    ]
    assert json.dumps(rows[0]) == json.dumps(rows[1]) and len(rows[0]) > 50


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = copied(tmp_path_factory.mktemp("it's {un} disturbed"))  # a path that a shell, YAML, Snakemake could split
    code, out = run(folder)
    assert code == 0, out
    return folder, out


def processes(folder):
    """Process ids of the jobs, and of Snakemake, that work in the folder's results; of no other workflow's."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            works_here = entry.name.isdigit() and os.readlink(str(entry / "cwd")) == str(results_of(folder))
        except OSError:  # ended meanwhile
            continue
        if works_here:
            found.append(int(entry.name))
    return found


def kill(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def test_all_that_was_asked_for_is_there_and_says_that_it_is_reduced(undisturbed):
    folder, out = undisturbed
    names = set(results(folder))
    assert {"figures/figure3.png", "figures/figure8.csv", "verdicts.csv", "summaries.csv", "published.json"} <= names
    page = (results_of(folder) / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 2 and "REDUCED: a test" in page
    assert out.splitlines()[-1].endswith(f"results/{results_name('small')}/report.html")
    verdicts = json.loads((results_of(folder) / "verdicts.json").read_text())
    assert "reproduced" not in {row["verdict"] for row in verdicts["rows"]}


def test_every_job_is_one_line_and_training_says_where_it_is(undisturbed):
    folder, out = undisturbed
    finished = re.findall(r"^(\d)/6 pattern_generation (.*): \d+ (?:s|min)(?:; .* left)?$", out, re.MULTILINE)
    assert [count for count, _ in finished] == list("123456")
    measures = ["", ", spectrum", ", relative_flatness"]
    assert {name for _, name in finished} == {
        f"{rule} seeds 0 to 1{measure}" for rule in ("bptt", "three_factor") for measure in measures
    }
    for run in (results_of(folder) / "runs").iterdir():
        said = STATE.findall((results_of(folder) / "logs" / f"{run.name}.log").read_text())
        assert said == [(f"{iteration:,}", "1,000") for iteration in range(0, 1001, 50)]
    assert list((results_of(folder) / "running").glob("*")) == []


def test_a_second_call_repeats_nothing(undisturbed):
    folder, _ = undisturbed
    times = {path: path.stat().st_mtime_ns for path in (results_of(folder) / "runs").rglob("*")}
    before = snakemakes_words(folder)
    code, out = run(folder)
    assert code == 0 and out.splitlines()[-1].endswith(f"results/{results_name('small')}/report.html")
    assert snakemakes_words(folder) == before  # it was not even asked
    (results_of(folder) / ".stamp").unlink()
    code, out = run(folder)
    words = snakemakes_words(folder)[len(before) :]
    assert code == 0 and "Nothing to be done" in words and "rule " not in words, words
    assert times == {path: path.stat().st_mtime_ns for path in times}


def drawn_anew(folder):
    """What the same command makes again: names of products that have changed since."""
    root = results_of(folder)
    products = [*root.glob("figures/*.png"), root / "verdicts.json", root / "report.html"]
    times = {path: path.stat().st_mtime_ns for path in products}
    code, out = run(folder)
    assert code == 0, out
    return {path.stem for path in products if path.stat().st_mtime_ns != times[path]}


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def copied_with_results(tmp_path, undisturbed):
    """A copy of the project in which the workflow has ended."""
    folder = copied(tmp_path)
    for name in {"results", "evidence"} & {path.name for path in undisturbed[0].iterdir()}:
        shutil.copytree(str(undisturbed[0] / name), str(folder / name))
    return folder


def test_figures_verdicts_and_report_follow_what_they_are_made_with_and_nothing_else(undisturbed, tmp_path):
    folder = copied_with_results(tmp_path, undisturbed)
    published = json.loads((folder / "experiments" / "published.json").read_text())
    published["settings"]["significance"] = 0.04
    (folder / "experiments" / "published.json").write_text(json.dumps(published))
    assert drawn_anew(folder) == {"verdicts", "report"}
    with (folder / "figures" / "style.py").open("a") as style:
        style.write("\nCOLOURS_CHANGED = True\n")
    assert drawn_anew(folder) == {"figure3", "figure8", "report"}
    edit(folder / "figures" / "figure3.py", '"""', '"""Another docstring. ')
    with (folder / "figures" / "figure3.py").open("a") as figure:
        figure.write("\n# another comment\n")
    assert drawn_anew(folder) == set()
    with next((folder / "figures").glob("report*.j2")).open("a") as template:
        template.write("<!-- another template -->")
    assert drawn_anew(folder) == {"report"}
    edit(folder / "small.yaml", "reduced: true", "reduced: false")
    assert drawn_anew(folder) == {"figure3", "figure8", "verdicts", "report"}
    verdicts = json.loads((results_of(folder) / "verdicts.json").read_text())
    assert "no verdict (reduced)" not in {row["verdict"] for row in verdicts["rows"]}


def trained(folder):
    """Names of the runs and measures that jobs have been started for."""
    return {path.stem for path in (results_of(folder) / "logs").glob("[0-9a-f]*.log")}


def test_an_edited_rule_is_trained_anew_and_a_comment_is_not(undisturbed, tmp_path):
    folder = copied_with_results(tmp_path, undisturbed)
    rule, before = folder / "rules" / "three_factor.py", trained(folder)
    edit(rule, '"""', '"""Another docstring. ')
    code, out = run(folder)
    assert code == 0 and trained(folder) == before, out
    edit(rule, "\n\n\ndef", "\n\nCHANGED = True\n\n\ndef")
    code, out = run(folder)
    runs = {name for name in trained(folder) - before if "." not in name}
    assert code == 0 and len(runs) == 1, out
    config = json.loads((results_of(folder) / "runs" / runs.pop() / "config.json").read_text())
    assert config["rule"] == "three_factor"


@NEEDS_EVIDENCE
def test_a_bare_copy_with_evidence_trains_nothing_and_gives_the_same_bytes(undisturbed, tmp_path):
    folder = copied(tmp_path)
    shutil.copytree(str(undisturbed[0] / "evidence"), str(folder / "evidence"))
    packed = {path.name: path.read_bytes() for path in (folder / "evidence").iterdir()}
    code, out = run(folder)
    assert code == 0 and trained(folder) == set(), out
    left_out = re.compile(r"runs/\w+/(checkpoint\.npz|weights/)")
    one, other = (
        {name: content for name, content in results(f).items() if not left_out.search(name)}
        for f in (folder, undisturbed[0])
    )
    assert one == other and len(packed) == 2
    pages = [(results_of(f) / "report.html").read_bytes() for f in (folder, undisturbed[0])]
    assert pages[0] == pages[1]  # hours and commits too: they come from the evidence
    assert packed == {path.name: path.read_bytes() for path in (folder / "evidence").iterdir()}


@NEEDS_EVIDENCE
def test_from_scratch_uses_no_evidence(undisturbed, tmp_path):
    folder = copied(tmp_path)
    shutil.copytree(str(undisturbed[0] / "evidence"), str(folder / "evidence"))
    code, out = run(folder, "--from-scratch", "--dry-run")
    assert code == 0 and "total" in out
    to_do = [line.split() for line in out.splitlines() if line.startswith("total")][0]
    assert to_do[1] == to_do[3] == "2"
    code, out = run(folder, "--dry-run")
    assert [line.split()[3] for line in out.splitlines() if line.startswith("total")] == ["0"]


def test_the_python_of_the_jobs_may_be_a_command_of_several_words(undisturbed):
    folder, _ = undisturbed
    before = snakemakes_words(folder)
    command = f"env WORDS=several {shlex.quote(python_of(folder))}"
    code, out = run(folder, "--", "--forcerun", "figures/figure3.png", BIOLHESS_JOB_PYTHON=command)
    assert code == 0 and "rule figure:" in snakemakes_words(folder)[len(before) :], out


BLOCKS = """
reduced: true
blocks:
  one: &runs {task: pattern_generation, rules: [bptt, rflo, mdgl], seeds: 1, learning_rates: [0.01, 0.003]}
  other: {<<: *runs, learning_rates: [0.001, 0.003], measures: [spectrum, taylor]}
groups: {main: [one, other]}
figures: [figure3]
"""


@pytest.mark.parametrize("order", [("one", "other"), ("other", "one")])
def test_what_an_experiment_file_names_first_comes_first(tmp_path, order):
    """With a Python that does no more than note what it should do."""
    folder = copied(tmp_path / "copy")
    blocks = yaml.safe_load(BLOCKS)
    plan = dict(blocks, blocks={name: blocks["blocks"][name] for name in order})
    (folder / "small.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    (folder / "python.sh").write_text(f'echo "$@" >>{shlex.quote(str(folder))}/asked\n')
    run(folder, "--cores", "1", BIOLHESS_JOB_PYTHON=f"bash {shlex.quote(str(folder / 'python.sh'))}")
    planned = json.loads((results_of(folder) / "plan.json").read_text())["markers"]
    asked = [re.search("[0-9a-f]{12}", line) for line in (folder / "asked").read_text().splitlines()]
    places = [found.group() for found in asked if found]
    own = [{re.search("[0-9a-f]{12}", marker).group() for marker in planned[name]} for name in order]
    jobs = sum(place in own[0] for place in places)
    assert set(places[:jobs]) == own[0] and set(places[jobs:]) == own[1]


OWN_FIGURE = '''
"""Training loss of each run at its end."""

from figures.runs import runs
from figures.style import panels, task_columns

ROLES = ("main",)
TITLE = "How well each run has learnt"
CAPTION = "One dot per run."


def draw(results):
    table = runs(results, "main")
    picture, axes = panels(1, task_columns(table.task), results.note)
    axes[0][1].plot(table.seed, table.final_training_loss, ".")
    return picture, {"": table[["seed", "final_training_loss"]]}
'''


def test_a_new_file_is_a_figure_that_the_workflow_draws_and_the_report_shows(undisturbed, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(str(undisturbed[0]), str(folder), symlinks=True)
    (folder / "figures" / "loss_at_end.py").write_text(OWN_FIGURE)
    (folder / "small.yaml").write_text(PLAN.replace("figure8]", "figure8, loss_at_end]"))
    before = snakemakes_words(folder)
    code, out = run(folder)
    assert code == 0 and "rule run_" not in snakemakes_words(folder)[len(before) :], out
    drawn = results_of(folder) / "figures"
    assert len((drawn / "loss_at_end.csv").read_text().splitlines()) == 1 + 4
    page = (results_of(folder) / "report.html").read_text()
    assert "How well each run has learnt" in page and page.count("data:image/png;base64,") == 3


def test_a_larger_batch_costs_more_but_for_its_evaluations():
    timed = {"seq_mnist": {"bptt": {"train": 0.01, "spectrum": 3.0}}}
    at = {size: make_config("seq_mnist", "bptt", [0], [0.01], batch_size=size) for size in (256, 1024)}
    usual, large = (costs.job_seconds(at[size], "train", timed) - costs.STARTUP for size in (256, 1024))
    assert usual == pytest.approx(10000 * 0.01) and large == pytest.approx(usual * (0.25 + 0.75 * 4))
    assert len({costs.job_seconds(config, "spectrum", timed) for config in at.values()}) == 1


def test_a_plan_can_be_costed_from_what_was_timed(undisturbed, tmp_path):
    """The markers are rewritten, as jobs this short take less than the start that is subtracted."""
    folder = copied_with_results(tmp_path / "copy", undisturbed)
    runs = sorted(path.name for path in (results_of(folder) / "runs").iterdir())
    for run, seconds in zip(runs, (30, 50)):
        (results_of(folder) / "done" / run).write_text(f"0 {seconds}\n")
    costs.main([str(results_of(folder)), "--output", str(tmp_path / "costs.json")])
    timed = json.loads((tmp_path / "costs.json").read_text())["pattern_generation"]
    assert timed["any"]["train"] == pytest.approx((20 + 40) / 2 / (2 * 1000))  # two runs of 1,000 iterations each
    plan = read_plan(folder / "small.yaml")
    table = estimate(plan, results_of(folder), [], tmp_path / "costs.json").splitlines()
    assert [line.split()[0] for line in table[1:4]] == ["figure3", "figure8", "total"]
    _, ensembles, members, to_do, hours, hours_to_do = table[3].split()
    assert (ensembles, members, to_do, hours_to_do) == ("2", "4", "0", "0.00")
    fresh = estimate(plan, tmp_path, [], tmp_path / "costs.json").splitlines()[3].split()
    assert fresh[3] == "2" and fresh[4] == fresh[5] == hours
    (results_of(folder) / "runs" / runs[0] / "spectrum.csv").unlink()
    assert estimate(plan, results_of(folder), [], tmp_path / "costs.json").splitlines()[3].split()[3] == "1"
    with pytest.raises(ConfigError, match="nothing has been timed"):
        estimate(plan, tmp_path, [], tmp_path / "none.json")


def is_at_work(process, folder):
    """Whether one of the workflow's jobs is running, or it has ended."""
    return process.poll() is not None or any(results_of(folder).glob("running/*"))


def test_killed_at_ten_random_moments_it_ends_with_the_same_bits(undisturbed, tmp_path):
    """kill -9 of the workflow, of single jobs, or of everything, once a job is running; then once to the end."""
    folder, moments = copied(tmp_path), random.Random(0)
    for _ in range(10):
        for left in results_of(folder).glob("running/*"):
            left.unlink()
        process = begin(folder)
        wait_for(functools.partial(is_at_work, process, folder))
        time.sleep(moments.uniform(0, 3))
        working = processes(folder)
        kill(moments.choice([working[-1:], [process.pid], [process.pid] + working]))
        time.sleep(moments.uniform(0, 1))
        kill([process.pid] + processes(folder))
        process.communicate()
    code, out = run(folder)
    assert code == 0, out
    assert_same(results(folder), results(undisturbed[0]))


def test_a_run_that_fails_is_reported_and_takes_nothing_down(undisturbed, tmp_path):
    """A run whose checkpoint is damaged fails; the figures are drawn without it; mended, the same command goes on."""
    folder = copied(tmp_path)
    names = sorted(path.name for path in (results_of(undisturbed[0]) / "runs").iterdir())
    bad = results_of(folder) / "runs" / f"{names[0]}.partial"
    bad.mkdir(parents=True)
    (bad / "checkpoint.npz").write_bytes(b"damaged")
    code, out = run(folder)
    assert code == 1 and f"{names[0]} failed with exit code 2" in out
    page = (results_of(folder) / "report.html").read_text()
    assert names[0] in page and "is damaged" in page
    shutil.rmtree(str(bad))
    code, out = run(folder)
    assert code == 0, out
    assert_same(results(folder), results(undisturbed[0]))


def test_without_markers_nothing_has_failed(tmp_path):
    assert reproduce.failures(tmp_path) == []  # Snakemake has removed the empty folder done/


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_saves_in_the_middle_of_a_run_and_says_so_in_one_line(number, tmp_path):
    folder = copied(tmp_path)
    process = begin(folder)
    wait_for(lambda: list(results_of(folder).glob("runs/*.partial/checkpoint.npz")), process)
    process.send_signal(number)
    out, _ = process.communicate()
    assert process.returncode == 128 + number
    logs = "".join(path.read_text() for path in (results_of(folder) / "logs").glob("*.log"))
    assert re.search(r"stopped at iteration \d{1,3}; the same command resumes", logs), logs
    assert out.splitlines()[-1] == "run_all.sh: stopped; the same command resumes from there"
    assert processes(folder) == []


def test_a_foreign_file_does_not_write_into_the_results_of_a_built_in_plan(tmp_path, capsys):
    (tmp_path / "full.yaml").write_text("blocks: {}\n")
    with pytest.raises(SystemExit) as code:
        reproduce.main([str(tmp_path / "full.yaml"), "--dry-run"])
    assert code.value.code == 2 and "whose results it would overwrite" in capsys.readouterr().err


def run_all(folder, *arguments):
    """Exit code, output and errors of the project's run_all.sh, called from a folder."""
    environment = dict(os.environ, BIOLHESS_PYTHON=sys.executable)
    done = subprocess.run(
        [str(HOME / "run_all.sh"), *arguments], cwd=str(folder), env=environment, capture_output=True, text=True
    )
    return done.returncode, done.stdout, done.stderr


def test_an_experiment_file_is_the_callers_or_none(tmp_path):
    """Not one that the repository has by the same path; a link has the name of its own."""
    theirs = "experiments/workflow/profiles/slurm/config.yaml"
    assert (HOME / theirs).is_file()
    code, _, err = run_all(tmp_path, theirs, "--dry-run")
    assert code == 2 and len(err.splitlines()) == 1 and f"{tmp_path / theirs} cannot be read" in err, err
    (tmp_path / "mine.yaml").symlink_to(tmp_path / "full.yaml")
    (tmp_path / "full.yaml").write_text("blocks: {}\n")
    code, out, err = run_all(tmp_path, "mine.yaml", "--dry-run")
    assert code == 0 and "total" in out, err
    assert run_all(tmp_path, "--dry-run", "mine.yaml") == (code, out, err)


def test_a_file_named_verify_would_share_a_folder_with_the_command(tmp_path, capsys):
    (tmp_path / "verify.yaml").write_text("blocks: {}\n")
    with pytest.raises(SystemExit) as code:
        reproduce.main([str(tmp_path / "verify.yaml"), "--dry-run"])
    assert code.value.code == 2 and "rename the file" in capsys.readouterr().err
