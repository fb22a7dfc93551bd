"""The sandwich: scores between two inverses of the observed information.

    V = I^-1 M I^-1,    M = sum over pairs (i, j) of k_ij s_i s_j'

Covariances differ only in which pairs of scores M lets through: each with itself (robust), all of a group
(cluster), neighbors within a distance (Conley), periods within some lags (Driscoll-Kraay).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError

from ..design.ways import nested
from ..records.fit import FitRecord
from ..solve.gmm import MomentSample, MomentSolution, basis, regressors, two_stage
from .deviations import has_several
from .groups import periods_of_rows, units_of_rows
from .information import inverse_information, observed
from .missing_view import Completed
from .random import by_random_ml, random_scores
from .scores import scores
from .serial import with_psi
from .several import scores_of_several


def sandwich(fit: FitRecord, meat_of) -> np.ndarray:
    """I^-1 M I^-1 of the coefficients; ``meat_of`` takes the scores (m, p + 1), sigma2's among them, and returns M.

    Raises
    ------
    SpatialInputError
        E702 when the information is not positive definite or a variance comes out negative.
    """
    names = list(fit.params.index)
    information, S = information_and_scores(fit)
    bread = inverse_information(information, names)
    if has_several(fit):
        T = fit._solution.T  # type: ignore[attr-defined]
        bread = T @ bread[: T.shape[1]]
    V = (bread @ meat_of(S) @ bread.T)[: len(names), : len(names)]
    if not (np.diag(V) > 0).all():
        bad = names[int(np.argmin(np.diag(V)))]
        raise SpatialInputError("E702", f"the variance of {bad!r} is not positive with this covariance",
                                hint="too few groups or periods for so many parameters, or a kernel that is not "
                                "positive definite: try a one-way cluster or kernel='bartlett'")  # fmt: skip
    return fit._solution.after_correction((V + V.T) / 2)


def information_and_scores(fit: FitRecord) -> tuple[np.ndarray, np.ndarray]:
    """The observed information of all parameters, sigma2, random effects' kappa and psi among them, and scores by
    row.

    Of moments the identity and what every row adds to the error of the estimate. Of several rho,
    lambda or sigma2 both by the parameters of ``several``, which ``fit._solution.T`` turns.
    """
    if isinstance(fit._solution, MomentSolution) and fit._solution.shares is not None:
        return np.eye(fit._solution.shares.shape[1]), fit._solution.shares
    if isinstance(fit._sample, MomentSample):
        stage = two_stage(fit._sample.y, regressors(fit._sample), basis(fit._sample))
        return np.eye(stage.T.shape[1]), stage.T * stage.resid[:, None]
    if isinstance(fit._solution, Completed):
        return fit._solution.information, np.empty((0, 0))  # the variance by pairs takes no scores by row
    if has_several(fit):
        information, S = fit._solution.information, scores_of_several(fit)  # type: ignore[attr-defined]
    elif by_random_ml(fit):
        information, S = fit._settings.random.information, random_scores(fit)
    else:
        information, S = observed(fit._sample, fit._solution), scores(fit._sample, fit._solution)
    return (information, S) if fit._settings.serial is None else with_psi(fit, information, S)


def sums_by_group(values: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Rows of (m, p) added up by group: (G, p)."""
    m = len(codes)
    members = sparse.csc_array((np.ones(m), codes, np.arange(m + 1)), shape=(codes.max() + 1, m))
    return members @ values


def small_sample_factor(fit: FitRecord, codes: np.ndarray) -> float:
    """G / (G - 1); for least squares also (m - 1) / (m - K), so that one row per group gives HC1.

    K counts the coefficients and the fixed effects that are not nested in the groups, as Stata's ``regress``
    and ``xtreg`` do.
    """
    G = int(codes.max()) + 1
    if is_spatial(fit) or fit._settings.method == "gmm":
        return G / (G - 1)
    T, N = fit._design.y.shape
    m, effects = fit._design.nobs, fit._settings.effects
    absorbed = 0
    if effects.ways:
        absorbed = effects.ways.besides(codes)
    elif effects.entity:
        absorbed = 1 if nested(units_of_rows(fit._design), codes) else N
    if effects.time and not effects.ways:
        free = nested(periods_of_rows(fit._design), codes)
        absorbed += (0 if free else T - 1) + (effects.time and not effects.entity)
    return G / (G - 1) * (m - 1) / (m - fit._sample.X.shape[1] - absorbed)


def grouped_meat(fit: FitRecord, codes: np.ndarray, S: np.ndarray) -> np.ndarray:
    """Sum over groups of (sum of scores)(sum of scores)', with the small-sample factor (Liang & Zeger 1986)."""
    sums = sums_by_group(S, codes)
    return small_sample_factor(fit, codes) * sums.T @ sums


def least_squares(fit: FitRecord) -> bool:
    """Whether nothing but least squares was needed: no spatial parameter, no variance of random effects, no psi, no
    instruments."""
    s = fit._settings
    return not (is_spatial(fit) or by_random_ml(fit) or s.serial is not None or s.method == "gmm")


def is_spatial(fit: FitRecord) -> bool:
    """Whether the model has a spatial parameter and a likelihood."""
    return (fit.specification.lag or fit.specification.error) and fit._settings.method != "gmm"


def factor_in_words(fit: FitRecord, groups: str) -> str:
    """The small-sample factor of ``small_sample_factor``."""
    alone = is_spatial(fit) or fit._settings.method == "gmm"
    return f"factor {groups}/({groups}-1)" + ("" if alone else " (n-1)/(n-k)")
