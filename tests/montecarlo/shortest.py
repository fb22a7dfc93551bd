"""Dynamic panels close to a unit root, whose score less its exact mean may have no root: it is then at its shortest.

    python -m tests.montecarlo.shortest [samples]

y_t = rho W y_t + tau y_{t-1} + x_t / 2 + (1 - tau) c + e_t, 40 units on a circle with a neighbor at each side, after 30
periods that are not kept; sar with lags="y" and unit effects, by the score's root (weights of one take that road) and
``correction=False``. Of tau the bias and how often 95 % intervals hold it.
"""

from __future__ import annotations

import sys
import warnings

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

N, BEFORE = 40, 30
DESIGNS = ((0.9, 0.0, 8), (0.9, 0.0, 16), (0.5, 0.3, 6))  # tau, rho, periods
KEYS = {"entity": "id", "time": "t", "effects": "entity", "lags": "y"}


def circle() -> np.ndarray:
    return (np.roll(np.eye(N), 1, axis=1) + np.roll(np.eye(N), -1, axis=1)) / 2


def panel(seed: int, tau: float, rho: float, T: int) -> pd.DataFrame:
    """T periods and the one before them."""
    rng = np.random.default_rng(seed)
    c, x, A = rng.standard_normal(N), rng.standard_normal((T + BEFORE, N)), np.eye(N) - rho * circle()
    y, path = np.zeros(N), []
    for t in range(T + BEFORE):
        y = np.linalg.solve(A, tau * y + x[t] / 2 + (1 - tau) * c + rng.standard_normal(N))
        path.append(y)
    return pd.DataFrame({"id": np.tile(np.arange(N), T + 1), "t": np.repeat(np.arange(T + 1), N), "one": 1.0,
                         "y": np.ravel(path[-T - 1 :]), "x": x[-T - 1 :].ravel()})  # fmt: skip


def main() -> None:
    warnings.simplefilter("ignore")
    samples, w = int(sys.argv[1]) if len(sys.argv) > 1 else 120, wt.from_dense(circle(), ids=list(range(N)))
    for tau, rho, T in DESIGNS:
        rows = []
        for seed in range(samples):
            data = panel(seed, tau, rho, T)
            fit = sp.sar("y ~ x", data, w, obs_weights="one", **KEYS)
            plain = sp.sar("y ~ x", data, w, correction=False, **KEYS)
            low, high = fit.conf_int().loc["lag(y)"]
            rows.append([getattr(fit._solution, "nearest", False), fit.params["lag(y)"] - tau,
                         plain.params["lag(y)"] - tau, low <= tau <= high])  # fmt: skip
        without, bias, of_maximum, cover = np.array(rows, dtype=float).mean(axis=0)
        print(f"tau {tau}, rho {rho}, {T} periods: without a root {without:.0%}, bias {bias:+.3f} (the maximum "
              f"{of_maximum:+.3f}), coverage {cover:.2f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
