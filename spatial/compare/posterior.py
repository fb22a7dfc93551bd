"""The marginal likelihood of a model: beta and sigma integrated out analytically, rho and lambda by quadrature.

With A = I - rho W, B = I - lambda M and e = B (A y - X beta), given rho and lambda the integral over (beta, sigma)
is that of a regression of B A y on B X. Flat slopes (LeSage 2014, Spatial Economic Analysis 9:255-278; LeSage & Pace
2009, section 6.3) leave, with k columns in X and n observations beside the fixed effects,

    p(y | rho, lambda) = |A| |B| Gamma(d) (2 pi)^-d |X'B'BX|^-1/2 (e'e)^-d,       d = (n - k) / 2

and the g-prior, with e'e after the intercept alone called s0 and s slopes,

    p(y | rho, lambda) = |A| |B| Gamma(d) pi^-d |i'B'B i|^-1/2 (1 + g)^-s/2 [(g e'e + s0) / (1 + g)]^-d

with d = (n - 1) / 2, or n / 2 where fixed effects took the intercept

(Liang et al. 2008, JASA 103:410-423, eq. 5). The remaining integral is smooth in one or two bounded variables.
"""

from __future__ import annotations

from copy import copy
from functools import lru_cache

import numpy as np
from scipy.special import gammaln

from spillover.errors import SpatialInputError
from spillover.matrix import refuse_varying

from ..design.arrays import Sample, by_gls
from ..design.design import INTERCEPT
from ..design.sample import demeaned_sample
from ..models.fit import Fit
from .prior import DEFAULT, Prior

DEPTH = 45.0  # nats below the peak at which the integrand is negligible
GRID = {1: 81, 2: 41}  # points per parameter that find the peak
PANELS, NODES = {1: 12, 2: 4}, 16  # Gauss-Legendre: panels per parameter, nodes per panel


def log_marginal(fit: Fit, prior: Prior | None = None, *, correction: bool | None = None) -> float:
    """log p(y | W, model) of a fit's data.

    Parameters
    ----------
    fit : Fit
        By maximum likelihood; any model of the family.
    prior : Prior, optional
    correction : bool, optional
        Whether fixed effects are removed by transformation. By default as in the fit. Only likelihoods of the same
        transformation can be compared.

    Raises
    ------
    SpatialInputError
        E511 for the method of moments, random effects and weights of observations.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> columbus = shapefiles.load("columbus")
    >>> w = wt.queen(columbus).standardize("row")
    >>> round(log_marginal(sp.sar("CRIME ~ INC + HOVAL", columbus, w)), 2)
    -188.49
    """
    settings = fit._settings
    if fit._design.obs_weights is not None:
        raise SpatialInputError("E511", "a posterior probability is not there for weights of observations",
                                hint="compare the log-likelihoods of the fits, or their bic")
    if settings.method != "ml" or settings.composed:
        raise SpatialInputError("E511", "a posterior probability needs a likelihood with fixed effects or none",
                                hint="use method='ml' and effects='none', 'entity', 'time' or 'twoway'")  # fmt: skip
    d, sample = fit._design, fit._sample
    if by_gls(sample):
        raise SpatialInputError("E511", f"a posterior probability is not there where {settings.effects} effects leave "
                                "by generalised least squares", hint="compare the log-likelihoods of the fits, or "
                                "their bic; w.standardize('row') has one")  # fmt: skip
    if sample.dummies:
        refuse_varying(d.weights_of_error, "a posterior probability after a spatial error with fixed effects")
    transformed = settings.correction is True if correction is None else correction
    if transformed != settings.correction and settings.effects:
        sample = demeaned_sample(fit.specification, d, settings.effects, transformed)
    names = list(fit.params.index[: sample.X.shape[1]])
    n = d.left(settings.effects)
    return integral(sample, n, prior or DEFAULT, intercept=names.index(INTERCEPT) if INTERCEPT in names else None)


