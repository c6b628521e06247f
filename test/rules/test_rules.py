"""Each rule's op against its sum over eligibility traces in NumPy, and against the other rules."""

import numpy as np
import pytest
from explicit import random_problem, trace_gradient
from graphs import rule_gradient, run
from hypothesis import given, settings
from hypothesis import strategies as st

from rules import get_rule, known_rules
from rules.scaled_bptt import rho

TRACE_RULES = ("three_factor", "rflo", "mdgl")
L2 = [0.01, pytest.param(0.0, marks=pytest.mark.slow)]


@st.composite
def problems(draw, adaptive=True, alpha=True, self_connections=True):
    """Problems over sizes, leaks, adaptive units, losses, penalty, supervised time steps, self-connections, seeds."""
    steps, units = draw(st.integers(3, 8)), draw(st.integers(1, 6))
    which = draw(st.sampled_from(["all", "last", "some"]))
    some = sorted(draw(st.sets(st.integers(1, steps), min_size=1)))
    return random_problem(
        seed=draw(st.integers(0, 10**6)),
        loss=draw(st.sampled_from(["squared_error", "cross_entropy"])),
        steps=steps,
        batch=draw(st.integers(1, 4)),
        inputs=draw(st.integers(1, 3)),
        units=units,
        outputs=draw(st.integers(1, 3)),
        alpha=draw(st.sampled_from([0.0, 0.3, 0.9])) if alpha else 0.0,
        beta=draw(st.sampled_from([0.0, 0.5, 0.95])),
        adaptive=draw(st.integers(0, units)) if adaptive else 0,
        l2=draw(st.sampled_from([0.0, 0.01])),
        supervised_steps={"all": None, "last": (steps,), "some": tuple(some)}[which],
        self_connections=draw(st.booleans()) if self_connections else False,
    )


def assert_equal(found, expected, accuracy):
    """Equal in W_x and W_h to a share of the largest entry; of 1e-4 where that is smaller, since zeros are rounded."""
    for name in ("W_x", "W_h"):
        one, other = getattr(found, name), getattr(expected, name)
        assert np.abs(one - other).max() <= accuracy * max(np.abs(other).max(), 1e-4), name


def assert_sum_over_traces(problem, rule):
    """The op's gradient is the explicit sum over time of learning signal times eligibility trace."""
    W_x, W_h = trace_gradient(problem, rule)
    found = rule_gradient(problem, rule)
    assert_equal(found, found._replace(W_x=W_x, W_h=W_h), 1e-10)


@pytest.mark.parametrize("rule", TRACE_RULES)
@settings(max_examples=4, deadline=None)
@given(problem=problems())
def test_op_is_the_sum_over_eligibility_traces(rule, problem):
    assert_sum_over_traces(problem, rule)


@pytest.mark.parametrize("rule", TRACE_RULES)
@pytest.mark.parametrize("adaptive", [0, 2])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("l2", L2)
def test_op_is_the_sum_over_eligibility_traces_everywhere_on_the_grid(rule, adaptive, alpha, loss, l2):
    assert_sum_over_traces(random_problem(1, loss, steps=6, alpha=alpha, beta=0.7, adaptive=adaptive, l2=l2), rule)


@pytest.mark.parametrize("rule", TRACE_RULES)
@pytest.mark.parametrize("adaptive", [0, 2])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("l2", L2)
def test_op_keeps_self_connections_in_the_traces_everywhere_on_the_grid(rule, adaptive, alpha, l2):
    cell = dict(alpha=alpha, beta=0.7, adaptive=adaptive)
    assert_sum_over_traces(random_problem(1, steps=6, l2=l2, self_connections=True, **cell), rule)


@settings(max_examples=4, deadline=None)
@given(problem=problems())
def test_bptt_is_real_time_recurrent_learning(problem):
    assert_equal(rule_gradient(problem, "rtrl"), rule_gradient(problem, "bptt"), 1e-10)


