"""The coefficients' distribution given the spatial parameters, at the nodes of a quadrature over these.

The estimates theta are taken as normal with covariance V (or t with df degrees of freedom). With q = R theta the
spatial parameters and V_q = R V R',

    theta | q  ~  N(theta^ + G (q - q^), C),    G = V R' V_q^-1,    C = V - G R V

For the t distribution given d parameters at the squared distance z'z, C is multiplied by (df + z'z) / (df + d) and the
degrees of freedom are df + d. q itself is summed over by Gauss-Legendre on panels that end at the bounds of q, and at
zero where the conditional spread of an effect can vanish (indirect effects of SAR and SAC at rho = 0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy.special import ndtr, ndtri, roots_legendre, stdtr, stdtrit

from spillover.errors import SpatialInputError

from .mixture import Mixture
from .t_distribution import t_cdf

REACH = 7.5  # standard errors of a spatial parameter that are summed over: 6e-14 of the mass lies outside
FEWEST = 6  # nodes of a panel, however short
NEARLY_NORMAL = 100  # degrees of freedom from which Gauss-Hermite serves the t distribution
LIGHT = 1e-9  # weight below which a node of several parameters is left out: together less than 1e-6
LATTICE = 1021, 94  # points and generator: the best of its size by the worst-case error P_2 in three dimensions
WIDEN_FACTOR = 1.15  # the lattice's spread over that of the distribution: more points in the tails
SINGULAR = 1e-12  # share of its variance that a spatial parameter keeps given the others, below which it is fixed


@dataclass(frozen=True, eq=False)
class Given:
    """Parameters (p,) given d spatial parameters at Q nodes.

    Attributes
    ----------
    weights : ndarray, shape (Q,)
        Probabilities of the nodes, summing to one.
    points : ndarray, shape (Q, d)
        The spatial parameters there.
    panels : ndarray, shape (Q,)
    params, slope, covariance : ndarrays, shapes (p,), (p, d), (p, p)
        theta^, G and C.
    centre : ndarray, shape (d,)
        q^.
    scale : ndarray, shape (Q,)
        Factors of the standard deviations; ones for the normal distribution.
    df, df_reference : float or None
        Given q, and of the fit.
    inside : float
        Probability of the bounds.
    distance : ndarray, shape (Q,)
        Of the nodes from the estimates, squared, in standard errors.
    """

    weights: np.ndarray
    points: np.ndarray
    panels: np.ndarray
    params: np.ndarray
    slope: np.ndarray
    covariance: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    df: float | None
    df_reference: float | None
    inside: float
    distance: np.ndarray

    def linear(self, curves: np.ndarray, picks: np.ndarray) -> Mixture:
        """The distribution of effects sum_k curves[k] (picks[k] theta).

        Parameters
        ----------
        curves : ndarray, shape (Q, K, J)
            Their coefficients at the nodes.
        picks : ndarray, shape (K, V, p)

        Returns
        -------
        Mixture of J V effects, those of one j side by side
        """
        K = len(picks)
        tilt = picks @ self.slope
        at_nodes = picks @ self.params + np.einsum("qd,kvd->qkv", self.points - self.centre, tilt)
        means = np.einsum("qkj,qkv->qjv", curves, at_nodes)
        variances = 0.0
        for k in range(K):
            for m in range(k + 1):
                cross = ((picks[k] @ self.covariance) * picks[m]).sum(axis=1) * (1 + (m < k))
                variances = variances + (curves[:, k] * curves[:, m])[..., None] * cross
        sds = np.sqrt(np.maximum(variances, 0)) * self.scale[:, None, None]
        size = len(self.weights), -1
        return Mixture(self.weights, means.reshape(size), sds.reshape(size), self.df, self.panels, self.df_reference)

    def refuse_outside(self) -> Given:
        """Raises E701 when less than half of the distribution is admissible."""
        if not self.inside >= 0.5:
            raise SpatialInputError("E701", f"{1 - self.inside:.0%} of the distribution of rho lies outside its "
                                    "admissible interval", hint="the estimate is too close to the edge: "
                                    "fit.tidy() has the coefficients")  # fmt: skip
        return self

    def thinned(self, keep: np.ndarray) -> Given:
        """Without the nodes that are not admissible."""
        left = float(self.weights[keep].sum())
        kept = {name: getattr(self, name)[keep] for name in ("points", "panels", "scale", "distance")}
        return replace(self, weights=self.weights[keep] / max(left, 1e-300), inside=self.inside * left, **kept)


def given_nothing(params: np.ndarray, V: np.ndarray, df: float | None) -> Given:
    """Of a model without a spatial lag: one node."""
    p = len(params)
    none = np.zeros((1, 0))
    one, zero = np.ones(1), np.zeros(1)
    return Given(one, none, zero, params, np.zeros((p, 0)), V, np.zeros(0), one, df, df, 1.0, zero)


def given_spatial(
    params: np.ndarray, V: np.ndarray, R: np.ndarray, df: float | None, sizes: Sequence[int],
    bounds: tuple[float, float], splits: Sequence[float] = (), admissible: Callable | None = None,
) -> Given:  # fmt: skip
    """Nodes of d spatial parameters R theta.

    Parameters
    ----------
    params, V, df
        Estimates (p,), their covariance and degrees of freedom, None for normal ones.
    R : ndarray, shape (d, p)
    sizes : d numbers of nodes
    bounds : (low, high)
        Of the first spatial parameter.
    splits : sequence of float
        Values of the first parameter at which a panel ends.
    admissible : function from points (Q, d) to a mask, optional
        What the bounds of the first parameter alone do not say.
    """
    root = _root(R @ V @ R.T)
    centre = R @ params
    # 1. Standardized nodes, one parameter after the other: each given those before it.
    weights, z, panels = np.ones(1), np.zeros((1, 0)), np.zeros(1, dtype=int)
    inside = 1.0
    for j, size in enumerate(sizes):
        x, w, panel, mass = np.zeros(1), np.ones(1), np.zeros(1, dtype=int), 1.0
        if root[j, j] and j == 0:
            low, high, *cuts = (np.array([*bounds, *splits]) - centre[0]) / root[0, 0]
            x, w, panel, mass = standard_rule(df, low, high, size, cuts)
        elif root[j, j]:
            x, w, panel, mass = unbounded_rule(None if df is None else df + j, size)
        inside = inside * mass
        new = np.multiply.outer(_stretch(z, df), x)
        z = np.column_stack([np.repeat(z, len(x), axis=0), new.ravel()])
        weights = np.multiply.outer(weights, w).ravel()
        panels = np.repeat(np.arange(len(panels)) if j else panels, len(x)) * (panel.max() + 1) + np.tile(
            panel, len(panels))  # fmt: skip
    if len(sizes) > 1:
        heavy = weights > LIGHT
        weights, z, panels = weights[heavy] / weights[heavy].sum(), z[heavy], panels[heavy]
    conditional = _conditional(params, V, R, df, root, z, weights, panels, inside)
    return conditional if admissible is None else conditional.thinned(admissible(conditional.points))


def given_lattice(params: np.ndarray, V: np.ndarray, R: np.ndarray, df: float | None, bounds) -> Given:
    """The same for three or more spatial parameters, at the points of a rank-one lattice (Korobov 1959): whichever
    direction an effect depends on most, the nodes are dense along it."""
    size, generator = LATTICE
    steps = np.array([pow(generator, j, size) for j in range(len(R))])
    u = np.arange(size)[:, None] * steps % size / size + 0.5 / size
    root, centre = _root(R @ V @ R.T), R @ params
    inside, z, log_weights = 1.0, np.zeros((len(u), 0)), np.zeros(len(u))
    for j in range(len(R)):
        if not root[j, j]:
            z = np.column_stack([z, np.zeros(len(u))])
            continue
        freedom, ends = None if df is None else df + j, np.array([-np.inf, np.inf])
        if j == 0:
            ends = (np.array(bounds) - centre[0]) / root[0, 0]
            inside = float(np.diff(t_cdf(ends, df))[0])
        low, high = t_cdf(ends / WIDEN_FACTOR, freedom)  # points are spread a little wider than the distribution
        own = low + (high - low) * u[:, j]
        x = ndtri(own) if df is None else stdtrit(freedom, own)
        log_weights += _log_density(WIDEN_FACTOR * x, freedom) - _log_density(x, freedom)
        z = np.column_stack([z, _stretch(z, df) * WIDEN_FACTOR * x])
    weights = np.exp(log_weights - log_weights.max())
    return _conditional(params, V, R, df, root, z, weights / weights.sum(), np.arange(len(u)), inside)


def _log_density(x: np.ndarray, df: float | None) -> np.ndarray:
    """Of a standard normal or t variable, but for a constant."""
    return -x * x / 2 if df is None else -(df + 1) / 2 * np.log1p(x * x / df)


def _stretch(z: np.ndarray, df: float | None) -> np.ndarray:
    """What the next standardized t variable is multiplied with, given those before it."""
    return np.ones(len(z)) if df is None else np.sqrt((df + (z**2).sum(axis=1)) / (df + z.shape[1]))


def _conditional(params, V, R, df, root, z, weights, panels, inside) -> Given:
    """Everything else given the nodes."""
    if len(R) == 1:
        slope = V @ R.T / (root[0, 0] ** 2 or np.inf)
    else:
        pinned = np.linalg.pinv(root)
        slope = V @ R.T @ pinned.T @ pinned
    free = int(np.count_nonzero(np.diag(root)))
    distance = (z**2).sum(axis=1)
    scale = np.ones(len(z)) if df is None else np.sqrt((df + distance) / (df + free))
    centre = R @ params
    return Given(weights, centre + z @ root.T, panels, params, slope, V - slope @ R @ V, centre, scale,
                 None if df is None else df + free, df, inside, distance)  # fmt: skip


def span(centre: float, error: float, df: float | None, bounds: tuple[float, float]) -> tuple[float, float]:
    """The part of the bounds that the nodes lie in."""
    end = REACH if df is None else np.sqrt(df) * np.sinh(_end(df))
    return max(bounds[0], centre - end * error), min(bounds[1], centre + end * error)


def _end(df: float) -> float:
    """Where cosh^-df is as small as the normal density at ``REACH``."""
    return float(np.arccosh(np.exp(REACH**2 / 2 / df)))


def standard_rule(
    df: float | None, low: float, high: float, size: int, cuts: Sequence[float]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Nodes, weights (summing to one), panels and the mass of a standard normal or t variable on (low, high).

    For the t distribution x = sqrt(df) sinh(v), in which the density is cosh(v)^-df: as short as the normal one.
    """
    def transform(x):
        return x if df is None else np.arcsinh(x / np.sqrt(df))

    end = REACH if df is None else _end(df)
    a, b = max(transform(low), -end), min(transform(high), end)
    edges = sorted({a, *(c for c in map(transform, cuts) if a < c < b), b})
    if not a < b:
        return np.zeros(1), np.ones(1), np.zeros(1, dtype=int), 0.0
    parts = []
    for panel, (left, right) in enumerate(pairwise(edges)):
        x, w = _legendre(max(FEWEST, int(np.ceil(size * (right - left) / (b - a)))))
        parts.append(((left + right) / 2 + (right - left) / 2 * x, (right - left) / 2 * w, np.full(len(x), panel)))
    v, w, panels = (np.concatenate(values) for values in zip(*parts))
    w = w * (np.exp(-v * v / 2) if df is None else np.cosh(v) ** -df)
    x = v if df is None else np.sqrt(df) * np.sinh(v)
    mass = ndtr(high) - ndtr(low) if df is None else stdtr(df, high) - stdtr(df, low)
    return x, w / w.sum(), panels, float(mass)


