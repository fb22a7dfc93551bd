"""Do 95 % intervals of two-way panels hold? Ours, the uncorrected likelihood's, and spreg's, on the same samples.

    python benchmarks/intervals.py [--samples 1000] [--peers 500]      # some minutes

    y_t = rho W y_t + beta x_t + theta W x_t + c + m_t 1 + e_t,   beta = 1, theta = 0.5

with x, unit effects c, period effects m_t and errors e standard normal, W the four nearest of N points at random. The
peers get the first ``--peers`` samples.
"xsmle, splm" stands for their formula, the likelihood of demeaned data without a correction, as ``correction=False``
computes it (it reproduces both). spreg's ML_LagFE has unit effects only: it is given data without period means, and
[x, W x]; it has no standard errors of effects.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import warnings

import numpy as np
import pandas as pd

import spatial as sp

DESIGNS = ((31, 5), (31, 13), (48, 17), (285, 8))
RHOS = (0.0, 0.3, 0.6)
BETA, THETA = 1.0, 0.5
WHAT = ("rho", "x", "direct", "indirect")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=300)
    parser.add_argument("--peers", type=int, default=300)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    print(f"{'N, T, rho':<16}{'':<16}{'bias of rho':>12}" + "".join(f"{name:>10}" for name in WHAT))
    for N, T in DESIGNS:
        for rho in RHOS:
            for name, (bias, shares) in coverage(N, T, rho, args.samples, args.peers).items():
                cells = "".join(f"{100 * s:>8.1f} %" if np.isfinite(s) else f"{'-':>10}" for s in shares)
                print(f"{f'{N}, {T}, {rho}':<16}{name:<16}{bias:>+12.3f}{cells}", flush=True)


def coverage(N: int, T: int, rho: float, samples: int, peers: int = 0) -> dict:
    """Estimator -> (bias of rho, share of samples whose interval holds the truth for each of ``WHAT``)."""
    rng = np.random.default_rng([N, T, round(10 * rho)])
    W = nearest(rng, N, 4)
    A = np.linalg.inv(np.eye(N) - rho * W)
    S = A @ (BETA * np.eye(N) + THETA * W)
    truth = np.array([rho, BETA, S.trace() / N, (S.sum() - S.trace()) / N])
    estimators = {"ours": (ours(W, True), samples)}
    if peers:
        estimators |= {"xsmle, splm": (ours(W, False), peers), "spreg": (theirs(W), peers)}
    result = {name: [] for name in estimators}
    for r in range(samples):
        x = rng.standard_normal((T, N))
        effects = rng.standard_normal(N) + rng.standard_normal((T, 1))
        y = (BETA * x + THETA * x @ W.T + effects + rng.standard_normal((T, N))) @ A.T
        for name, (estimate, last) in estimators.items():
            if r < last:
                result[name].append(estimate(y, x, x @ W.T))
    return {name: summary(np.array(values), truth) for name, values in result.items() if values}


def summary(intervals, truth):
    """(samples, 4, 3) of estimate, low, high."""
    inside = (intervals[..., 1] <= truth) & (truth <= intervals[..., 2])
    shares = np.where(np.isfinite(intervals[..., 1]).all(axis=0), inside.mean(axis=0), np.nan)
    return intervals[:, 0, 0].mean() - truth[0], shares


def ours(W, correction):
    """(y, x, W x) to (4, 3): estimates and intervals of rho, beta and the effects."""
    w = pd.DataFrame(W)
    keys = {"entity": "i", "time": "t", "effects": "twoway", "correction": correction}

    def estimate(y, x, Wx):
        T, N = y.shape
        data = pd.DataFrame(
            {"i": np.tile(np.arange(N), T), "t": np.repeat(np.arange(T), N), "y": y.ravel(), "x": x.ravel()}
        )
        fit = sp.sdm("y ~ x", data, w, **keys)
        interval = fit.conf_int()
        own = [(fit.params[k], *interval.loc[k]) for k in ("rho", "x")]
        e = fit.effects()
        return own + [(e.estimates[k, 0], e.conf_low[k, 0], e.conf_high[k, 0]) for k in (0, 1)]

    return estimate


def theirs(W):
    import spreg
    from libpysal.weights import full2W

    w = full2W(W)

    def estimate(y, x, Wx):
        y, x, Wx = (part - part.mean(axis=1, keepdims=True) for part in (y, x, Wx))
        X = np.column_stack([x.ravel(), Wx.ravel()])
        with contextlib.redirect_stdout(io.StringIO()):
            fit = spreg.ML_LagFE(y.reshape(-1, 1), X, w)
        values, errors = fit.betas.ravel(), np.sqrt(np.diag(fit.vm))[: len(fit.betas)]
        rows = [(values[k], values[k] - 1.959964 * errors[k], values[k] + 1.959964 * errors[k]) for k in (-1, 0)]
        return [*rows, (np.nan,) * 3, (np.nan,) * 3]

    return estimate


def nearest(rng, n, k):
    """Row-standardised k nearest neighbors of random points."""
    xy = rng.random((n, 2))
    d = ((xy[:, None] - xy[None]) ** 2).sum(-1)
    np.fill_diagonal(d, np.inf)
    W = np.zeros((n, n))
    np.put_along_axis(W, np.argsort(d, axis=1)[:, :k], 1 / k, axis=1)
    return W


if __name__ == "__main__":
    main()