@pytest.mark.parametrize("rule, accuracy", [("rtrl", 1e-10), ("truncated_bptt(0)", 1e-12)])
@pytest.mark.parametrize("adaptive", [0, 2])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("supervised_steps, free", [(None, False), ((2, 4), False), (None, True)])
def test_what_equals_bptt_does_so_everywhere_on_the_grid(rule, accuracy, adaptive, alpha, supervised_steps, free):
    sizes = dict(steps=5, alpha=alpha, beta=0.7, adaptive=adaptive, l2=0.01)
    problem = random_problem(2, supervised_steps=supervised_steps, self_connections=free, **sizes)
    assert_equal(rule_gradient(problem, rule), rule_gradient(problem, "bptt"), accuracy)


@settings(max_examples=4, deadline=None)
@given(problem=problems())
def test_truncating_nothing_is_bptt(problem):
    assert_equal(rule_gradient(problem, "truncated_bptt(0)"), rule_gradient(problem, "bptt"), 1e-12)


@settings(max_examples=4, deadline=None)
@given(problem=problems(adaptive=False, alpha=False, self_connections=False))
def test_truncating_all_but_one_or_two_steps_is_three_factor_or_mdgl(problem):
    steps = len(problem.x)
    one, two = (rule_gradient(problem, f"truncated_bptt({steps - kept})") for kept in (1, 2))
    assert_equal(one, rule_gradient(problem, "three_factor"), 1e-12)
    assert_equal(two, rule_gradient(problem, "mdgl"), 1e-12)


@settings(max_examples=4, deadline=None)
@given(problem=problems(), truncate=st.integers(0, 7))
def test_truncated_bptt_is_the_sum_of_windows(problem, truncate):
    """Independently: each step's loss alone, through a network that is cut loose before the window by restarting it
    from the states it had there, which makes earlier weights' influence on them a constant."""
    steps = len(problem.x)
    truncate = min(truncate, steps - 1)
    found = rule_gradient(problem, f"truncated_bptt({truncate})")
    W_x, W_h = windowed_gradient(problem, steps - truncate)
    assert_equal(found, found._replace(W_x=W_x, W_h=W_h), 1e-10)


def windowed_gradient(p, reach):
    """(dL/dW_x, dL/dW_h): reverse sums in NumPy for each loss step apart, over at most `reach` steps."""
    from explicit import errors, free, rates

    f, psi = rates(p)
    W_x, W_h = p.l2 * p.W_x, p.l2 * p.W_h
    for at, error in errors(p).items():
        dh, db = np.zeros_like(f[0]), np.zeros_like(f[0])
        df = error @ p.w.T
        for t in range(at, max(at - reach, 0), -1):
            du = psi[t] * (df + (1 - p.beta) * db * (p.a.sum() > 0))
            dh, db = du + p.alpha * dh, -p.a * du + p.beta * db
            W_x = W_x + (1 - p.alpha) * p.x[t - 1].T @ dh
            W_h = W_h + (1 - p.alpha) * f[t - 1].T @ dh
            df = (1 - p.alpha) * dh @ p.W_h.T
    return W_x, W_h * free(p)


CELLS = [dict(alpha=0.0), dict(alpha=0.3), dict(alpha=0.3, beta=0.8, adaptive=3)]


@pytest.mark.parametrize("rule", ["three_factor", "mdgl", "rtrl"])
@pytest.mark.parametrize("cell", CELLS)
def test_where_units_are_connected_to_themselves_alone_local_rules_are_bptt(rule, cell):
    """All of the gradient is then in the units' own traces, and none of it may be counted twice."""
    problem = random_problem(3, self_connections=True, l2=0.01, **cell)
    alone = problem._replace(W_h=np.diag(np.abs(np.diag(problem.W_h))))
    exact, found = rule_gradient(alone, "bptt"), rule_gradient(alone, rule)
    np.testing.assert_allclose(found.W_x, exact.W_x, rtol=1e-10, atol=1e-13)
    own = np.eye(5, dtype=bool)
    np.testing.assert_allclose(found.W_h[own], exact.W_h[own], rtol=1e-10, atol=1e-13)
    assert np.abs(exact.W_h[own]).min() > 0


