"""A model with outcomes that are not observed, written as one of all units whose effects are projected off.

With y_m and the effects as coefficients of G = [C_m, C_o D_o] (``solve.missing_problem``) residuals are e = M eps, M
the projection off G, and eps are independent over all units, those without y among them. At the conditional means v of
y less its effects

    -de/d(beta, rho, lambda) = M [B X, B W v, M_e u],    u = A v - X beta,   e = B u

so that the score is the linear-quadratic form eps'M F M eps of ``effects_columns``, with G in the place of B D: pairs
of groups and leverage follow. The information is that of what is observed, sigma2 among its parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from spillover.errors import SpatialInputError

from ..design.arrays import Sample
from ..design.design import Design
from ..design.several import SeveralDesign
from ..records.fit import FitRecord
from ..records.missing import MissingRecord
from ..solve.missing_problem import MissingProblem
from ..solve.ml import Solution

SIZE_MAX = 1e7  # elements of V


@dataclass(frozen=True, eq=False)
class Completed(Solution):
    """The maximum with its residuals of all rows.

    Attributes
    ----------
    V : (T N, g), an orthonormal basis of G
    information : of (beta, rho, lambda, sigma2)
    """

    V: np.ndarray = field(kw_only=True, repr=False)
    information: np.ndarray = field(kw_only=True, repr=False)


def completed_view(fit: MissingRecord) -> FitRecord:
    """The fit over all rows; of least squares over the rows with y, since others say nothing.

    Raises
    ------
    SpatialInputError
        E309 for a matrix G of more than ten million elements.
    """
    refuse_several(fit)
    own = _columns_of_one(fit._design)
    if not fit._sample.parts:
        return _least_squares(fit, Design(**own | {"observed": fit._design.seen}))
    spec, s, at = fit.specification, fit._sample, fit._solution
    projection, _ = s.at(np.array([at.rho] * spec.lag + [at.lam] * spec.error))
    columns = projection.G.shape[1] + projection.D.shape[1]
    if columns * len(at.errors) > SIZE_MAX:
        raise SpatialInputError("E309", f"this variance by groups needs a dense matrix of {len(at.errors):,} rows and "
                                f"{columns:,} outcomes and effects", n=columns, hint="vcov='oim'")  # fmt: skip
    G = projection.G if isinstance(projection.G, np.ndarray) else projection.G.toarray()
    filled, level = projection.completed
    parts = _columns(s.problem, filled - level)
    sample = Sample(n=s.n, lag=s.lag, error=s.error, names=s.names, **parts)  # type: ignore[arg-type]
    e, s2 = projection.resid, at.sigma2
    moving = [sample.BWy(at.lam)] * spec.lag
    if spec.error:
        moving.append(sample.error_lag_of_y - at.rho * sample.error_lag_of_Wy - sample.error_lag_of_X @ at.beta)
    information = _with_sigma2(at.covariance, np.concatenate([np.zeros(s.X.shape[1]), np.array(moving) @ e]), s2, s.n)
    solution = Completed(at.beta, at.rho, at.lam, s2, at.loglik, e, information=information,
                         V=np.linalg.qr(np.column_stack([G, projection.D]))[0])  # fmt: skip
    return _with(fit, Design(**own | {"y": filled.reshape(own["y"].shape)}), sample, solution)


def refuse_several(fit: MissingRecord) -> None:
    """E501 where the score is not that of one rho and one lambda."""
    problem = fit._sample.problem
    if problem.plain:
        return
    why = ("several rho or lambda" if max(len(problem.W), len(problem.M)) > 1 else "serial='ar1'" if problem.serial
           else f"effects={fit._settings.effects.name!r}" + " under W that varies" * fit._design.varies)  # fmt: skip
    raise SpatialInputError("E501", f"variances by groups are not there for missing='model' with {why}",
                            hint="vcov='oim'")  # fmt: skip


def _columns(p: MissingProblem, v: np.ndarray) -> dict[str, Any]:
    """v less the offset, X, W v and their lags by M, times the roots of weights of observations."""
    own = v if p.offset is None else v - p.offset
    parts: dict[str, Any] = {"y": own, "X": p.X}
    for W in p.W:
        parts["Wy"] = W @ v
    for M in p.M:
        parts |= {"My": M @ own, "MX": M @ p.X} | ({"MWy": M @ parts["Wy"]} if p.W else {})
    return parts if p.root is None else {name: (p.root * values.T).T for name, values in parts.items()}


def _with_sigma2(covariance: np.ndarray, cross: np.ndarray, s2: float, n: int) -> np.ndarray:
    """The information whose inverse has the given block of (beta, rho, lambda); ``cross`` is -de/d(...)'e."""
    c, own = cross / s2**2, n / (2 * s2**2)
    return np.block([[np.linalg.inv(covariance) + np.outer(c, c) / own, c[:, None]], [c[None], np.array([[own]])]])


def _least_squares(fit: MissingRecord, d: Design) -> FitRecord:
    effects, s, at = fit._settings.effects, fit._sample, fit._solution
    if d.obs_weights is not None and d.observed is not None:
        d = replace(d, obs_weights=replace(d.obs_weights, values=np.where(d.observed, d.obs_weights.values, np.nan)))
    X, y = (d.rows(d.within(values, effects)) for values in (s.X.reshape(*d.y.shape, -1), d.y))
    sample = Sample(y=d.root * y, X=d.root[:, None] * X, n=s.n, names=s.names)
    e = sample.y - sample.X @ at.beta
    return _with(fit, d, sample, Solution(at.beta, 0.0, 0.0, float(e @ e) / s.n, at.loglik, e))


def _columns_of_one(d: Design) -> dict[str, Any]:
    """The fields of a design with one W of the lag, and one of the error."""
    own = {one.name: getattr(d, one.name) for one in fields(Design)}
    if not isinstance(d, SeveralDesign):
        return own
    matrices, lag, error = d.weights.matrices, d.weights.lag or (0,), d.weights.error or (0,)
    return own | {"weights": matrices[lag[0]], "error_weights": matrices[error[0]]}


def _with(fit: MissingRecord, d: Design, sample: Sample, solution: Solution) -> FitRecord:
    """As a fit of one W whose outcomes are all observed."""
    own = {one.name: getattr(fit, one.name) for one in fields(FitRecord)}
    return FitRecord(**own | {"_design": d, "_sample": sample, "_solution": solution})
