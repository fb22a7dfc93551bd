"""Dynamic panels whose score loses its exact mean: several W, tau and rho by regime, weights of observations, effects
of regions in years.

    y_t = sum_j rho_j L_j y_t + tau y_{t-1} + sum_j eta_j L_j y_{t-1} + x_t + c + m_t + e_t

L_j = W_1, W_2, or 1_r W of two halves; else W. Six periods, in which the maximum has lost .3 of tau."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, Interval, interval

BURN, TAU, ETA = 30, 0.4, -0.1
NAMES = {"x": "beta", "lag(y)": "tau", "W:lag(y)": "eta", "W_1:lag(y)": "eta_1", "W_2:lag(y)": "eta_2"}


def ring(N: int, *steps: int) -> np.ndarray:
    """Units on a circle, each with neighbors so many places before and behind it."""
    return sum(np.roll(np.eye(N), sign * step, axis=1) for step in steps for sign in (1, -1)) / (2 * len(steps))


def dynamic_exact(*, kind: str, model: str = "sar", N: int = 40, T: int = 6) -> Draw:
    """Intervals of every parameter and, where they are of one kind, of the long-run effects.

    Parameters
    ----------
    kind : {"two W", "regimes", "weights", "ways"}
        rho_1 = .3, rho_2 = .2 and eta_1 = -.1, eta_2 = .1; rho = .4 and .2, tau = .6 and .2, one eta, by halves of the
        circle; variances 1 / w, w from .4 to 2; eight regions with years of their own.
    """
    near, far, half = ring(N, 1, 2), ring(N, 3, 5), np.repeat([0, 1], N // 2)
    region, eye = np.arange(N) // (N // 8), np.eye(N)
    one, other = (wt.from_dense(matrix, ids=list(range(N))) for matrix in (near, far))
    A, C = eye - 0.3 * near, TAU * eye + ETA * near
    truth = {"rho": 0.3, "tau": TAU, "eta": ETA, "beta": 1.0}
    formula, weights, more = "y ~ x", one, {"effects": "twoway"}
    if kind == "two W":
        A, C, weights = A - 0.2 * far, C + 0.1 * far, [one, other]
        truth = {"rho_1": 0.3, "rho_2": 0.2, "tau": TAU, "eta_1": ETA, "eta_2": 0.1, "beta": 1.0}
    elif kind == "regimes":
        A = eye - np.where(half, 0.2, 0.4)[:, None] * near
        C = np.diag(np.where(half, 0.2, 0.6)) + ETA * near
        more["regimes"] = sp.Regimes("half", terms=["lag(y)"], rho=True)
        truth = {"0: rho": 0.4, "1: rho": 0.2, "0: tau": 0.6, "1: tau": 0.2, "eta": ETA, "beta": 1.0}
    elif kind == "weights":
        more["obs_weights"] = "w"
    else:
        formula, more = "y ~ x | i + t + r^t", {}
    S = np.linalg.inv(A - C)
    truth |= {"long direct": S.trace() / N, "long total": S.sum() / N}
    A = np.linalg.inv(A)

    def results(rng):
        x, c = rng.standard_normal((BURN + T + 1, N)), rng.standard_normal(N)
        path = rng.standard_normal((BURN + T + 1, 8))
        w = rng.uniform(0.4, 2.0, x.shape) if kind == "weights" else np.ones(x.shape)
        y = np.zeros(x.shape)
        for t in range(1, len(x)):
            common = path[t, region] if kind == "ways" else path[t, 0]
            y[t] = A @ (C @ y[t - 1] + x[t] + c + common + rng.standard_normal(N) / np.sqrt(w[t]))
        index = {"i": np.tile(np.arange(N), T + 1), "t": np.repeat(np.arange(T + 1), N)}
        data = pd.DataFrame({**index, "x": x[BURN:].ravel(), "y": y[BURN:].ravel(), "w": w[BURN:].ravel(),
                             "half": np.tile(half, T + 1), "r": np.tile(region, T + 1)})  # fmt: skip
        fit = getattr(sp, model)(formula, data, weights, entity="i", time="t", lags="both", **more)
        effects = fit.effects()
        return fit, None if effects.no_long_run else effects.long_run

    def measured(fit, run) -> dict[str, Interval]:
        ends, out = fit.conf_int(), {}
        for name in ends.index:
            label, _, term = name.removeprefix("half = ").rpartition(": ")
            short = ": ".join(filter(None, (label, NAMES.get(term, term))))
            if short in truth:
                out[short] = interval(*ends.loc[name], truth[short])
        if run is not None:
            table = run.tidy().query("term == 'x'").set_index("effect")
            for effect in ("direct", "total"):
                out[f"long {effect}"] = interval(*table.loc[effect, ["conf_low", "conf_high"]], truth[f"long {effect}"])
        return out

    return Draw(results, measured)