@pytest.mark.parametrize("rule", ["bptt", "three_factor", "rflo", "mdgl", "scaled_bptt", "truncated_bptt(3)"])
@pytest.mark.parametrize("cell", CELLS)
def test_free_self_connections_of_zero_change_nothing_but_their_own_gradient(rule, cell):
    masked = random_problem(4, l2=0.01, **cell)
    free = masked._replace(self_connections=True)
    one, other = rule_gradient(masked, rule), rule_gradient(free, rule)
    between = ~np.eye(5, dtype=bool)
    if rule != "scaled_bptt":  # whose rho is over all weights, free ones included
        np.testing.assert_allclose(other.W_x, one.W_x, rtol=1e-10, atol=1e-13)
        np.testing.assert_allclose(other.W_h[between], one.W_h[between], rtol=1e-10, atol=1e-13)
    assert np.all(one.W_h[~between] == 0) and np.abs(other.W_h[~between]).max() > 1e-3


@settings(max_examples=4, deadline=None)
@given(problem=problems())
def test_rflo_with_the_readout_for_feedback_is_three_factor(problem):
    same = problem._replace(feedback=problem.w)
    assert_equal(rule_gradient(same, "rflo"), rule_gradient(same, "three_factor"), 1e-12)


@settings(max_examples=4, deadline=None)
@given(problem=problems())
def test_scaled_bptt_is_bptt_with_the_three_factor_step_length(problem):
    exact, approximate, scaled = (rule_gradient(problem, rule) for rule in ("bptt", "three_factor", "scaled_bptt"))
    g, ghat, used = (np.concatenate([v.W_x.ravel(), v.W_h.ravel()]) for v in (exact, approximate, scaled))
    if g @ g == 0:
        assert np.all(used == 0)
        return
    rho = ghat @ g / (g @ g)
    assert np.abs(used - rho * g).max() <= 1e-12 * max(np.abs(rho * g).max(), 1e-4)
    assert np.linalg.norm(used) == pytest.approx(abs(rho) * np.linalg.norm(g), rel=1e-10, abs=1e-15)


def test_rho_is_signed_and_zero_where_the_exact_gradient_vanishes():
    g = np.random.RandomState(0).normal(size=(2, 5, 5))
    exact, approximate = np.stack([g[0], 0 * g[0]]), np.stack([-0.5 * g[0], g[1]])
    assert run(lambda: rho([exact], [approximate])) == pytest.approx([-0.5, 0], rel=1e-12)