def integral(sample: Sample, n: int, prior: Prior, *, intercept: int | None = None) -> float:
    """log p(y) from the arrays of the likelihood.

    Parameters
    ----------
    sample : Sample
    n : int
        Observations beside the fixed effects: rows less the effects' number.
    prior : Prior
    intercept : int, optional
        Its column of X.
    """
    conditional = Conditional(sample, n, prior, intercept)
    parts = sample.parts
    if not parts:
        return float(conditional([])[()])
    rough = conditional.with_curves([part.coarse for part in parts])
    # 1. Locate the integrand, in theta with rho = middle - half cos(theta): smooth at both ends.
    ends = [prior.support(part.interval) for part in parts]
    if not np.isfinite(ends).all():
        raise SpatialInputError("E511", "these weights have no links, so rho has no interval and no prior",
                                hint="check how these weights were built: print(w)")
    box = _peak(lambda angles: _by_angle(rough, angles, ends), [(0.0, np.pi)] * len(parts))
    # 2. Exact determinants over that part; Gauss-Legendre.
    spans = [(_at(a, end), _at(b, end)) for (a, b), end in zip(box, ends)]
    exact = conditional.with_curves([part.near(*span) for part, span in zip(parts, spans)])
    rules = [_rule(a, b, PANELS[len(parts)]) for a, b in box]
    angles = np.meshgrid(*(x for x, _ in rules), indexing="ij")
    log_weights = np.sum(np.meshgrid(*(np.log(w) for _, w in rules), indexing="ij"), axis=0)
    terms = _by_angle(exact, [a.ravel() for a in angles], ends) + log_weights.ravel()
    return float(terms.max() + np.log(np.exp(terms - terms.max()).sum()))


class Conditional:
    """log p(y, rho, lambda), vectorised over points."""

    def __init__(self, sample: Sample, n: int, prior: Prior, intercept: int | None):
        self.sample, self.n, self.prior = sample, n, prior
        self.parts = [part for part in (sample.lag, sample.error) if part is not None]
        self.curves = self.parts
        k = sample.X.shape[1]
        self.slopes = k - (intercept is not None)
        self.all = Squares(sample, slice(None))
        self.alone = Squares(sample, [] if intercept is None else [intercept])

    def __call__(self, points) -> np.ndarray:
        """At ``points``: one array for each of rho and lambda that the model has."""
        s, prior, points = self.sample, self.prior, list(points)
        rho = points[0] if s.lag is not None else 0.0
        lam = points[-1] if s.error is not None else 0.0
        ss, gram = self.all(rho, lam)
        s0, gram0 = self.alone(rho, lam) if prior.slopes == "g" else (None, None)
        intercept = self.slopes < s.X.shape[1]
        out = conditional_log_marginal(prior, self.n, s.X.shape[1], intercept, ss, gram, s0, gram0)
        for part, curve, at in zip(self.parts, self.curves, points):
            out = out + curve.value(at) + prior.log_density(at, part.interval)
        return out

    def with_curves(self, curves) -> Conditional:
        """The same with these curves for its determinants."""
        other = copy(self)
        other.curves = curves
        return other


def conditional_log_marginal(prior: Prior, n: int, k: int, intercept: bool, ss, gram, s0, gram0):
    """log p(y | rho, lambda) less the determinants: k columns, ``intercept`` among them or not, e'e and log|X'B'BX|
    after all of them, ``s0`` and ``gram0`` after the intercept alone."""
    if prior.slopes == "diffuse":
        d = (n - k) / 2
        return gammaln(d) - d * np.log(2 * np.pi) - gram / 2 - d * np.log(ss)
    g, slopes = n if prior.g is None else prior.g, k - intercept
    d = (n - intercept) / 2
    out = gammaln(d) - d * np.log(np.pi) - gram0 / 2
    return out - slopes / 2 * np.log1p(g) - d * np.log((g * ss + s0) / (1 + g))


