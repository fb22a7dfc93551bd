"""Effects as functions of the parameters, and their uncertainty by draws or by the delta method.

With G = W (I - rho W)^-1 and (I - rho W)^-1 = I + rho G the averages of S_r are linear in beta and theta:

    direct = beta (1 + rho g) + theta g,    g = tr(G) / N = -L'(rho) / N
    total  = beta (1 + rho h) + theta h,    h = 1'G 1 / N

so a draw of the parameters costs two scalars, g(rho) and h(rho), and no inverse.
"""

from __future__ import annotations

import numpy as np

from spillover.errors import SpatialInputError

from .._inverse import Inverse, inverse
from .._logdet import Quadrature, logdet

NODES = 16  # Chebyshev nodes of h(rho) over the draws


class Averages:
    """g(rho) = tr(G) / N and h(rho) = 1'G 1 / N, and their derivatives, for the W of one fit."""

    def __init__(self, fit):
        self.weights = fit.design.weights
        self.logdet = determinant(fit) if fit.specification.lag else None

    def at(self, rho: float) -> tuple[float, float]:
        g = self.weights.csr.trace() if self.logdet is None else -self.logdet.d1(rho)
        return float(g) / self.weights.n, self.h(rho)

    def h(self, rho: float) -> float:
        """Row sums of W standardised to one give 1 / (1 - rho) without a solve."""
        if self.weights.rows_sum_to_one:
            return 1 / (1 - rho)
        return float(Inverse(self.weights, rho).solve(self.weights.row_sums).mean())

    def slopes(self, rho: float) -> tuple[float, float]:
        """g'(rho) = tr(G^2) / N, h'(rho) = 1'G G 1 / N."""
        dg = float(-self.logdet.d2(rho) / self.weights.n)
        if self.weights.rows_sum_to_one:
            return dg, 1 / (1 - rho) ** 2
        A_inverse = inverse(self.weights, rho)
        return dg, float(A_inverse.solve(self.weights.csr @ A_inverse.solve(self.weights.row_sums)).mean())

    def many(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """g and h at many rho: exact where cheap, else by Chebyshev interpolation over their range."""
        lo, hi = rho.min(), rho.max()
        g = -self.logdet.near(lo, hi).d1(rho) / self.weights.n
        if self.weights.rows_sum_to_one:
            return g, 1 / (1 - rho)
        h = np.polynomial.Chebyshev.interpolate(np.vectorize(self.h), NODES, domain=[lo, max(hi, lo + 1e-9)])
        return g, h(rho)

    def error(self, rho: float) -> float:
        """Monte Carlo standard error of g: zero unless the log-determinant itself is stochastic."""
        return float(self.logdet.error(rho, 1)) / self.weights.n if isinstance(self.logdet, Quadrature) else 0.0


def determinant(fit):
    """The log-determinant that the fit used; of W by the usual method where it used none."""
    part = getattr(fit.sample, "lag", None)
    return logdet(fit.design.weights) if part is None else part.logdet


def combine(params, rho, averages, picks):
    """(draws, 3, variables) from (draws, p) parameters."""
    pick_beta, pick_theta = picks
    beta, theta = params @ pick_beta.T, params @ pick_theta.T
    g, h = averages.at(rho) if np.ndim(rho) == 0 else averages.many(rho)
    g, h, rho = (np.reshape(v, (-1, 1)) for v in (g, h, rho))
    direct = beta * (1 + rho * g) + theta * g
    total = beta * (1 + rho * h) + theta * h
    return np.stack([direct, total - direct, total], axis=1)


def draw(fit, averages, picks, draws, seed):
    """Effects at draws from the parameters' normal distribution, rho kept inside its interval."""
    mean, cov = fit.params.to_numpy(), fit.vcov.to_numpy()
    scale = np.sqrt(np.diag(cov))
    values, vectors = np.linalg.eigh(cov / np.outer(scale, scale))
    root = scale[:, None] * vectors * np.sqrt(np.clip(values, 0, None))
    normal = np.random.default_rng(seed).standard_normal((draws, len(mean)))
    sample = mean + normal @ root.T
    if not fit.specification.lag:
        return combine(sample, 0.0, averages, picks)
    rho = sample[:, fit.params.index.get_loc("rho")]
    lo, hi = averages.logdet.interval
    inside = (rho > lo) & (rho < hi)
    if inside.mean() < 0.5:
        raise SpatialInputError("E701", f"{(~inside).sum()} of {draws} draws of rho leave ({lo:.4g}, {hi:.4g})",
                                hint="the estimate is too close to the edge of the interval")  # fmt: skip
    return combine(sample[inside], rho[inside], averages, picks)


def delta_errors(fit, averages, picks):
    """sqrt(J V J') with J the derivatives of the effects with respect to the parameters."""
    pick_beta, pick_theta = picks
    params, rho = fit.params.to_numpy(), fit.rho
    beta, theta = pick_beta @ params, pick_theta @ params
    g, h = averages.at(rho)
    direct = pick_beta * (1 + rho * g) + pick_theta * g
    total = pick_beta * (1 + rho * h) + pick_theta * h
    if fit.specification.lag:
        dg, dh = averages.slopes(rho)
        r = fit.params.index.get_loc("rho")
        direct[:, r] += beta * (g + rho * dg) + theta * dg
        total[:, r] += beta * (h + rho * dh) + theta * dh
    V = fit.vcov.to_numpy()
    return np.array([np.sqrt(np.einsum("ij,jk,ik->i", J, V, J)) for J in (direct, total - direct, total)])


def selectors(fit, variables):
    """Matrices that pick beta_r and theta_r of every variable from the parameters; 0 where absent."""
    place = {name: i for i, name in enumerate(fit.params.index)}
    beta, theta = np.zeros((2, len(variables), len(place)))
    for row, name in enumerate(variables):
        beta[row, place[name]] = 1
        if f"W:{name}" in place:
            theta[row, place[f"W:{name}"]] = 1
    return beta, theta
