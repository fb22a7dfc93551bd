"""Cross-sections: y = rho W y + 1 + X beta + W X theta + u, u = lambda W u + e; X and e anew in every sample."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, interval
from .maps import dense_of, places, regions, weights_of

LAG, ERROR, LAGGED_X = ("sar", "sdm", "sac", "gns"), ("sem", "sdem", "sac", "gns"), ("slx", "sdm", "sdem", "gns")
RANGE_KM = 150.0  # at which correlation over space has fallen to 5 %


def cross_section(*, model, n, w, k=1, errors="normal", rho=0.4, lam=0.4, method="ml", vcov=None, effects="quadrature",
                  peers=()):  # fmt: skip
    """Intervals of rho, lambda, the first slope and its effects.

    Parameters
    ----------
    model, method : str
    n, k : int
        Units and regressors.
    w : str
        Of ``maps.KINDS``.
    errors : {"normal", "t5", "chi2", "neighbors", "x", "space"}
        The last three: variances that grow with the number of neighbors or with x^2; correlation over space, of the
        regressors too.
    vcov, effects : str
        Covariance (see ``covariance_of``), and method of the effects' intervals.
    peers : tuple of str
        Of ``peers.PEERS``: other packages that see the same samples.

    Returns
    -------
    Draw
    """
    world = CrossSection(model, n, w, k, errors, rho, lam)
    covariance, names = covariance_of(vcov, w, n), tuple(f"x{j + 1}" for j in range(k))
    formula, weights = "y ~ " + " + ".join(names), weights_of(w, n)

    def results(rng):
        data = world.sample(rng)
        fit = getattr(sp, model)(formula, data, weights, method=method, vcov=covariance)
        return data, fit, None if model in ("ols", "sem") else fit.effects(method=effects)

    return Draw(results, lambda *sample: outcomes(*sample, world, peers))


def outcomes(data, fit, effects, world, peers) -> dict[str, Interval]:
    """Of one sample; peers see the same data."""
    both = world.model in ("sac", "gns") and effects.options.method == "likelihood"
    measured = of_fit(fit, world.truth, **{"method": "likelihood"} if both else {})
    measured |= {} if effects is None else of_effects(effects, world.truth)
    for peer in peers:
        measured |= of_peer(peer, world, data)
    return measured


class CrossSection:
    """Samples of one process, and what is true of it."""

    def __init__(self, model, n, w, k, errors, rho, lam):
        W, eye = dense_of(w, n), np.eye(n)
        self.model, self.n, self.k, self.errors, self.W, self.w = model, n, k, errors, W, w
        self.beta = np.array([1.0, *[0.5 * (-1) ** j for j in range(1, k)]])
        self.theta = 0.5 * self.beta * (model in LAGGED_X)
        rho, lam = rho * (model in LAG), lam * (model in ERROR)
        self.A_inverse, self.B_inverse = np.linalg.inv(eye - rho * W), np.linalg.inv(eye - lam * W)
        self.spread = _spread(np.count_nonzero(W, axis=1))
        self.root = _correlation_root(w, n) if errors == "space" else None
        S = self.A_inverse @ (self.beta[0] * eye + self.theta[0] * W)
        direct, total = S.trace() / n, S.sum() / n
        self.truth = {"rho": rho, "lambda": lam, "beta": self.beta[0], "theta": self.theta[0], "direct": direct,
                      "indirect": total - direct, "total": total}  # fmt: skip

    def sample(self, rng) -> pd.DataFrame:
        X = rng.standard_normal((self.n, self.k))
        if self.root is not None:
            X = self.root @ X
        u = self.B_inverse @ self._errors(rng, X)
        y = self.A_inverse @ (1 + X @ self.beta + self.W @ X @ self.theta + u)
        return pd.DataFrame({"y": y, **{f"x{j + 1}": X[:, j] for j in range(self.k)}})

    def _errors(self, rng, X):
        e = rng.standard_normal(self.n)
        if self.errors == "t5":
            return rng.standard_t(5, self.n) * np.sqrt(3 / 5)
        if self.errors == "chi2":
            return (rng.chisquare(3, self.n) - 3) / np.sqrt(6)
        if self.errors == "neighbors":
            return e * self.spread
        if self.errors == "x":
            return e * np.sqrt((0.2 + X[:, 0] ** 2) / 1.2)
        return e if self.root is None else self.root @ e


def _spread(counts):
    """Standard deviations in proportion to the number of neighbors, of mean square 1."""
    sd = 1.0 + counts
    return sd / np.sqrt(np.mean(sd**2))


def _correlation_root(kind, n):
    """Cholesky factor of correlations exp(-3 d / range)."""
    lon, lat = np.radians(places(kind, n).to_numpy()).T
    cosine = np.sin(lat) * np.sin(lat[:, None]) + np.cos(lat) * np.cos(lat[:, None]) * np.cos(lon - lon[:, None])
    d = 6371 * np.arccos(np.clip(cosine, -1, 1))
    return np.linalg.cholesky(np.exp(-3 * d / RANGE_KM) + 1e-9 * np.eye(n))


def covariance_of(name: str | None, kind: str, n: int):
    """What ``vcov=`` takes: "cluster6" and "jackknife12" have that many regions, "conley400" its cut-off."""
    if name is None:
        return None
    word, number = name.rstrip("0123456789"), name[len(name.rstrip("0123456789")) :]
    if word in ("cluster", "jackknife") and number:
        by = pd.Series(regions(kind, n, int(number)))
        return sp.Cluster(by) if word == "cluster" else sp.Jackknife(by)
    if word == "conley":
        return sp.Conley(float(number), coords=places(kind, n))
    if word == "scpc":
        return sp.SCPC(coords=places(kind, n))
    return sp.Bootstrap(draws=int(number)) if word == "bootstrap" else name


def of_fit(fit, truth, **options) -> dict[str, Interval]:
    """Intervals of the spatial parameters, the first slope and the first lagged slope."""
    ends = fit.conf_int(**options)
    terms = {"rho": "rho", "lambda": "lambda", "beta": "x1", "theta": "W:x1"}
    return {measure: interval(*ends.loc[term], truth[measure]) for measure, term in terms.items() if term in ends.index}


def of_effects(effects, truth) -> dict[str, Interval]:
    """Intervals of the first variable's effects."""
    ends = zip(effects.conf_low[:, 0], effects.conf_high[:, 0])
    return {kind: interval(low, high, truth[kind]) for kind, (low, high) in zip(("direct", "indirect", "total"), ends)}


def of_peer(peer, world, data) -> dict[str, Interval]:
    from .peers import PEERS

    ends = PEERS[peer](world, data)
    return {f"{measure} ({peer})": interval(low, high, world.truth[measure]) for measure, (low, high) in ends.items()}
