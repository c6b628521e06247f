"""What a finding hangs on: how far each choice moves the effect, and one row per claim and task that sums up.

The effect of a specification is taken as a sum of one term per choice (least squares over the specifications that are
judged), so that a level's difference from the main one is that of the mean effects, adjusted for the other choices. Its
95 % interval treats the specifications that share their runs as one cluster. Where there are too few of them to
estimate spread from, the interval is made of the effects' own.
"""

from typing import List

import numpy as np
import pandas as pd
import statsmodels.api as sm

from figures.specification_null import Chance
from figures.specifications import NOT_JUDGED, as_claimed

PREFIX = "choice: "
COLUMNS = ["claim", "task", "choice", "level", "main", "n", "difference", "low", "high"]
DECIMALS = 12  # least squares leaves 1e-16 where effects are equal, which is no difference
NUMBERS = ("share_claimed_sign", "share_for", "share_against", "median_effect")


def choice_effects(table: pd.DataFrame) -> pd.DataFrame:
    """One row per level other than the main one, columns COLUMNS, of the specifications of one claim on one task
    (figures.specifications.table_of): n of them are judged; nan where the level cannot be told from others."""
    choices = [name for name in table if name.startswith(PREFIX) and table[name].notna().any()]
    main = table[table.main].iloc[0]
    levels = [(name, level) for name in choices for level in dict.fromkeys(table[name]) if level != main[name]]
    judged = table[table.effect.notna()]
    design = np.column_stack([np.ones(len(judged)), *[(judged[name] == level) for name, level in levels]]).astype(float)
    rows = []
    for (name, level), (difference, low, high) in zip(levels, _differences(judged, design)):
        own = {
            "choice": name[len(PREFIX) :],
            "level": level,
            "main": main[name],
            "n": int((judged[name] == level).sum()),
        }
        rows.append(dict(own, claim=main.claim, task=main.task, difference=difference, low=low, high=high))
    return pd.DataFrame(rows, columns=COLUMNS)


def _differences(judged: pd.DataFrame, design: np.ndarray) -> np.ndarray:
    """[levels, 3]: difference, low, high of each column of the design but the first."""
    nothing = np.full((design.shape[1] - 1, 3), np.nan)
    if not len(judged):
        return nothing
    # a column that others add up to has no difference of its own
    told = np.isclose(np.linalg.pinv(design).dot(design), np.eye(design.shape[1])).all(axis=1)
    clusters = pd.factorize(judged.specification)[0]
    model = sm.OLS(judged.effect.values.astype(float), design)
    found = model.fit()
    interval = _from_their_own(judged, design, clusters, found.params)
    # the spread of a level that one or two networks have is not that of their residuals, which they determine
    spread = np.array([len(set(clusters[column > 0])) > 2 for column in design.T])
    if clusters.max() + 1 > design.shape[1]:
        clustered = model.fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
        with np.errstate(invalid="ignore"):
            interval = np.where(spread[:, np.newaxis], clustered.conf_int(0.05), interval)
    exact = np.round(np.column_stack([found.params, interval]), DECIMALS)[1:]
    return np.where(told[1:, np.newaxis], exact, nothing)


def _from_their_own(
    judged: pd.DataFrame, design: np.ndarray, clusters: np.ndarray, differences: np.ndarray
) -> np.ndarray:
    """[columns, 2]: intervals of differences from those of the effects, as of independent clusters; within one, effects
    are taken to err together."""
    half = (judged.high - judged.low).values.astype(float) / 2
    parts = np.abs(np.linalg.pinv(design)) * half
    together = np.stack([parts[:, clusters == cluster].sum(axis=1) for cluster in np.unique(clusters)])
    reach = np.sqrt((together**2).sum(axis=0))
    return np.column_stack([differences - reach, differences + reach])


def summary(table: pd.DataFrame, moved: pd.DataFrame, says: str, effect_name: str, chance: Chance) -> dict:
    """One row of the table claim by task. moved: choice_effects of the same specifications."""
    judged = table[table.effect.notna()]
    row = {"claim": table.claim.iloc[0], "task": table.task.iloc[0], "says": says, "effect_name": effect_name}
    row.update(specifications=len(table), judged=len(judged), networks=table.specification.nunique())
    row.update({status.replace(" ", "_"): int((table.status == status).sum()) for status in NOT_JUDGED})
    row.update(dict.fromkeys(NUMBERS, np.nan))
    if len(judged):
        shares = [as_claimed(judged).mean(), (judged.status == "for").mean(), (judged.status == "against").mean()]
        row.update(zip(NUMBERS, map(float, [*shares, judged.effect.median()])))
    row.update(chance_share=chance.share, chance_p_for=chance.p_for, chance_p_against=chance.p_against)
    return {**row, **_largest(moved)}


def _largest(moved: pd.DataFrame) -> dict:
    """The level that moves the effect most: of those whose interval is clear of 0, or of all if there are none; empty
    where none moves it."""
    known = moved.dropna(subset=["difference"])
    known = known[known.difference != 0]
    clear = known[(known.low > 0) | (known.high < 0)]
    among = clear if len(clear) else known
    if among.empty:
        return {"moved_by": "", "moved_to": "", "moved": np.nan, "moved_low": np.nan, "moved_high": np.nan}
    most = among.loc[among.difference.abs().idxmax()]
    numbers = {"moved": most.difference, "moved_low": most.low, "moved_high": most.high}
    return {"moved_by": most.choice, "moved_to": most.level, **numbers}


def shares_by_level(table: pd.DataFrame, names: List[str]) -> pd.DataFrame:
    """One row per choice and level, in the order of the choices: n judged, share_for of them."""
    rows = []
    judged = table[table.effect.notna()]
    for name in names:
        for level in dict.fromkeys(table[name]):
            own = judged[judged[name] == level]
            shares = {
                f"share_{sign}": (own.status == sign).mean() if len(own) else np.nan for sign in ("for", "against")
            }
            rows.append({"choice": name[len(PREFIX) :], "level": level, "n": len(own), **shares})
    return pd.DataFrame(rows)
