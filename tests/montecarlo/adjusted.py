"""Adjusted scores of several parameters, and of panels with gaps or W that moves: few rows, or unequal variances."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, interval

RHOS, LAMS, PSI = (0.4, 0.25), (0.3, 0.2), 0.5


def adjusted(*, what: str, model: str, N: int, T: int = 1, method: str, errors: str = "equal", k: int = 1,
             effects: str = "twoway", gaps: float = 0.0) -> Draw:  # fmt: skip
    """Intervals of the first slope, and of every rho and lambda.

    Parameters
    ----------
    what : {"one", "several", "regimes", "moving", "serial"}
        One W; two W; rho or lambda by regime; one W that is another in every period; errors of an AR(1), with
        ``serial=`` but by "aqs", whose scores have the mean zero whatever their correlation over time is.
    model : {"sar", "sdm", "sem", "sac", "gns"}
    N, T, k : int
        Units, periods, regressors; a cross-section where T is 1.
    method : {"ml", "reml", "aqs"}
    errors : {"equal", "links", "weights"}
        Of one variance; standard deviations that grow with the number of neighbors in the period; or of the variance
        1 / w with ``obs_weights``.
    effects : str
    gaps : float
        The share of rows that are absent, the same in every sample.
    """
    rng = np.random.default_rng([N, T, k])
    there = rng.random((T, N)) >= gaps
    count = 2 if what == "several" else 1
    pairs = [_linked(rng, N) for _ in range(T if what == "moving" else 1) for _ in range(count)]
    each = [[pairs[count * (t if what == "moving" else 0) + j] for j in range(count)] for t in range(T)]
    matrices = [[_standardized(A * np.outer(row, row)) for A in own] for own, row in zip(each, there)]
    codes = np.arange(N) % 2
    lag, error = model in ("sar", "sdm", "sac", "gns"), model in ("sem", "sdem", "sac", "gns")
    parts = [[(codes == g)[:, None] * own[0] for g in (0, 1)] if what == "regimes" else own for own in matrices]
    p = len(parts[0])
    A, B = (np.array([np.eye(N) - there_ * sum(x * W for x, W in zip(values, own)) for own in parts])
            for there_, values in ((lag, RHOS), (error, LAMS)))  # fmt: skip
    back_A, back_B = np.linalg.inv(A), np.linalg.inv(B)
    degrees = np.array([np.mean([(W > 0).sum(axis=1) for W in own], axis=0) for own in matrices])
    deviations = degrees / np.sqrt(np.mean(degrees[there] ** 2)) if errors == "links" else np.ones((T, N))
    w = _weights(each, what)
    beta = np.array([1.0, *[0.5 * (-1) ** j for j in range(1, k)]])
    options = {"regimes": sp.Regimes("region", terms=[], rho=lag, lam=error)} if what == "regimes" else {}
    options |= {"serial": "ar1"} if what == "serial" and method != "aqs" else {}
    options |= {"obs_weights": "size"} if errors == "weights" else {}
    options |= {"entity": "i", "time": "t", "effects": effects, "missing": "period"} if T > 1 else {}
    names = [f"x{j + 1}" for j in range(k)]

    def results(rng):
        X, e = rng.standard_normal((k, T, N)), deviations * rng.standard_normal((T, N))
        size = np.exp(0.8 * rng.standard_normal((T, N)))
        e = e / np.sqrt(size) if errors == "weights" else e
        if what == "serial":
            e[0] /= np.sqrt(1 - PSI**2)
            for t in range(1, T):
                e[t] += PSI * e[t - 1]
        shifts = (rng.standard_normal(N) * (effects in ("entity", "twoway")) * (T > 1)
                  + rng.standard_normal((T, 1)) * (effects in ("time", "twoway")))  # fmt: skip
        lagged = np.einsum("tij,tj->ti", np.array([own[0] for own in matrices]), np.tensordot(beta, X, 1)) / 2
        mean = np.tensordot(beta, X, 1) + shifts + lagged * (model in ("sdm", "gns"))
        y = np.einsum("tij,tj->ti", back_A, mean + np.einsum("tij,tj->ti", back_B, e))
        columns = {"y": y.ravel(), "size": size.ravel(), **{name: x.ravel() for name, x in zip(names, X)}}
        data = pd.DataFrame({"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), **columns})
        data = data.assign(region=np.tile(codes, T))[there.ravel()]
        data = data if T > 1 else data.set_index("i")
        return (getattr(sp, model)("y ~ " + " + ".join(names), data, w, method=method, **options),)

    def outcomes(fit) -> dict:
        ends = fit.conf_int()
        measured = {"beta": interval(*ends.loc["x1"], 1.0)}
        rhos, lams = ([name for name in ends.index if part in name] for part in ("rho", "lambda"))
        for name, truth in [*zip(rhos, RHOS[:p]), *zip(lams, LAMS[:p])]:
            measured[name.replace("region = ", "")] = interval(*ends.loc[name], truth)
        return measured

    return Draw(results, outcomes)


def _linked(rng: np.random.Generator, N: int) -> np.ndarray:
    """Zeros and ones: units of some hubs have many neighbors, others few; links both ways."""
    pull = np.exp(0.9 * rng.standard_normal(N))
    share = np.minimum(5 * np.outer(pull, pull) / (pull.mean() ** 2 * N), 1)
    A = np.triu(rng.random((N, N)) < share, 1).astype(float)
    A[np.arange(N - 1), np.arange(1, N)] = 1.0
    return A + A.T > 0


def _standardized(A: np.ndarray) -> np.ndarray:
    sums = A.sum(axis=1, keepdims=True)
    return np.divide(A, sums, where=sums > 0, out=np.zeros(A.shape))


def _weights(each, what: str):
    ids = list(range(len(each[0][0])))
    if what == "moving":
        return wt.temporal({t: wt.from_dense(_standardized(own[0]), ids=ids) for t, own in enumerate(each)})
    built = [wt.from_dense(_standardized(A), ids=ids) for A in each[0]]
    return built if what == "several" else built[0]
