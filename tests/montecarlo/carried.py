"""Two-way SEM and SAC whose effects the error's weights carry along: coverage with and without the correction.

    python -m tests.montecarlo.carried [samples]

Units on a random map with four nearest neighbors, links both ways. W over its largest eigenvalue (spectral), or
row-standardised among those observed; in unbalanced panels 15 % of the pairs of unit and period do not exist. True
values are lambda = .4, rho = .3 (SAC).
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

RHO, LAMBDA = 0.3, 0.4
CASES = [(N, T, kind, share) for N, T in ((31, 13), (60, 4)) for kind, share in
         (("spectral", 0.0), ("spectral", 0.15), ("row", 0.15))]  # fmt: skip


def links(N: int) -> np.ndarray:
    """Zeros and ones: four nearest neighbors, both ways."""
    places = np.random.default_rng(4).uniform(size=(N, 2))
    apart = np.linalg.norm(places[:, None] - places[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    A = np.zeros((N, N))
    np.put_along_axis(A, np.argsort(apart, axis=1)[:, :4], 1.0, axis=1)
    return np.maximum(A, A.T)


def panel(rng, A: np.ndarray, T: int, kind: str, share: float, rho: float) -> pd.DataFrame:
    """One sample; the process of a period runs on the units that exist in it."""
    N = len(A)
    there = rng.uniform(size=(T, N)) >= share
    there[0] |= ~there.any(axis=0)
    x, c, f = rng.normal(size=(T, N)) + rng.normal(size=N), rng.normal(size=N), rng.normal(size=T)
    parts = []
    for t in range(T):
        at = np.flatnonzero(there[t])
        W = A[np.ix_(at, at)]
        if kind == "row":
            sums = W.sum(axis=1, keepdims=True)
            W = W / np.where(sums > 0, sums, 1)
        eye = np.eye(len(at))
        u = np.linalg.solve(eye - LAMBDA * W, rng.normal(size=len(at)))
        y = np.linalg.solve(eye - rho * W, x[t, at] + c[at] + f[t] + u)
        parts.append(pd.DataFrame({"i": at, "t": t, "y": y, "x": x[t, at]}))
    return pd.concat(parts, ignore_index=True)


def cell(model: str, case: tuple, correction: bool, samples: int):
    """Of every sample and parameter the estimate, its standard error, and whether the intervals of the information and
    of clusters by unit hold the truth."""
    N, T, kind, share = case
    A = links(N)
    A = A if kind == "row" else A / np.abs(np.linalg.eigvalsh(A)).max()
    w, truth = wt.from_dense(A, ids=list(range(N))), {"rho": RHO, "lambda": LAMBDA, "x": 1.0}
    w = w.standardize("row") if kind == "row" else w
    for r in range(samples):
        data = panel(np.random.default_rng([11, r]), A, T, kind, share, RHO if model == "sac" else 0.0)
        fit = getattr(sp, model)("y ~ x", data, w, entity="i", time="t", correction=correction,
                                 missing="period" if share else "error")  # fmt: skip
        bounds, clustered = fit.conf_int(), fit.with_vcov("cluster").conf_int()
        for term in fit.params.index.intersection(list(truth)):
            low, high = bounds.loc[term]
            first, last = clustered.loc[term]
            yield term, (fit.params[term], fit.std_errors[term], low <= truth[term] <= high,
                         first <= truth[term] <= last)  # fmt: skip


def main() -> None:
    warnings.simplefilter("ignore")
    samples = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    for case in CASES:
        for model, correction in (("sem", True), ("sem", False), ("sac", True), ("sac", False)):
            results: dict = {}
            for term, numbers in cell(model, case, correction, samples):
                results.setdefault(term, []).append(numbers)
            for term, each in results.items():
                estimate, error, holds, clustered = np.array(each, dtype=float).T
                print(f"{model} {case} {term} correction={correction}: mean {estimate.mean():.3f}, standard deviation "
                      f"{estimate.std():.3f}, mean standard error {error.mean():.3f}, coverage {holds.mean():.3f}, "
                      f"clustered {clustered.mean():.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
