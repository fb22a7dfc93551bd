"""Two W and two regimes: rho_1 and rho_2 of each, its slope and effects, and Chow's tests where regimes are alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, interval, rejection

LABELS = np.array(["east", "west"])
BETA, THETA, RHOS = np.array([1.0, 0.5]), 0.4, np.array([[0.4, 0.1], [0.1, 0.4]])


def several_regimes(*, model: str, N: int, T: int = 1, wx: bool = False) -> Draw:
    """Intervals of each regime's slope, of every rho, of direct and indirect effects; rejections by Chow's tests of
    all coefficients and of rho_1, where both regimes have the rho of the first.

    Parameters
    ----------
    model : {"sar", "sdm"}
    N, T : int
        Units, on a ring: neighbors on both sides, and a second ring of them; the first half of them east. Periods, with
        two-way effects of a panel.
    wx : bool
        W^2 x of the first W in place of the second W, and one rho.
    """
    first, second = (np.roll(np.eye(N), k, axis=1) / 2 + np.roll(np.eye(N), -k, axis=1) / 2 for k in (1, 3))
    weights = [wt.from_dense(W, ids=list(range(N))) for W in (first, second)]
    codes = (np.arange(N) >= N // 2).astype(int)
    keys = {"entity": "unit", "time": "period", "effects": "twoway"} if T > 1 else {}
    passage = first @ first if wx else second

    def world(alike: bool):
        beta, rho = (np.full(2, BETA[0]), RHOS[:, :1] @ np.ones((1, 2))) if alike else (BETA, RHOS)
        rho = rho * np.array([[1.0], [0.0 if wx else 1.0]])
        A = np.eye(N) - rho[0, codes][:, None] * first - rho[1, codes][:, None] * second
        theta = THETA * beta[codes][:, None] * (model == "sdm")
        S = np.linalg.solve(A, np.diag(beta[codes]) + theta * passage)
        regimes = sp.Regimes("region", rho=True)

        def draw(rng):
            x, e = rng.standard_normal((2, T, N))
            shifts = rng.standard_normal(N) + rng.standard_normal((T, 1)) if T > 1 else np.zeros((1, 1))
            y = x @ S.T + (1 + shifts + e) @ np.linalg.inv(A).T
            data = pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "region": np.tile(LABELS[codes], T),
                                 "unit": np.tile(np.arange(N), T), "period": np.repeat(np.arange(T), N)})  # fmt: skip
            own = {"wx_order": 2} if wx else {}
            return getattr(sp, model)("y ~ x", data, weights[0] if wx else weights, regimes=regimes, **keys, **own)

        return draw, beta, rho, S

    (draw, beta, rho, S), (null, *_) = world(alike=False), world(alike=True)

    def results(rng):
        fit = draw(rng)
        return fit, fit.effects(), null(rng).chow()

    def outcomes(fit, effects, chow) -> dict:
        ends, measured = fit.conf_int(), {}
        for g, label in enumerate(LABELS):
            measured[f"beta, {label}"] = interval(*ends.loc[f"{label}: x"], beta[g])
            for m in range(2 - wx):
                name = "rho" if wx else f"rho_{m + 1}"
                measured[f"{name}, {label}"] = interval(*ends.loc[f"{label}: {name}"], rho[m, g])
        for row in effects.tidy().query("term.str.contains(':')").itertuples():
            members = codes == list(LABELS).index(row.term.partition(":")[0])
            own, total = np.diag(S)[members].mean(), S[:, members].sum() / members.sum()
            truth = {"direct": own, "indirect": total - own, "total": total}[row.effect]
            measured[f"{row.effect}, {row.term.partition(':')[0]}"] = interval(row.conf_low, row.conf_high, truth)
        measured["Chow, all"] = rejection(chow.joint.p_value)
        measured["Chow, rho_1"] = rejection(chow["rho" if wx else "rho_1"].p_value)
        return measured

    return Draw(results, outcomes)
