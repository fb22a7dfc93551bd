"""Strength and validity of the instruments of a dynamic panel, in the equations without unit effects.

    D y = D Z b + D v,    instruments H

The first stage regresses every column of D Z that H does not span on H; errors may be correlated within units, as those
of first differences are.
"""

from __future__ import annotations

import re

import numpy as np

from spillover.errors import SpatialInputError

from ..covariance.moments import by_moments
from ..design.design import Design
from ..design.dynamic_effects import leave_by_means
from ..design.past import past_columns
from ..design.regimes import RegimeDesign
from ..records.fit import FitRecord
from ..records.tests import TestResult
from ..solve.gmm_dynamic import DynamicMoments, PanelGMM
from ..solve.gmm_exogeneity import exogeneity
from .stages import Stages, identification, lags_of_response

LAGGED = re.compile(r"^W\d*(_\d+)?:")
INSIDE = 1e-8  # relative distance to the span of the instruments


def of_dynamic(fit: FitRecord) -> tuple[TestResult, ...]:
    """First stages, Hansen's J of the two-step estimate, and Arellano & Bond's tests of serial correlation."""
    gmm = _gmm(fit)
    names = ("first", "second")
    serial = [TestResult(f"AR({k})", z, None, f"no {names[k - 1]}-order correlation of the differenced error")
              for k, z in enumerate(gmm.serial, 1) if np.isfinite(z)]  # fmt: skip
    extra = gmm.instruments - len(gmm.coef)
    hansen = TestResult("Hansen J", gmm.hansen, extra, "the instruments are unrelated to the error")
    return (*[hansen] * (extra > 0), *serial, *_first_stages(_stages(fit, gmm)))


def exogeneity_of_regressors(fit: FitRecord) -> list[TestResult]:
    """Each regressor of endog= and predetermined= with its lags, and all of them.

    Raises
    ------
    SpatialInputError
        E501 where there are none, E704 too many instruments.
    """
    gmm, sample = _gmm(fit), by_moments(fit)[0]
    past = {column.name for column in past_columns(fit._design)}
    terms = _terms(fit._design)
    columns: dict[str, list[int]] = {}
    for j, name in enumerate(sample.names):
        if not sample.exogenous[j] and name not in past:
            columns.setdefault(LAGGED.sub("", terms.get(name, name)), []).append(j)
    if not columns:
        raise SpatialInputError("E501", "endogeneity_test needs regressors that endog= or predetermined= names, and "
                                f"{fit.specification.name} has none", hint="endog=['x']")  # fmt: skip
    tests = dict(columns)
    if len(columns) > 1:
        tests |= {", ".join(columns): [j for places in columns.values() for j in places]}
    out = []
    for name, places in tests.items():
        C, df = exogeneity(gmm.system, places)
        out.append(TestResult(f"difference in Hansen J of {name}", C, df, f"{name} strictly exogenous"))
    return out


def _terms(d: Design) -> dict[str, str]:
    """The term of every column by regime."""
    split = d.split if isinstance(d, RegimeDesign) else None
    return {} if split is None else {name: term for term, names in split.columns.items() for name in names}


def _gmm(fit: FitRecord) -> PanelGMM:
    if not isinstance(fit._solution, DynamicMoments):
        raise TypeError("a dynamic model by moments has a solution of its own")
    return fit._solution.gmm


def _stages(fit: FitRecord, gmm: PanelGMM) -> Stages:
    """D y, the columns of D Z that are not their own instruments, and what the other instruments add."""
    s, d = gmm.system, fit._design
    R, N, q = s.H.shape
    H, Z, y = s.H.reshape(-1, q), s.DZ.reshape(R * N, -1), s.Dy.ravel()
    left = np.linalg.norm(Z - H @ (H.T @ Z), axis=0)
    own = left <= INSIDE * np.linalg.norm(Z, axis=0)
    Qx = np.linalg.qr(Z[:, own])[0]
    excluded = np.linalg.svd(H.T @ Qx)[0][:, Qx.shape[1] :]  # within H, orthogonal to what Qx spans
    names = (*by_moments(fit)[0].names, *lags_of_response(fit))
    rows = s.rows - (d.n_periods - 1) * leave_by_means(d, fit._settings.effects)  # else they have columns

    def without(values):
        return values - Qx @ (Qx.T @ values)

    return Stages(without(y), without(Z[:, ~own]), tuple(n for n, o in zip(names, own) if not o), H @ excluded,
                  y - Z @ gmm.coef, rows - q, np.tile(np.arange(N), R))  # fmt: skip


def _first_stages(s: Stages) -> list[TestResult]:
    """F of the excluded instruments in each first stage, and Kleibergen & Paap's statistics."""
    explained = s.Z.T @ s.Y
    rest = s.Y - s.Z @ explained
    null = f"the excluded instruments explain nothing, {s.errors}"
    out = []
    for name, g, v in zip(s.names, explained.T, rest.T):
        wald = float(g @ np.linalg.solve(s.variance(s.Z * v[:, None]), g))
        out.append(TestResult(f"first-stage F of {name}", s.F(wald), (s.L, s.left), null))
    return [*out, *identification(s)[1:]]
