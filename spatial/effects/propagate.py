"""Effects as functions of the parameters, and their derivatives.

The matrix of responses is A^-1 (c_0 I + c_1 W + c_2 W^2) with A = I - rho W and c = (beta, theta, theta_2), so that

    direct = sum_k c_k a_k,    a_k = tr(W^k A^-1) / N
    total  = sum_k c_k b_k,    b_k = 1'W^k A^-1 1 / N

With G = W A^-1 and A^-1 = I + rho G: a_0 = 1 + rho g, a_1 = g = tr(G) / N = -L'(rho) / N, and
rho a_2 = g - tr(W) / N. Another value of the parameters costs these few scalars, and no inverse.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np

from spillover.errors import SpatialInputError
from spillover.matrix import SeveralWeights

from ..logdet import Quadrature, logdet, period_logdet
from ..logdet.inverse import Inverse, inverse
from ..logdet.protocol import LogDeterminant
from ..records.regimes import RegimesRecord
from .curves import NODES, between_poles, distance

KINDS = ("direct", "indirect", "total")

CORE = 0.59  # share of the way from the estimate to the outermost node: beyond, the nodes carry 1e-5 of the weight
BEYOND = 1.35  # half-widths from a window's centre up to which its polynomial is read, at most
NEAR_ZERO = 1e-3  # share of rho's interval where a_2 is a power series: (g - tr W / N) / rho would cancel


class Averages:
    """a_k and b_k and their derivatives, for the W of one fit and k = 0 ... 1, or 2 with second-order lags.

    Where W varies over time: averages over all periods, or of one.
    """

    def __init__(self, fit, period=None):
        w = fit._design.weights
        self.orders = fit._design.wx_order
        self.weights = w if not w.varies else w.stacked if period is None else w[period]
        self.rho = fit.rho
        own = None if period is None else logdet(self.weights)
        self.logdet: LogDeterminant | None = (own or determinant(fit)) if fit.specification.lag else None

    @property
    def curve(self) -> LogDeterminant:
        """log|I - rho W| of a model with a lag: the effects of others do not depend on rho."""
        if self.logdet is None:
            raise ValueError("a model without a spatial lag has no log|I - rho W|")
        return self.logdet

    def at(self, rho: float) -> tuple[np.ndarray, np.ndarray]:
        """a and b, (orders + 1,) each."""
        g = self.weights.csr.trace() if self.logdet is None else -self.logdet.d1(rho)
        return self._a(float(g) / self.weights.n, rho), self.b(rho)

    def b(self, rho: float) -> np.ndarray:
        """Row sums of W standardised to one give 1 / (1 - rho) without a solve."""
        if self.weights.rows_sum_to_one:
            return np.full(self.orders + 1, 1 / (1 - rho))
        h = Inverse(self.weights, rho).solve(self._sums).mean(axis=0)
        return np.array([1 + rho * h[0], *h])

    def slopes(self, rho: float) -> tuple[np.ndarray, np.ndarray]:
        """da / drho and db / drho; that of W^k A^-1 is W^k A^-1 G."""
        g, dg = (float(-d(rho) / self.weights.n) for d in (self.curve.d1, self.curve.d2))
        da = [g + rho * dg, dg]
        if self.orders == 2:
            t = self._traces
            a2 = self._a(g, rho)[2]
            da.append(t[3] + 2 * rho * t[4] if abs(rho) < self._near else (dg - a2) / rho)
        if self.weights.rows_sum_to_one:
            return np.array(da), np.full(self.orders + 1, 1 / (1 - rho) ** 2)
        A_inverse = inverse(self.weights, rho)
        dh = A_inverse.solve(self.weights.csr @ A_inverse.solve(self._sums)).mean(axis=0)
        return np.array(da), np.array([self.b(rho)[1] + rho * dh[0], *dh])

    def over(self, low: float, high: float, nodes: int = NODES) -> Callable:
        """a and b, (orders + 1, Q), as a function of Q values of rho in [low, high]: exact where cheap, else
        interpolated.

        The log-determinant is settled on the core alone, which the search for rho has usually left behind: there the
        quadrature has its weight. A polynomial goes on beyond it, with a few digits less.
        """
        interval = self.curve.interval
        window = self.curve.near(*_core(low, high, self.rho, interval))
        reach = _reach(window.domain, interval)
        b = None if self.weights.rows_sum_to_one else between_poles(self.b, low, high, interval, nodes)

        def at(rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            near = np.clip(rho, *reach)  # which ends just before a pole: g times its distance goes on
            g = -window.d1(near) / self.weights.n
            beyond = near != rho
            g[beyond] *= (distance(near, interval) / distance(rho, interval))[beyond]
            ones = np.tile(1 / (1 - rho), (self.orders + 1, 1)) if b is None else b(rho).T
            return self._a(g, rho), ones

        return at

    def many(self, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """a and b, (orders + 1, Q)."""
        return self.over(rho.min(), rho.max())(rho)

    def _a(self, g, rho) -> np.ndarray:
        if self.orders == 1:
            return np.array([1 + rho * g, g])
        t, small = self._traces, np.abs(rho) < self._near
        series = t[2] + rho * (t[3] + rho * t[4])
        return np.array([1 + rho * g, g, np.where(small, series, (g - t[1]) / np.where(small, 1.0, rho))])

    @property
    def _near(self) -> float:
        return NEAR_ZERO * (1.0 if self.logdet is None else min(np.abs(self.logdet.interval)))

    @cached_property
    def _sums(self) -> np.ndarray:
        """W 1 and W^2 1, (N, orders)."""
        sums = [self.weights.row_sums]
        return np.column_stack(sums + [self.weights.csr @ sums[0]] * (self.orders == 2))

    @cached_property
    def _traces(self) -> np.ndarray:
        """tr(W^k) / N for k = 0 ... 4."""
        W = self.weights.csr
        W2 = W @ W
        pairs = ((W, W), (W2, W), (W2, W2))
        return np.array([W.shape[0], W.trace(), *((x * y.T).sum() for x, y in pairs)]) / W.shape[0]

    def error(self, rho: float) -> float:
        """Monte Carlo standard error of g: zero unless the log-determinant itself is stochastic."""
        return float(self.logdet.error(rho, 1)) / self.weights.n if isinstance(self.logdet, Quadrature) else 0.0


def _core(low: float, high: float, rho: float, interval) -> tuple[float, float]:
    """The part of [low, high] with all but 1e-5 of the distribution around rho; an end at a bound of rho stays."""
    width = 1e-9 * (high - low)
    inner = max(low, rho - CORE * (rho - low)), min(high, rho + CORE * (high - rho))
    return (low if low <= interval[0] + width else inner[0]), (high if high >= interval[1] - width else inner[1])


def _reach(domain, interval) -> tuple[float, float]:
    """Where a polynomial on the domain keeps half of its digits, given poles at the ends of the interval.

    Coefficients fall as r^-k, r the size of the Bernstein ellipse through the nearest pole, and T_k grows as r^(k/2) on
    the ellipse of size r^(1/2).
    """
    centre, half = (domain[1] + domain[0]) / 2, (domain[1] - domain[0]) / 2
    room = min(centre - interval[0], interval[1] - centre) / half if half > 0 else 1.0
    if not 1 < room < np.inf:
        return domain
    root = np.sqrt(room + np.sqrt(room**2 - 1))
    share = min(BEYOND, (root + 1 / root) / 2)
    return centre - share * half, centre + share * half


def trace_errors(fit, variables) -> np.ndarray:
    """Monte Carlo standard errors of the direct (and so of the indirect) effects, |c_0 rho + c_1 + c_2 / rho| times
    that of g: zero unless the determinant is stochastic."""
    error = Averages(fit).error(fit.rho) if fit.specification.lag else 0.0
    if not error:
        return np.zeros(len(variables))
    c = selectors(fit, variables) @ fit.params.to_numpy()
    return np.abs(fit.rho ** (1.0 - np.arange(len(c))) @ c) * error


def determinant(fit):
    """The log-determinant that the fit used; of W by the usual method where it used none."""
    part = getattr(fit._sample, "lag", None)
    if isinstance(fit._design.weights, SeveralWeights):
        raise SpatialInputError("E324", "this needs the determinant of one W, and the model has several",
                                hint="fit.effects(), its by_channel(), shock() and by_unit() are there for several")
    if isinstance(fit, RegimesRecord) and (fit.by_likelihood or fit.n_rhos > 1):
        raise SpatialInputError("E324", "this needs the determinant of one rho, and the model has regimes",
                                hint="fit.effects(), its by_receiver(), shock() and by_unit() are there for regimes")
    if part is None:
        return (period_logdet if fit._design.weights.varies else logdet)(fit._design.weights)
    return getattr(part.logdet, "plain", part.logdet)


def combine(params, rho, averages, picks):
    """(draws, 3, variables) from (draws, p) parameters."""
    a, b = averages.at(rho) if np.ndim(rho) == 0 else averages.many(rho)
    c = [params @ pick.T for pick in picks]
    direct, total = (sum(c_k * np.reshape(x_k, (-1, 1)) for c_k, x_k in zip(c, x)) for x in (a, b))
    return np.stack([direct, total - direct, total], axis=1)


def delta_errors(fit, averages, picks):
    """sqrt(J V J') with J the derivatives of the effects with respect to the parameters."""
    params, rho = fit.params.to_numpy(), fit.rho
    direct, total = (np.tensordot(x, picks, 1) for x in averages.at(rho))
    if fit.specification.lag:
        da, db = averages.slopes(rho)
        r = fit.params.index.get_loc("rho")
        direct[:, r] += da @ (picks @ params)
        total[:, r] += db @ (picks @ params)
    V = fit.vcov.to_numpy()
    return np.array([np.sqrt(np.einsum("ij,jk,ik->i", J, V, J)) for J in (direct, total - direct, total)])


def selectors(fit, variables) -> np.ndarray:
    """(orders + 1, variables, parameters): what picks beta_r, theta_r (and theta_2r); 0 where absent."""
    place = {name: i for i, name in enumerate(fit.params.index.tolist())}
    picks = np.zeros((fit._design.wx_order + 1, len(variables), len(place)))
    for row, name in enumerate(variables):
        for k, term in enumerate((name, f"W:{name}", f"W2:{name}")[: len(picks)]):
            if term in place:
                picks[k, row, place[term]] = 1
    return picks


def spatial_places(fit) -> np.ndarray:
    """What picks rho, tau and eta out of the parameters, (3, p); zeros where there is none."""
    response, names = fit._design.response, fit.params.index.tolist()
    terms = "rho", f"lag({response})", f"W:lag({response})"
    return np.array([[float(name == term) for name in names] for term in terms])