@pytest.mark.parametrize("step_length", ["each", "with_readout"])
def test_other_readings_of_the_step_length(step_length):
    """each: W_x and W_h by their own rho. with_readout: the rho over both for w and c as well."""
    problem = random_problem(2, alpha=0.3, l2=0.01)
    exact, approximate = rule_gradient(problem, "bptt"), rule_gradient(problem, "three_factor")
    used = rule_gradient(problem, "scaled_bptt", step_length)
    parts = [[np.sum(getattr(g, m) * getattr(exact, m)) for m in ("W_x", "W_h")] for g in (approximate, exact)]
    rhos = np.divide(*parts)
    if step_length == "with_readout":
        expected = [sum(parts[0]) / sum(parts[1])] * 4
    else:
        expected = [*rhos, 1, 1]
        assert abs(rhos[0] - rhos[1]) > 0.05
    for factor, found, g in zip(expected, used, exact):
        np.testing.assert_allclose(found, factor * g, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("rule", [name for name in known_rules() if name != "truncated_bptt"] + ["truncated_bptt(3)"])
def test_readout_gradient_is_exact_under_every_rule(rule):
    problem = random_problem(2, alpha=0.3, l2=0.01)
    exact, found = rule_gradient(problem, "bptt"), rule_gradient(problem, rule)
    assert found.w == pytest.approx(exact.w, rel=1e-12) and found.c == pytest.approx(exact.c, rel=1e-12)


@pytest.mark.parametrize("rule", ["three_factor", "rflo", "mdgl", "truncated_bptt(3)"])
def test_rules_are_not_bptt(rule):
    problem = random_problem(2, alpha=0.3)
    assert rule_gradient(problem, rule).W_h != pytest.approx(rule_gradient(problem, "bptt").W_h, rel=0.05)


@pytest.mark.parametrize(
    "name, message",
    [
        ("hebb", "unknown rule 'hebb'; known: bptt, mdgl, rflo, rtrl, scaled_bptt, three_factor, truncated_bptt"),
        ("bptt(3)", "bptt takes no number"),
        ("truncated_bptt", r"expected a number, as in truncated_bptt\(14\)"),
        ("truncated_bptt(-1)", "unknown rule"),
    ],
)
def test_wrong_names_are_explained(name, message):
    with pytest.raises(ValueError, match=message):
        get_rule(name)


def test_truncating_everything_is_refused():
    with pytest.raises(ValueError, match="leaves nothing of 6 steps; at most 5"):
        rule_gradient(random_problem(1), "truncated_bptt(6)")


def test_work_that_a_rule_does_not_need_is_not_in_its_graph():
    """With the loss at the last step and alpha 0, three-factor and MDGL go back one and two steps."""
    import tensorflow.compat.v1 as tf
    from graphs import learning

    def products(rule, replicas):
        graph = tf.Graph()
        with graph.as_default():
            problems = [random_problem(seed, steps=12, supervised_steps=(12,)) for seed in range(replicas)]
            loss, weights = learning(problems, rule)
            gradients = tf.gradients(loss.total, [weights.W_x, weights.W_h])
        needed = tf.graph_util.extract_sub_graph(graph.as_graph_def(), [g.op.name for g in gradients])
        return sum(node.op.endswith("MatMul") or node.op == "BatchMatMulV2" for node in needed.node)

    bptt, three_factor, mdgl = (products(rule, 2) for rule in ("bptt", "three_factor", "mdgl"))
    assert bptt - three_factor == 11  # the products that carry gradients back
    assert mdgl - three_factor == 1
    bptt, three_factor, mdgl = (products(rule, 1) for rule in ("bptt", "three_factor", "mdgl"))
    assert bptt - three_factor == 11 + 11 + 10  # and those for W_x and W_h, one per step; f_0 = 0
    assert mdgl - three_factor == 1 + 1 + 1


def test_masked_self_connections_add_nothing_to_the_graph():
    import tensorflow.compat.v1 as tf
    from graphs import learning

    def operations(free):
        graph = tf.Graph()
        with graph.as_default():
            loss, weights = learning([random_problem(1, self_connections=free)], "three_factor")
            tf.gradients(loss.total, [weights.W_h])
        return " ".join(node.op for node in graph.as_graph_def().node)

    # TensorFlow 2 puts a version behind the name
    assert "MatrixDiagPart" in operations(True) and "MatrixDiagPart" not in operations(False)


def test_replicas_have_their_own_gradients():
    import tensorflow.compat.v1 as tf
    from graphs import learning

    several = [random_problem(seed, steps=4, alpha=0.3, beta=0.5, adaptive=2) for seed in (1, 2)]
    for rule in ("rflo", "mdgl", "truncated_bptt(2)"):

        def build(rule=rule):
            loss, weights = learning(several, rule)
            return tf.gradients(loss.total, [weights.W_h])

        together = run(build)[0]
        for replica, problem in enumerate(several):
            assert together[replica] == pytest.approx(rule_gradient(problem, rule).W_h, rel=1e-9, abs=1e-12)
