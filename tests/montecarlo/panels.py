"""Panels: y_t = rho W y_t + X_t beta + W X_t theta + c + m_t 1 + u_t, u_t = lambda W u_t + e_t; dynamic ones, too."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, interval
from .cross import ERROR, LAG, LAGGED_X, outcomes
from .maps import dense_of, weights_of

TAU, ETA, BURN = 0.4, -0.1, 30
SERIAL = 0.5  # of AR(1) regressors and errors
LOADING = 0.7  # standard deviation of the units' loadings on a common shock
ABSENT = 0.1  # share of (unit, period) pairs that are not observed


def panel(*, model, N, T, w="knn", k=1, effects="twoway", errors="normal", rho=0.4, lam=0.4, vcov=None, method="ml",
          random_error=None, gaps=False, by="quadrature", peers=()):  # fmt: skip
    """Intervals of rho, lambda, the first slope and its effects.

    Parameters
    ----------
    N, T, k : int
    effects : str
        As the models take them. The data have period effects only under "time" and "twoway"; unit effects that follow
        the regressors only where they are fixed or "correlated".
    errors : {"normal", "t5", "chi2", "units", "serial", "factor"}
        "units": variances that differ between units; "serial": AR(1) of regressors and errors; "factor": a shock
        to all units in every period, and one to all regressors, with loadings of their own.
    gaps : bool
        A tenth of the rows is missing at random.
    by : str
        Method of the effects' intervals.
    """
    world = Panel(model, N, T, w, k, effects, errors, rho, lam, random_error, gaps)
    formula, weights = "y ~ " + " + ".join(f"x{j + 1}" for j in range(k)), weights_of(w, N)
    options = {"entity": "i", "time": "t", "effects": effects, "vcov": vcov, "method": method}
    options |= {"random_error": random_error} if random_error else {}
    options |= {"missing": "period"} if gaps else {}
    if model == "ols":
        del options["method"]

    def results(rng):
        data = world.sample(rng)
        fit = getattr(sp, model)(formula, data, weights, **options)
        return data, fit, None if model in ("ols", "sem") else fit.effects(method=by)

    return Draw(results, lambda *sample: outcomes(*sample, world, peers))


class Panel:
    """Samples of one process, and what is true of it."""

    def __init__(self, model, N, T, w, k, effects, errors, rho, lam, random_error, gaps):
        W, eye = dense_of(w, N), np.eye(N)
        self.model, self.N, self.T, self.k, self.W, self.w, self.gaps = model, N, T, k, W, w, gaps
        self.effects, self.errors, self.random_error = effects, errors, random_error
        self.beta = np.array([1.0, *[0.5 * (-1) ** j for j in range(1, k)]])
        self.theta = 0.5 * self.beta * (model in LAGGED_X)
        self.rho, self.lam = rho * (model in LAG), lam * (model in ERROR)
        self.A_inverse, self.B_inverse = np.linalg.inv(eye - self.rho * W), np.linalg.inv(eye - self.lam * W)
        self.index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
        S = self.A_inverse @ (self.beta[0] * eye + self.theta[0] * W)
        direct, total = S.trace() / N, S.sum() / N
        self.truth = {"rho": self.rho, "lambda": self.lam, "beta": self.beta[0], "theta": self.theta[0],
                      "direct": direct, "indirect": total - direct, "total": total}  # fmt: skip

    def sample(self, rng) -> pd.DataFrame:
        T, N = self.T, self.N
        X = np.array([self._shocks(rng) + rng.standard_normal(N) for _ in range(self.k)])
        e, c = self._shocks(rng, own=True), rng.standard_normal(N)
        if self.effects not in ("random", "none"):
            c = c + 0.5 * X[0].mean(axis=0)
        m = rng.standard_normal((T, 1)) * (self.effects in ("time", "twoway"))
        inside = self.random_error == "kkp"
        u = (e + c * inside) @ self.B_inverse.T + c * (not inside) * (self.effects not in ("none", "time"))
        mean = np.tensordot(self.beta, X, 1) + np.tensordot(self.theta, X, 1) @ self.W.T + m
        there = rng.random((T, N)) >= ABSENT if self.gaps else np.ones((T, N), dtype=bool)
        y = self._with_gaps(X, u, m, there) if self.gaps else (mean + u) @ self.A_inverse.T
        columns = {"y": y.ravel(), **{f"x{j + 1}": x.ravel() for j, x in enumerate(X)}}
        return pd.DataFrame(columns, index=self.index).reset_index()[there.ravel()]

    def _with_gaps(self, X, u, m, there):
        """W among those who are there, row-standardised again, period by period."""
        y = np.zeros_like(u)
        for t, seen in enumerate(there):
            V = self.W * np.outer(seen, seen)
            sums = V.sum(axis=1, keepdims=True)
            V = np.divide(V, sums, out=np.zeros_like(V), where=sums > 0)
            x = self.beta @ X[:, t] + V @ (self.theta @ X[:, t])
            y[t] = np.linalg.solve(np.eye(self.N) - self.rho * V, (x + u[t] + m[t]) * seen)
        return y

    def _shocks(self, rng, own=False):
        """(T, N) of unit variance; ``own``: those of the error, whose law the cell names."""
        shape = (self.T, self.N)
        e = rng.standard_normal(shape)
        if self.errors == "serial":
            for t in range(1, self.T):
                e[t] = SERIAL * e[t - 1] + np.sqrt(1 - SERIAL**2) * e[t]
        if self.errors == "factor":
            e = e + LOADING * rng.standard_normal((self.T, 1)) * rng.standard_normal(self.N)
        if not own:
            return e
        if self.errors == "t5":
            return rng.standard_t(5, shape) * np.sqrt(3 / 5)
        if self.errors == "chi2":
            return (rng.chisquare(3, shape) - 3) / np.sqrt(6)
        return e * np.sqrt(np.linspace(0.2, 1.8, self.N)) if self.errors == "units" else e


def dynamic_panel(*, model="sdm", N, T, w="knn", effects="twoway", rho=0.3, method="ml", correction=True, lags="both"):
    """Intervals of every parameter and of the long-run effects, with y_{t-1} and W y_{t-1} among the regressors."""
    W, eye = dense_of(w, N), np.eye(N)
    A_inverse = np.linalg.inv(eye - rho * W)
    theta = 0.5 * (model == "sdm")
    S = np.linalg.solve((1 - TAU) * eye - (rho + ETA) * W, eye + theta * W)
    truth = {"rho": rho, "lag(y)": TAU, "W:lag(y)": ETA, "x": 1.0, "W:x": theta}
    long = {"long direct": S.trace() / N, "long indirect": (S.sum() - S.trace()) / N, "long total": S.sum() / N}
    index = pd.MultiIndex.from_product([range(T + 1), range(N)], names=["t", "i"])
    options = {"entity": "i", "time": "t", "effects": effects, "lags": lags, "method": method}
    options |= {"correction": correction} if method == "ml" else {}
    names = {"lag(y)": "tau", "W:lag(y)": "eta", "x": "beta", "W:x": "theta"}

    def results(rng):
        x, c = rng.standard_normal((BURN + T + 1, N)), rng.standard_normal(N)
        m = rng.standard_normal(len(x)) * (effects == "twoway")
        y = np.zeros((len(x), N))
        for t in range(1, len(x)):
            shock = c + m[t] + rng.standard_normal(N)
            y[t] = A_inverse @ (TAU * y[t - 1] + ETA * W @ y[t - 1] + x[t] + theta * W @ x[t] + shock)
        data = pd.DataFrame({"y": y[BURN:].ravel(), "x": x[BURN:].ravel()}, index).reset_index()
        fit = getattr(sp, model)("y ~ x", data, weights_of(w, N), **options)
        return fit, fit.effects().long_run if fit.stationarity.holds else None

    def counted(fit, run):
        ends = fit.conf_int()
        measured = {names.get(k, k): interval(*ends.loc[k], v) for k, v in truth.items() if k in ends.index}
        if run is not None:
            ends = zip(run.conf_low[:, 0], run.conf_high[:, 0])
            measured |= {kind: interval(low, high, long[kind]) for kind, (low, high) in zip(long, ends)}
        return measured

    return Draw(results, counted)
