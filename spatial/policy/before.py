"""The periods before adoption of a difference-in-differences: its path there and its tests, from untreated
observations alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spillover.errors import SpatialInputError

from ..design.design import spatial_lag
from ..models.fit import Fit
from . import delete_unit, imputation
from ._sample import PolicySample
from .channels import presence
from .pretrends import FEWEST_ADOPTERS, Pretrends, Problem, both_tests
from .randomization import FEW_TREATED, assignments
from .resampled import permuted_slopes
from .small_sample import CR2, SmallSample
from .treatment import comes_and_goes, is_switch
from .within import period_dummies


def earlier_periods(
    sample: PolicySample, earliest: float, among: np.ndarray | None = None
) -> tuple[np.ndarray, SmallSample | None, np.ndarray]:
    """Effects before adoption from ``earliest`` on, against all times before those: they need not be zero by
    construction, nor do they distort what comes after.

    Parameters
    ----------
    among : ndarray of bool, shape (N,), optional
        The adopters whose effects they are; all of them by default.

    Returns
    -------
    periods : (p,);  SmallSample, None where there are none;  v : (p, N, T), weights of the outcomes
    """
    since = sample.since if among is None else np.where(among, sample.since, np.nan)
    periods = lead_periods(since, (since < 0) & sample.untouched & (sample.mass > 0), earliest)
    N, T = len(sample.ids), len(sample.times)
    if not len(periods):
        return periods, None, np.zeros((0, N, T))
    design = imputation.untreated_design(sample, (since[:, :, None] == periods).astype(float))
    place = np.arange(design.U.shape[2] - len(periods), design.U.shape[2])
    fit = CR2(design, place)(sample.scaled * sample.untouched.T, together=False)
    v = design.U @ (design.inverse[:, place] / design.scale[place])
    return periods, fit, np.moveaxis(v, 2, 0)


def lead_periods(since: np.ndarray, at: np.ndarray, earliest: float) -> np.ndarray:
    """Times before adoption that have an effect on the path: from ``earliest`` on, after the first one observed.

    Parameters
    ----------
    since, at : ndarray, shape (T, N)
        Time since adoption; observations before it.
    """
    there = np.unique(since[at])
    periods = there[(there >= earliest) & (there > there.min())] if len(there) else np.zeros(0)
    if earliest < there.min(initial=0):  # not asked for by name: those that several adopters are seen at and before
        start = np.where(at, since, np.inf).min(axis=0)
        seen = np.array([((at & (since == k)).any(axis=0) & (start < k)).sum() for k in periods], dtype=int)
        periods = periods[seen >= min(FEWEST_ADOPTERS, seen.max(initial=0))]
    return periods


def did_pretrends(result) -> Pretrends:
    """Of a ``DiD``; see its ``pretrends``."""
    s: PolicySample = result.sample
    if result.settings["method"] == "group_time":
        s = trends_by_covariates(s)
    if not is_switch(s.D) or comes_and_goes(s.D):
        raise SpatialInputError("E206", "a share, a dose or what comes and goes has no period before adoption to test",
                                hint="there is nothing to test; say so instead of a test")
    untouched = s.untouched if result.exposed is None else s.untouched & ~result.exposed
    if len(np.unique(s.since[(s.since < 0) & untouched & (s.mass > 0)])) < 2:
        raise SpatialInputError("E206", "no unit is observed at two times before adoption: there is no trend to test",
                                hint="there is nothing to test; say so instead of a test")
    problem = untreated_problem(s, s.y, untouched)
    moves = float((result.jackknife.v[0] * s.root * problem.trend()[:, :, 0]).sum())
    plain = result.exposed is None and exchangeable(s)
    permuted = (lambda: permuted_slopes(*without_policy(s))) if s.n_treated <= FEW_TREATED and plain else None
    return both_tests(problem, level=result.settings["level"], effect=result.att, moves=moves, permuted=permuted)


def trends_by_covariates(s: PolicySample) -> PolicySample:
    """Covariates as they were when a unit was first observed, times each period but the first: trends are parallel
    given these."""
    if not s.names:
        return s
    start = s.X[(s.mass > 0).argmax(axis=0), np.arange(len(s.ids))]  # (N, k)
    T = len(s.times)
    X = np.eye(T)[:, None, None, 1:] * start[None, :, :, None]
    names = tuple(f"{name} in {t}" for name in s.names for t in s.times[1:])
    return replace(s, X=X.reshape(T, len(s.ids), -1), names=names)


def untreated_problem(s: PolicySample, y: np.ndarray, untouched: np.ndarray) -> Problem:
    """What the tests regress, on the observations of the mask (T, N)."""
    base = np.concatenate([period_dummies(len(s.times), s.region), s.X.transpose(1, 0, 2)], axis=2)

    def leads(periods):
        return (s.since.T[:, :, None] == np.asarray(periods)).astype(float)

    return Problem(y.T, (s.mass * untouched).T, s.since.T, base, leads, s.clock, s.cluster)


def exchangeable(s: PolicySample) -> bool:
    """Whether units differ in their outcomes and covariates alone: dates may then be assigned at random."""
    return bool(np.ptp(s.mass) == 0 and not s.region.any() and s.n_clusters == len(s.ids))


def without_policy(s: PolicySample) -> tuple[Problem, np.ndarray]:
    """Outcomes as if nobody had been treated, and dates assigned at random, the actual ones first.

    The mean effect by time since adoption leaves treated outcomes, and covariates leave with their coefficients on
    untreated observations.
    """
    y = s.y
    if s.names:
        design = imputation.untreated_design(s)
        g = design.inverse @ np.einsum("ntq,nt->q", design.U, s.scaled * s.untouched.T) / design.scale
        y = y - s.X @ g[-len(s.names) :]
    bare = replace(s, y=y, X=s.X[:, :, :0], names=())
    periods, estimands = imputation.averages(bare, (-np.inf, np.inf))
    means = imputation.effects(bare, estimands[1:]).estimates
    for k, tau in zip(periods, means):
        y = y - tau * (~s.untouched & (s.since == k))
    start, _ = assignments(s.start, seed=1)
    return untreated_problem(replace(bare, y=y), y, np.ones(y.shape, dtype=bool)), start


def spatial_pretrends(result) -> Pretrends:
    """Of a ``SpatialDiD``; see its ``pretrends``."""
    fit, adopters = result.fit, result.adopters
    if adopters is None or not fit._settings.effects.entity:
        raise SpatialInputError("E206", "a share or a dose, or a model without unit effects, has no period before "
                                "adoption to test",
                                hint="there is nothing to test; say so instead of a test")  # fmt: skip
    if len(np.unique(adopters.since[adopters.since < 0])) < 2:
        raise SpatialInputError("E206", "no unit is observed at two times before adoption: there is no trend to test",
                                hint="there is nothing to test; say so instead of a test")
    W, since = fit._design.weights, adopters.since
    lost = delete_unit.deleted(fit)
    spread = result.settings["model"] != "sar"

    def indicators(periods):
        at = (since.T[:, :, None] == np.asarray(periods)).astype(float)
        return np.concatenate([at, spatial_lag(W, at.swapaxes(0, 1)).swapaxes(0, 1)], axis=2) if spread else at

    others = [k for k, name in enumerate(lost.names) if name.removeprefix("W:") != result.treatment]
    T, N = since.shape
    after = indicators(np.unique(since[since >= 0]))
    base = [after, *_covariates(fit, [lost.names[k] for k in others])]
    if fit._settings.effects.time:
        base.insert(0, period_dummies(T, np.zeros(N, dtype=int)))
    d, effects = fit._design, fit._settings.effects
    y = np.nan_to_num(d.y).T - (fit.rho * d.lag(d.outcome, effects) + fit.lam * d.lag(d.y, effects)).T
    problem = Problem(y, presence(d), since.T, np.concatenate(base, axis=2), indicators, adopters.clock,
                      np.arange(N), neighbors=spread)  # fmt: skip
    v = result.settings.get("direct")
    moves = np.nan if v is None else float((v * problem.trend()[:, :, 0]).sum())
    return both_tests(problem, level=result.settings["level"], effect=float(result.table["estimate"].iloc[0]),
                      moves=moves)  # fmt: skip


def _covariates(fit: Fit, names) -> list[np.ndarray]:
    """Columns of the model, each (N, T, 1)."""
    d = fit._design
    out = []
    for name in names:
        own = np.nan_to_num(d.X[:, :, d.names.index(name if name in d.names else name.removeprefix("W:"))])
        out.append((own if name in d.names else d.lag(own, fit._settings.effects)).T[:, :, None])
    return out
