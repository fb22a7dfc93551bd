"""Are residuals of different units correlated with each other? Pesaran's CD, with its law in short panels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from spillover.errors import SpatialInputError
from spillover.values import whole_number

from ..records.fit import FitRecord
from ..records.tests import TestResult
from .panel_tests import panel_shape


def pesaran_cd(fit: FitRecord, *, neighbors: bool = False, permutations: int = 999, seed: int = 1) -> TestResult:
    """Are residuals of different units correlated? Their pairwise correlations over time, added up.

    Parameters
    ----------
    fit : FitRecord
        A panel of at least 3 periods.
    neighbors : bool
        Only the pairs that W links, in either direction.
    permutations, seed : int
        Of unit labels, where the p-value needs them: neighbors after time effects.

    Returns
    -------
    CrossDependence
        ``statistic`` is sqrt((T - 1) / p) times the sum of the correlations of p pairs, of mean 0 and variance 1, and
        ``p_value`` is two-sided.

    Raises
    ------
    SpatialInputError
        E206 fewer than 3 periods, E204 residuals of a unit that do not vary, E501 a cross-section.

    Notes
    -----
    Pesaran (2004, CESifo WP 1229), eq. 31 and section 6 for neighbors; (2015, Econometric Reviews 34:1089-1117). He
    has sqrt(T), which is right for long panels: correlations of T deviations from a unit's mean have the variance
    1 / (T - 1), exactly. And the sum over all pairs is half of |z_1 + ... + z_N|^2 - N, the z unit vectors in T - 1
    dimensions: for many units CD is (chi2(T - 1) - (T - 1)) / sqrt(2 (T - 1)), and normal only if there are many
    periods too. The p-value is that of the chi-squared law with CD's mean, variance and skewness under independent
    normal errors; the normal one of sqrt(T) rejects 3 % of true nulls at 1 % with T = 5.

    After time effects residuals add up to zero over units: correlations are -1 / (N - 1) on average, the sum over all
    pairs hardly varies, whatever the truth is (Juodis & Reese 2022, J. Business & Economic Statistics 40:1191-1203),
    and there is no p-value. That over neighbors is centered and scaled for the time effects, and remains a test. Its
    law needs errors of one variance and no serial correlation (with variances exp(1.4 z), N = 60 and T = 30, it rejects
    52 % of true nulls); the p-value is therefore that of ``permutations`` relabelings of the units, under which the
    links have nothing to do with the correlations: two-sided, with the observed one among the draws.

    Examples
    --------
    >>> import shapefiles, spatial as sp, weights as wt
    >>> w = wt.queen(shapefiles.load("us_states")).standardize("row")
    >>> fit = sp.ols("unemp ~ log(gsp)", shapefiles.load_panel("us_states"), w, entity="state", time="year",
    ...              effects="entity")
    >>> print(sp.pesaran_cd(fit))
    Pesaran CD: z = 64.326, p < 1e-4. Null: no cross-sectional dependence
    """
    T, N = panel_shape(fit, 3)
    e = fit._solution.resid.reshape(T, N)
    e = e - e.mean(axis=0)
    length = np.linalg.norm(e, axis=0)
    if (still := length <= 1e-12 * length.max()).any():
        raise SpatialInputError("E204", "the residuals of some units do not vary over time", ids=fit._design.ids[still],
                                hint="leave these units out")
    z = e / length
    time = fit._settings.effects.time
    if neighbors:
        i, j, law = _linked(fit, N, time)
        total = float(np.einsum("ti,ti->", z[:, i], z[:, j]))
        name, null = "Pesaran CD, neighbors", "no dependence between neighbors"
    else:
        law, total = _all_pairs(N), (float(np.sum(z.sum(axis=1) ** 2)) - N) / 2
        name, null = "Pesaran CD", "no cross-sectional dependence"
    empty = time and law.pairs == N * (N - 1) / 2
    null += " (time effects leave nothing to test; neighbors=True does)" * empty
    statistic = (total - law.mean) * np.sqrt((T - 1) / law.variance)
    if empty or not (neighbors and time):
        return CrossDependence(name, statistic, None, null, None if empty else (T - 1) * law.shape)
    return PermutedDependence(name, statistic, None, null, _relabeled(z, i, j, total, permutations, seed))


def _relabeled(z, i, j, total: float, permutations: int, seed: int) -> float:
    """Two-sided p of the sum of correlations over linked pairs, unit labels permuted."""
    whole_number("permutations", permutations, least=1)
    rng, N = np.random.default_rng(seed), z.shape[1]
    draws = np.empty(permutations)
    for r in range(permutations):
        other = z[:, rng.permutation(N)]
        draws[r] = np.einsum("ti,ti->", other[:, i], other[:, j])
    slack = 1e-12 * max(1.0, abs(total))
    above, below = (draws >= total - slack).sum(), (draws <= total + slack).sum()
    return float(min(1.0, 2 * (min(above, below) + 1) / (permutations + 1)))


@dataclass(frozen=True)
class _Law:
    """Of the sum of correlations over pairs: its mean, (T - 1) times its variance, and 8 / skewness^2 over T - 1."""

    pairs: float
    mean: float
    variance: float
    shape: float


def _all_pairs(N: int) -> _Law:
    pairs = N * (N - 1) / 2
    return _Law(pairs, 0.0, pairs, N * (N - 1) / max(N - 2, 1e-9) ** 2)


def _linked(fit: FitRecord, N: int, time: bool):
    """Both ends of the pairs that W links, and their law.

    With P the links as 0 and 1 the sum is tr(P z'z) / 2, of variance tr(P P) / (2 (T - 1)) and third moment
    tr(P P P) / (T - 1)^2. Time effects leave z'z the correlations r = -1 / (N - 1): then J (P - r diag(P 1)) J stands
    in P's place, J = I - 11'/N, to the first order in S of r_ij = S_ij / sqrt(S_ii S_jj).
    """
    W = sum(abs(w.csr) for w in fit._design.weights.each(fit._design.n_periods))
    P = sparse.csr_array((W + W.T) > 0).astype(float)
    P.setdiag(0)
    P.eliminate_zeros()
    i, j = sparse.triu(P, k=1).nonzero()
    if not (pairs := len(i)):
        raise SpatialInputError("E501", "W links no pair of units", hint="give weights that link units of the panel")
    if pairs == N * (N - 1) / 2:
        return i, j, _all_pairs(N)
    if time:
        P.setdiag(P.sum(axis=1) / (N - 1))
    squares, cubes, mean, shrunk = (P**2).sum(), (P @ P).multiply(P).sum(), 0.0, 1.0
    if time:
        links = P.sum(axis=1)
        average, spread = links.mean(), links @ links / N
        squares += average**2 - 2 * spread
        cubes += 3 * average * spread - average**3 - 3 * links @ (P @ links) / N
        mean, shrunk = pairs * _mean_correlation(-1 / (N - 1), fit._design.n_periods - 1), 1 - 1 / N
    shape = squares**3 / max(cubes**2, 1e-12 * squares**3)
    return i, j, _Law(pairs, mean, squares / 2 / shrunk**2, shape * np.sign(cubes or 1))


def _mean_correlation(r: float, df: int) -> float:
    """Of pairs of normal vectors in df dimensions whose elements have the correlation r (Hotelling 1953)."""
    from scipy.special import hyp2f1, poch

    return r * 2 / df * poch(df / 2, 0.5) ** 2 * hyp2f1(0.5, 0.5, df / 2 + 1, r**2)


@dataclass(frozen=True)
class CrossDependence(TestResult):
    """CD with a chi-squared law of its skewness, 8 / d; without one it has no p-value.

    Attributes
    ----------
    shape : float or None
        d, negative where the skewness is. Both are far from zero where there are many periods or few links.

    Examples
    --------
    >>> [round(CrossDependence("", 1.959964, None, "", d).p_value, 3) for d in (4, 12, 1e9)]
    [0.098, 0.084, 0.05]
    """

    shape: float | None = None

    @cached_property
    def p_value(self) -> float:
        """Twice the smaller tail of chi2(d) at d + sqrt(2 d) CD."""
        from scipy.special import chdtr, chdtrc

        if self.shape is None:
            return float("nan")
        d, z = abs(self.shape), np.sign(self.shape) * self.statistic
        at = max(d + np.sqrt(2 * d) * z, 0.0)
        return float(min(1.0, 2 * min(chdtr(d, at), chdtrc(d, at))))


@dataclass(frozen=True)
class PermutedDependence(TestResult):
    """CD with the p-value of its permutations.

    Attributes
    ----------
    permuted : float
        Two-sided.
    """

    permuted: float = float("nan")

    @cached_property
    def p_value(self) -> float:
        return self.permuted