class Squares:
    """e'e after some columns of X, and log|X'B'BX| of these, as functions of rho and lambda.

    Data enter once, as cross-products of [y, W y, Q] with Q an orthonormal basis of the columns.
    """

    def __init__(self, sample: Sample, columns):
        whole = columns == slice(None)
        Q, R = sample.basis[:2] if whole else np.linalg.qr(sample.X[:, columns])
        ys = np.column_stack([sample.y, sample.lag_of_y])
        shift = Q.T @ ys
        ys = ys - Q @ shift  # no cancellation later
        self.log_scale = 2 * np.log(np.abs(np.diag(R))).sum()
        self.products: tuple[np.ndarray, ...] = (ys.T @ ys,)
        if sample.error is not None:
            MQ = np.linalg.solve(R.T, sample.error_lag_of_X[:, columns].T).T
            Mys = np.column_stack([sample.error_lag_of_y, sample.error_lag_of_Wy]) - MQ @ shift
            Z, MZ = np.column_stack([ys, Q]), np.column_stack([Mys, MQ])
            mixed = Z.T @ MZ
            self.products = (Z.T @ Z, mixed + mixed.T, MZ.T @ MZ)

    def __call__(self, rho, lam):
        if len(self.products) == 1:
            S = self.products[0]
            return S[0, 0] + rho * (rho * S[1, 1] - 2 * S[0, 1]), self.log_scale
        zz, mixed, mm = self.products
        lam = np.asarray(lam)[..., None, None]
        C = zz - lam * mixed + lam**2 * mm
        a = np.stack(np.broadcast_arrays(1.0, -np.asarray(rho) + 0 * lam[..., 0, 0]), axis=-1)[..., None]
        right = C[..., 2:, :2] @ a
        explained = (right * np.linalg.solve(C[..., 2:, 2:], right)).sum(axis=(-2, -1))
        ss = (a * (C[..., :2, :2] @ a)).sum(axis=(-2, -1)) - explained
        return ss, self.log_scale + np.linalg.slogdet(C[..., 2:, 2:])[1]


def _at(angle, ends):
    lo, hi = ends
    return (lo + hi) / 2 - (hi - lo) / 2 * np.cos(angle)


def _by_angle(conditional, angles, ends):
    """The log integrand in the angles, their Jacobian included."""
    points = [_at(angle, end) for angle, end in zip(angles, ends)]
    slopes = sum(np.log((hi - lo) / 2 * np.sin(angle)) for angle, (lo, hi) in zip(angles, ends))
    return conditional(points) + slopes


def _peak(log_f, box):
    """The box in which the integrand is not negligible, on successively finer grids."""
    size = GRID[len(box)]
    while True:
        axes = [a + (b - a) * (np.arange(size) + 0.5) / size for a, b in box]
        mesh = np.meshgrid(*axes, indexing="ij")
        values = log_f([m.ravel() for m in mesh]).reshape(mesh[0].shape)
        above = values > values.max() - DEPTH
        new = []
        for i, (axis, (a, b)) in enumerate(zip(axes, box)):
            seen = np.flatnonzero(above.any(axis=tuple(j for j in range(len(box)) if j != i)))
            step = axis[1] - axis[0]
            new.append((max(a, axis[seen[0]] - step), min(b, axis[seen[-1]] + step)))
        shrunk = min((b - a) / (d - c) for (a, b), (c, d) in zip(new, box))
        box = new
        if shrunk > 0.7:
            return box


@lru_cache(maxsize=1)
def _gauss_legendre():
    return np.polynomial.legendre.leggauss(NODES)


def _rule(a, b, panels):
    """Nodes and weights of Gauss-Legendre on equal panels."""
    x, w = _gauss_legendre()
    edges = np.linspace(a, b, panels + 1)
    middle, half = (edges[1:] + edges[:-1]) / 2, (edges[1:] - edges[:-1]) / 2
    return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()
