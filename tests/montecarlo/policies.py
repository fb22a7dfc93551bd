"""Policies: staggered adoption, unit and period effects; effects of the policy, tests before it, placebos."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, interval, rejection
from .maps import dense_of, weights_of

KEYS = {"entity": "i", "time": "t"}


def adoption(rng, N, T, adopters) -> np.ndarray:
    """First treated period of every unit, T for never: from the middle of the panel on."""
    first = np.full(N, T)
    first[rng.permutation(N)[:adopters]] = rng.integers(max(2, T // 2), T - 1, adopters) if T > 3 else T - 1
    return first


def frame(**arrays) -> pd.DataFrame:
    """(T, N) arrays as a long table."""
    T, N = next(iter(arrays.values())).shape
    keys = {"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N)}
    return pd.DataFrame({**{name: values.ravel() for name, values in arrays.items()}, **keys})


def errors(rng, T, N, persistence) -> np.ndarray:
    """AR(1) of unit variance, with unit and period effects."""
    e = rng.standard_normal((T, N))
    for t in range(1, T):
        e[t] = persistence * e[t - 1] + np.sqrt(1 - persistence**2) * e[t]
    return e + rng.standard_normal(N) + rng.standard_normal((T, 1))


def did(*, N, T, adopters, persistence=0.0, method="imputation", band="pointwise", unequal=False, remedy=None):
    """The average effect, the first two event times, both tests before adoption; or the interval by randomization.

    Parameters
    ----------
    unequal : bool
        Effects differ between units (standard deviation 1 about 1), so that errors do between treated and untreated.
        The truth is then the average of those that were treated.
    remedy : {None, "randomization", "placebo"}
    """

    def results(rng):
        first = adoption(rng, N, T, adopters)
        D = (np.arange(T)[:, None] >= first) * 1.0
        tau = np.ones(N) + unequal * rng.standard_normal(N)
        tau = tau * (remedy != "placebo")
        fit = sp.did("y ~ d", frame(y=D * tau + errors(rng, T, N, persistence), d=D), method=method, band=band, **KEYS)
        placebo = sp.placebo_units(fit, draws=99, seed=int(rng.integers(2**31))) if remedy == "placebo" else None
        return fit, placebo, first, D, tau

    def counted(fit, placebo, first, D, tau):
        if placebo is not None:
            return {"placebo": rejection(placebo.p_value)}
        row, truth = fit.table.iloc[0], (D * tau).sum() / D.sum()
        if remedy == "randomization":
            exact = fit.randomization
            return {"effect": interval(exact.conf_low, exact.conf_high, truth)}
        measured = {"effect": interval(row["conf_low"], row["conf_high"], truth)}
        if method == "imputation":
            measured |= _path(fit, first, tau, band)
            joint, slope = fit.pretrends.joint, fit.pretrends.slope
            measured |= {"joint leads": rejection(joint.p_value)} if joint is not None else {}
            measured |= {"slope before": rejection(slope.p_value)} if slope is not None else {}
        return measured

    return Draw(results, counted)


def _path(fit, first, tau, band):
    """Event times 0 and 1; of a simultaneous band whether all event times lie in it."""
    path = fit.path[fit.path["period"] >= 0].dropna(subset=["conf_low"])
    ends = {int(row.period): (row.conf_low, row.conf_high) for row in path.itertuples()}
    last = len(np.unique(fit.sample.times)) - 1
    truth = {k: tau[first + k <= last].mean() for k in ends}
    if band == "pointwise":
        return {f"event time {k}": interval(*ends[k], truth[k]) for k in (0, 1) if k in ends}
    inside = all(low <= truth[k] <= high for k, (low, high) in ends.items())
    low, high = ends[0]
    return {"whole band": interval(-1.0, 1.0, 0.0 if inside else 2.0)} if np.isfinite(high - low) else {}


def spatial_did(*, N, T, adopters, model="sdm", rho=0.4, vcov="jackknife"):
    """Direct and total effect on the treated, and the tests before adoption."""
    W, rho = dense_of("knn", N), rho * (model in ("sdm", "sar"))
    A_inverse = np.linalg.inv(np.eye(N) - rho * W)
    S = A_inverse @ (np.eye(N) + 0.3 * W * (model != "sar"))

    def results(rng):
        first = adoption(rng, N, T, adopters)
        D = (np.arange(T)[:, None] >= first) * 1.0
        y = D @ S.T + errors(rng, T, N, 0.0) @ A_inverse.T
        options = {"model": model, "vcov": vcov, "path": False, **KEYS}
        return sp.spatial_did("y ~ d", frame(y=y, d=D), weights_of("knn", N), **options), D

    def counted(fit, D):
        direct, total = (S.diagonal() * D)[D == 1].mean(), (D @ S.T)[D == 1].mean()
        rows = fit.table.iloc[[0, 2]]
        measured = {kind: interval(low, high, truth) for kind, low, high, truth in
                    zip(("direct", "total"), rows["conf_low"], rows["conf_high"], (direct, total))}  # fmt: skip
        if vcov == "jackknife":
            tests = fit.pretrends
            measured |= {"slope before": rejection(tests.slope.p_value)} if tests.slope is not None else {}
            measured |= {"joint leads": rejection(tests.joint.p_value)} if tests.joint is not None else {}
        return measured

    return Draw(results, counted)


def ring_did(*, side, T, adopters, method="imputation", gaps=0.0):
    """The effect on the treated (1) and on units next to them (.5), on a lattice by rook; a share of the rows is
    missing, none of the first period."""
    row, column = np.divmod(np.arange(side**2), side)
    near = abs(row[:, None] - row) + abs(column[:, None] - column) == 1
    rings = {"next": wt.from_dense(near * 1.0, ids=list(range(side**2)))}

    def results(rng):
        first = adoption(rng, side**2, T, adopters)
        D = (np.arange(T)[:, None] >= first) * 1.0
        ring = (D @ near > 0) * (1 - D)
        y = D + 0.5 * ring + errors(rng, T, side**2, 0.0)
        data = frame(y=y, d=D)
        if gaps:
            late = data[KEYS["time"]] > data[KEYS["time"]].min()
            return (sp.ring_did("y ~ d", data[(rng.uniform(size=len(data)) > gaps) | ~late], rings, missing="period",
                                method=method, **KEYS),)  # fmt: skip
        return (sp.ring_did("y ~ d", data, rings, method=method, **KEYS),)

    def counted(fit):
        table = fit.table
        ends = list(zip(("effect", "ring"), table["conf_low"], table["conf_high"], (1.0, 0.5)))
        if fit.path is not None:  # at adoption, and two periods before it
            at = {0: (1.0, 0.5), -2: (0.0, 0.0)}
            for (_, part), name, which in zip(fit.path.groupby("effect", sort=False), ("effect", "ring"), (0, 1)):
                ends += [(f"{name} at {row.period:+d}", row.conf_low, row.conf_high, at[row.period][which])
                         for row in part.itertuples() if row.period in at]  # fmt: skip
        return {name: interval(low, high, truth) for name, low, high, truth in ends if np.isfinite(high - low)}

    return Draw(results, counted)
