import pytest
from explicit import random_problem, trace_gradient
from graphs import rule_gradient

from rules import get_rule


@pytest.mark.parametrize("adaptive", [0, 2, 5])
@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("loss", ["squared_error", "cross_entropy"])
@pytest.mark.parametrize("loss_steps", [None, (6,), (2, 5)])
def test_three_factor_is_the_sum_over_eligibility_traces(adaptive, alpha, loss, loss_steps):
    problem = random_problem(1, loss, alpha=alpha, beta=0.7, adaptive=adaptive, l2=0.01, loss_steps=loss_steps)
    found = rule_gradient(problem, "three_factor")
    W_x, W_h = trace_gradient(problem, "three_factor")
    assert found.W_x == pytest.approx(W_x, rel=1e-10, abs=1e-12)
    assert found.W_h == pytest.approx(W_h, rel=1e-10, abs=1e-12)


def test_readout_gradient_is_exact_under_three_factor():
    problem = random_problem(2, alpha=0.3)
    exact, found = rule_gradient(problem, "bptt"), rule_gradient(problem, "three_factor")
    assert found.w == pytest.approx(exact.w, rel=1e-12) and found.c == pytest.approx(exact.c, rel=1e-12)
    assert found.W_h != pytest.approx(exact.W_h, rel=0.1)


def test_unknown_rule_lists_the_known_ones():
    with pytest.raises(ValueError, match="unknown rule 'hebb'; known: bptt, .*three_factor"):
        get_rule("hebb")