@lru_cache(maxsize=256)
def _legendre(size: int) -> tuple[np.ndarray, np.ndarray]:
    return roots_legendre(size)  # numpy's leggauss takes four times as long


@lru_cache(maxsize=64)
def unbounded_rule(df: float | None, size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """As ``standard_rule`` without bounds: Gauss-Hermite, for t reweighted; with few degrees of freedom, whose tails
    are far from normal, Gauss-Legendre on twice the nodes."""
    if df is not None and df < NEARLY_NORMAL:
        return standard_rule(df, -np.inf, np.inf, 2 * size, [])
    x, w = np.polynomial.hermite_e.hermegauss(size)
    if df is not None:
        w = w * np.exp(_log_density(x, df) - _log_density(x, None))
    return x, w / w.sum(), np.zeros(size, dtype=int), 1.0


def _root(V: np.ndarray) -> np.ndarray:
    """Lower L with L L' = V; a parameter that the ones before it determine has a zero on the diagonal."""
    d = len(V)
    L = np.zeros((d, d))
    for j in range(d):
        left = V[j, j] - L[j, :j] @ L[j, :j]
        if left <= SINGULAR * V[j, j]:
            continue
        L[j, j] = np.sqrt(left)
        L[j + 1 :, j] = (V[j + 1 :, j] - L[j + 1 :, :j] @ L[j, :j]) / L[j, j]
    return L
