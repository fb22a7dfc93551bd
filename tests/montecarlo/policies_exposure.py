"""Policies that reach the neighbors: effects differ between units, the panel has entry, exit and gaps."""

from __future__ import annotations

import warnings

import numpy as np

import spatial as sp
import weights as wt
from spatial.policy import exposure_parts as ep

from .cell import Draw, interval, rejection
from .maps import dense_of, weights_of
from .policies import KEYS, adoption, errors, frame


def exposure_did(*, side, T, adopters, exposure="any", absent=0.15, persistence=0.0, vcov="cluster", spatial=0.0):
    """Own effects (1, standard deviation .5, rising by .1 a period) and spillovers (.5, standard deviation .25, half
    of that on the treated; of a share its value, of a count .2 each) on a lattice by rook.

    Parameters
    ----------
    absent : float
        Share of units that enter late, and of those that leave early; half of it rows missing at random.
    persistence, spatial : float
        AR(1) of the errors, and weight of the neighbors' mean error in each.
    """
    row, column = np.divmod(np.arange(side**2), side)
    near = (abs(row[:, None] - row) + abs(column[:, None] - column) == 1) * 1.0
    w = wt.from_dense(near, ids=list(range(side**2)))
    mean = near / near.sum(axis=1, keepdims=True)

    def results(rng):
        N = side**2
        first = adoption(rng, N, T, adopters)
        D = (np.arange(T)[:, None] >= first) * 1.0
        amount = {"any": 0.5 * (D @ near > 0), "count": 0.2 * (D @ near), "share": D @ mean.T}[exposure]
        own = D * (1 + 0.1 * np.maximum(np.arange(T)[:, None] - first, 0) + 0.5 * rng.standard_normal(N))
        spill = amount * (1 + 0.5 * rng.standard_normal(N)) * np.where(D > 0, 0.5, 1.0)
        e = errors(rng, T, N, persistence)
        e = (e + spatial * e @ mean.T) / np.sqrt(1 + spatial**2 / 4)
        data = frame(y=own + spill + e, d=D)
        start, stop = (np.where(rng.uniform(size=N) < absent, rng.integers(1, T // 3 + 1, N), 0) for _ in range(2))
        at = np.arange(T)[:, None]
        there = (at >= start) & (at < T - stop) & (rng.uniform(size=(T, N)) > absent / 2)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            fit = sp.exposure_did("y ~ d", data[there.ravel()], w, missing="period", unimputable="drop",
                                  exposure=exposure, vcov=vcov, **KEYS)  # fmt: skip
            _ = fit.pretrends
        return fit, own, spill

    def counted(fit, own, spill):
        ids, times = fit.sample.ids.to_numpy(), fit.sample.times.to_numpy()
        own, spill = own[np.ix_(times, ids)], spill[np.ix_(times, ids)]
        masks, since, near_ = fit._parts.masks(), fit._parts.since, fit._parts.near
        truth = {ep.TOTAL: own + spill, ep.OWN: own, ep.ON_UNTREATED: spill}
        names = {ep.TOTAL: "total", ep.OWN: "own", ep.ON_UNTREATED: "spillover"}
        measured = {}
        for r in fit.table.itertuples():
            if r.term in truth and np.isfinite(r.std_error):
                measured[names[r.term]] = interval(r.conf_low, r.conf_high, truth[r.term][masks[r.term]].mean())
            elif r.term == ep.ON_TREATED and np.isfinite(r.std_error):
                at = masks[ep.ON_TREATED] & np.isin(since, since[masks[ep.OWN]])
                measured["spillover on the treated"] = interval(r.conf_low, r.conf_high, spill[at].mean())
        for r in fit.path.dropna(subset=["std_error"]).itertuples():
            if r.effect in truth and r.period in (-2, 0, 2):
                clock = near_ if r.effect == ep.ON_UNTREATED else since
                at = masks[r.effect] & (clock == r.period)
                value = truth[r.effect][at].mean() if r.period >= 0 else 0.0
                measured[f"{names[r.effect]} at {r.period:+d}"] = interval(r.conf_low, r.conf_high, value)
        joint, slope = fit.pretrends.joint, fit.pretrends.slope
        measured |= {"joint leads": rejection(joint.p_value)} if joint is not None else {}
        return measured | ({"slope before": rejection(slope.p_value)} if slope is not None else {})

    return Draw(results, counted)


def spatial_did_gaps(*, N, T, adopters, model="sdm", rho=0.4, absent=0.1):
    """Direct and total effect on the treated, and the tests before adoption, in a panel whose units come and go:
    spillovers run among those that are there."""
    W, rho = dense_of("knn", N), rho * (model in ("sdm", "sar"))

    def results(rng):
        first = adoption(rng, N, T, adopters)
        D = (np.arange(T)[:, None] >= first) * 1.0
        e, there = errors(rng, T, N, 0.0), rng.uniform(size=(T, N)) > absent
        there[0] = there[T // 2] = True
        y, response, own = np.zeros((3, T, N))
        for t, at in enumerate(there):
            cut = W * np.outer(at, at)
            cut = cut / np.maximum(cut.sum(axis=1, keepdims=True), 1e-9)
            inverse = np.linalg.inv(np.eye(N) - rho * cut)
            S = inverse @ (np.eye(N) + 0.3 * cut * (model != "sar"))
            response[t], own[t] = S @ (D[t] * at), S.diagonal()
            y[t] = response[t] + inverse @ (e[t] * at)
        treated = (D == 1) & there
        fit = sp.spatial_did("y ~ d", frame(y=y, d=D)[there.ravel()], weights_of("knn", N), model=model, path=False,
                             missing="period", **KEYS)  # fmt: skip
        return fit, own[treated].mean(), response[treated].mean()

    def counted(fit, direct, total):
        rows = fit.table.iloc[[0, 2]]
        measured = {kind: interval(low, high, truth) for kind, low, high, truth in
                    zip(("direct", "total"), rows["conf_low"], rows["conf_high"], (direct, total))}  # fmt: skip
        joint, slope = fit.pretrends.joint, fit.pretrends.slope
        measured |= {"joint leads": rejection(joint.p_value)} if joint is not None else {}
        return measured | ({"slope before": rejection(slope.p_value)} if slope is not None else {})

    return Draw(results, counted)
