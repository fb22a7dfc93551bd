"""Inference under spatial correlation of unknown form, by spatial correlation principal components."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from spillover.errors import SpatialInputError

from ..design.obs_weights import refuse_weighted
from ..records.fit import FitRecord
from ..solve.gmm import basis, regressors, two_stage
from .components import Components, components
from .moments import by_moments
from .places import coordinates
from .sandwich import least_squares


@dataclass(frozen=True, eq=False)
class SCPC:
    """Inference under spatial correlation of unknown form: for least squares and two-stage least squares.

    Parameters
    ----------
    avc : float
        Average correlation of two units, in the strongest correlation that intervals allow for: above 0, below 1.
    coords : GeoDataFrame, DataFrame of longitude and latitude, or (N, 2) array; optional
        As for ``Conley``.

    Notes
    -----
    ``spatial.covariance.components`` has the method. Every coefficient has its own critical value; its standard error
    is the width of its 95 % interval over ``2 t_.975(q)``, so that t(q) gives that interval. Scores of a panel are
    added up over a unit's periods. For the slope of a regression on 200 places, correlation ranging to 0, 75, 150 and
    300 km, intervals cover 96, 95, 95 and 85 % where Conley's with 200 km cover 93, 85, 77 and 61.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> states, panel = shapefiles.load("us_states"), shapefiles.load_panel("us_states")
    >>> fit = sp.ols("log(gsp) ~ log(emp) + unemp", panel[panel["year"] == 1986], wt.queen(states), entity="state",
    ...              vcov=sp.SCPC(coords=states))
    >>> fit.df_resid, fit.conf_int().loc["unemp"].round(4).to_list()
    (7, [0.0006, 0.0373])
    """

    avc: float = 0.03
    coords: object = field(default=None, repr=False)

    def __post_init__(self):
        if not 0 < self.avc < 1:
            raise SpatialInputError("E501", f"avc={self.avc!r} must lie between 0 and 1, as in 0.03",
                                    hint="give a share such as 0.03")

    def covariance(self, fit: FitRecord) -> np.ndarray:
        refuse_weighted(fit._design.obs_weights, "SCPC", "sp.Conley(cutoff=...) or vcov='robust'")
        T, Z = influence(fit)
        at = self._components(fit)
        sums = fit._design.panel(T * fit._solution.resid[:, None])
        along = np.sqrt(fit._design.n_units) * at.R[:, 1:].T @ np.nan_to_num(sums).sum(axis=0)
        width = np.array([at.conditional(self._directions(fit, at, column, T, Z)) for column in T.T])
        scale = width / critical_value_of_t(at.q)
        return np.outer(scale, scale) * (along.T @ along) / at.q

    def df(self, fit: FitRecord) -> int:
        return self._components(fit).q

    def describe(self, fit: FitRecord) -> str:
        return f"SCPC (average correlation up to {self.avc:g}, {self.df(fit)} components)"

    def _components(self, fit: FitRecord) -> Components:
        refuse_likelihood(fit)
        points = coordinates(fit._design, self.coords)
        return _cached_components(points.tobytes(), len(points), self.avc)

    def _directions(self, fit: FitRecord, at: Components, column, T, Z) -> np.ndarray:
        """What the coefficient's t statistic makes of the errors, (T, N, 1 + q).

        Its numerator is T_k'u. r_j'(T_k e) with residuals e = (I - Z T')u is (T_k r_j)'(I - Z T')u; where there are
        effects their means are out of T_k r_j too.
        """
        d = fit._design
        weighted = d.rows(np.broadcast_to(at.R[:, 1:], (*d.y.shape, at.q))) * column[:, None]
        weighted = d.rows(d.within(d.panel(weighted), fit._settings.effects))
        weighted = weighted - T @ (Z.T @ weighted)
        both = np.column_stack([column / np.sqrt(d.n_units), weighted])
        return np.nan_to_num(d.panel(both))


@lru_cache(maxsize=4)
def _cached_components(points: bytes, n: int, avc: float) -> Components:
    return components(np.frombuffer(points).reshape(n, 2), avc)


def critical_value_of_t(q: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(q, 0.975))


def influence(fit: FitRecord) -> tuple[np.ndarray, np.ndarray]:
    """T and Z, (m, p): the estimate is its truth plus T'u, its residuals are (I - Z T') u."""
    if fit._settings.method == "gmm":
        sample, _ = by_moments(fit)
        Z = regressors(sample)
        return two_stage(sample.y, Z, basis(sample)).T, Z
    Q, R = np.linalg.qr(fit._sample.X)
    return Q @ np.linalg.inv(R).T, fit._sample.X


def refuse_likelihood(fit: FitRecord) -> None:
    """Maximum likelihood of a spatial lag or error is biased by the correlation that SCPC allows for.

    Raises
    ------
    SpatialInputError
        E501.
    """
    gmm = fit._settings.method == "gmm"
    if (gmm and (fit.specification.error or fit._design.lags)) or (not gmm and not least_squares(fit)):
        raise SpatialInputError(
            "E501",
            f"SCPC is for least squares and two-stage least squares, not for {fit.specification.name} by "
            f"{'moments of its error' if gmm else 'maximum likelihood'}: errors correlated over space bias its rho and "
            "lambda themselves",
            hint="ols, slx, or sar and sdm with method='gmm'",
        )
