"""Before the event: leads of the own adoption and of exposure, on observations that nothing touched."""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from ._sample import PolicySample
from .before import lead_periods
from .conservative import Averages, Conservative
from .exposure_parts import ON_UNTREATED, OWN, TOTAL, Parts
from .pretrends import Pretrends, Problem, both_tests
from .treatment import time_since
from .within import period_dummies, within


def first_touch(parts: Parts, clock: np.ndarray) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Time since a unit was first treated or exposed, (T, N), and the units whose leads each path has: those that
    their own adoption reached first, among them those seen treated and unexposed, and those that exposure reached
    first."""
    began = np.minimum(parts.cohort, parts.wave)
    own = (parts.cohort <= parts.wave) & (parts.cohort < len(clock))
    alone = own & parts.masks()[OWN].any(axis=0)
    return time_since(began, clock), {TOTAL: own, OWN: alone, ON_UNTREATED: parts.wave < parts.cohort}


def leads_of(engine: Conservative, sample: PolicySample, parts: Parts, effect: str, earliest: float
             ) -> tuple[np.ndarray, Averages | None]:  # fmt: skip
    """Effects before the event, on untouched observations, against all times before those: none where nobody is
    seen."""
    since, among = first_touch(parts, sample.clock)
    if effect not in among:
        return np.zeros(0), None
    since = np.where(among[effect], since, np.nan)
    periods = lead_periods(since, (since < 0) & (sample.mass > 0), earliest)
    if not len(periods):
        return periods, None
    X = np.concatenate([sample.X, (since[:, :, None] == periods) * 1.0], axis=2).transpose(1, 0, 2)
    C = np.concatenate([period_dummies(len(sample.times), sample.region), X], axis=2)
    design = within(sample.mass.T * engine.untouched, C, sample.cluster)
    at = np.arange(design.U.shape[2] - len(periods), design.U.shape[2])
    kept = design.identifies(np.eye(design.U.shape[2])[at])
    return periods[kept], engine.coefficients(design, at[kept], sample.y.T) if kept.any() else None


def exposure_pretrends(result) -> Pretrends:
    """Of an ``ExposureDiD``; see its ``pretrends``."""
    s, parts, engine = result.sample, result._parts, result._engine
    since, among = first_touch(parts, s.clock)
    if len(np.unique(since[(since < 0) & engine.untouched.T])) < 2:
        raise SpatialInputError("E206", "no unit is observed untouched at two times before the event: there is no "
                                "trend to test", hint="there is nothing to test; say so instead of a test")  # fmt: skip
    groups = [among[TOTAL], among[ON_UNTREATED]]

    def leads(periods):
        at = since.T[:, :, None] == np.asarray(periods)
        return np.concatenate([at * group[:, None, None] for group in groups], axis=2) * 1.0

    base = np.concatenate([period_dummies(len(s.times), s.region), s.X.transpose(1, 0, 2)], axis=2)
    within_groups = isinstance(result.settings["vcov"], str) and result.settings["vcov"] == "cluster"
    problem = Problem(s.y.T, s.mass.T * engine.untouched, since.T, base, leads, s.clock, s.cluster, neighbors=True,
                      K=None if within_groups else engine.K)  # fmt: skip
    moves = float((result._headline * s.root * problem.trend()[:, :, 0]).sum())
    return both_tests(problem, level=result.settings["level"], effect=result.att, moves=moves)
