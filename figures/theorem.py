"""Theorem 1 and Assumption 1 on runs: one number per run, or per evaluation, of eigenvalue, learning rate and rho."""

import numpy as np
import pandas as pd

from figures.runs import KEY, Results, ends, histories, measures

# Training losses near zero, as the theorem assumes, for targets of order one: errors from 1.4e-3 down to where single
# precision leaves no gradient, and so no rho, to speak of.
ZERO_ERROR, ROUNDING = 1e-6, 1e-12
UNSTABLE = 1e6  # beyond any limit


def step_lengths(history: pd.DataFrame) -> pd.Series:
    """rho over W_h with its sign, evaluation by evaluation; 1 under BPTT, nan where the exact gradient vanishes."""
    rho = history.rho_W_h.astype(float)
    return rho.where(rho != 0).where(history.rule != "bptt", 1.0)


def bound_products(history: pd.DataFrame) -> pd.Series:
    """eigenvalue * learning rate * |rho|, evaluation by evaluation: Theorem 1 bounds it by 1 (Eq. 31, 32)."""
    return history.eigenvalue.astype(float) * history.current_learning_rate.astype(float) * step_lengths(history).abs()


def limit_products(history: pd.DataFrame) -> pd.Series:
    """eigenvalue * learning rate * rho, evaluation by evaluation: an update is stable along the gradient below 2.

    Infinite for rho <= 0, where it is not, whatever the curvature.
    """
    return bound_products(history).where(~(step_lengths(history) <= 0), np.inf)


def shorter(history: pd.DataFrame) -> pd.Series:
    """1 where |rho| < 1, else 0; nan where rho is not known."""
    rho = step_lengths(history)
    return _truth(rho.abs() < 1, rho.where(history.rho_W_h.notna()))


def beyond_bound(history: pd.DataFrame) -> pd.Series:
    """1 beyond 1 / (|rho| eta), else 0; nan where a number is missing."""
    return _truth(bound_products(history) > 1, bound_products(history))


def beyond_limit(history: pd.DataFrame) -> pd.Series:
    """1 beyond 2 / (rho eta) or for rho <= 0, else 0; nan where a number is missing."""
    return _truth(limit_products(history) > 2, bound_products(history))


def _truth(holds: pd.Series, known: pd.Series) -> pd.Series:
    return holds.astype(float).where(known.notna())


def bound_at_zero_error(results: Results, group: str) -> pd.Series:
    """Median of `bound_products` over a run's evaluations near zero error; nan unless that is where it ended."""
    history = histories(results, group)
    return _near_zero_error(history, bound_products(history))


def limit_at_zero_error(results: Results, group: str) -> pd.Series:
    """Likewise of `limit_products`, UNSTABLE where they are infinite: an infinite value would count as none."""
    history = histories(results, group)
    return _near_zero_error(history, limit_products(history)).clip(upper=UNSTABLE)


def _near_zero_error(history: pd.DataFrame, products: pd.Series) -> pd.Series:
    loss, run = history.training_data_loss.astype(float), [history[name] for name in KEY]
    near = (loss >= ROUNDING) & (loss <= ZERO_ERROR)
    return products.where(near).groupby(run).median().where(ends(history, "training_data_loss") <= ZERO_ERROR)


def assumption_1(results: Results, group: str) -> pd.Series:
    """|2 rho g.He + e.He| / |rho^2 g.Hg|, what Eq. 36 neglects over what it keeps: median over all evaluations."""
    table = measures(results, group, "taylor.csv", ["iteration", "assumption_1"])
    return table.assign(size=table.assumption_1.astype(float)).groupby(KEY)["size"].median()
