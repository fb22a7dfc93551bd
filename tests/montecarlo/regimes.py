"""Two regimes: coefficients, rho, lambda and sigma2 of each, and Chow's test where they are alike."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, interval, rejection
from .maps import dense_of, weights_of

LABELS = np.array(["east", "west"])
BETA, RHO, SIGMA2 = np.array([1.0, 0.5]), np.array([0.5, 0.2]), np.array([1.0, 2.0])


def regimes(*, model: str, n: int, w: str, what: tuple[str, ...] = (), periods: int = 1) -> Draw:
    """Intervals of each regime's slope, rho (or lambda) and direct and indirect effect; rejections by Chow's test of
    all coefficients, and of rho and sigma2, where both regimes are alike.

    Parameters
    ----------
    model : {"sar", "sem", "sdm"}
    n, periods : int
        Units, the first half of them east; periods, with two-way effects of a panel.
    w : str
        Of ``maps.KINDS``.
    what : tuple of {"rho", "lam", "sigma2"}
        What differs besides the coefficients.
    """
    W, weights, codes = dense_of(w, n), weights_of(w, n), (np.arange(n) >= n // 2).astype(int)
    options = sp.Regimes("region", **dict.fromkeys(what, True))
    keys = {"entity": "unit", "time": "period", "effects": "twoway"} if periods > 1 else {}
    spatial = "lambda" if model == "sem" else "rho"

    def world(alike: bool):
        beta, s2 = (np.full(2, v[0]) if alike else v for v in (BETA, SIGMA2 if "sigma2" in what else np.ones(2)))
        rho = RHO if {"rho", "lam"} & set(what) and not alike else np.full(2, RHO[0])
        A_inverse = np.linalg.inv(np.eye(n) - rho[codes][:, None] * W)
        theta = 0.5 * beta * (model == "sdm")
        S = (np.eye(n) if model == "sem" else A_inverse) @ (np.diag(beta[codes]) + theta[codes][:, None] * W)

        def draw(rng):
            x, e = rng.standard_normal((2, periods, n))
            shifts = rng.standard_normal(n) + rng.standard_normal((periods, 1)) if periods > 1 else 0.0
            mean, e = 1 + shifts + x * beta[codes] + theta[codes] * (x @ W.T), e * np.sqrt(s2[codes])
            y = mean + e @ A_inverse.T if model == "sem" else (mean + e) @ A_inverse.T
            data = pd.DataFrame({"x": x.ravel(), "y": y.ravel(), "region": np.tile(LABELS[codes], periods)})
            if periods > 1:
                data = data.assign(unit=np.tile(np.arange(n), periods), period=np.repeat(np.arange(periods), n))
            return getattr(sp, model)("y ~ x", data, weights, regimes=options, **keys)

        return draw, beta, rho, S

    (draw, beta, rho, S), (null, *_) = world(alike=False), world(alike=True)

    def results(rng):
        fit = draw(rng)
        return fit, fit.effects() if model != "sem" else None, null(rng).chow()

    def outcomes(fit, effects, chow):
        ends, measured = fit.conf_int(), {}
        for g, label in enumerate(LABELS):
            measured[f"beta, {label}"] = interval(*ends.loc[f"{label}: x"], beta[g])
            if f"{label}: {spatial}" in ends.index:
                measured[f"{spatial}, {label}"] = interval(*ends.loc[f"{label}: {spatial}"], rho[g])
        if spatial in ends.index:
            measured[spatial] = interval(*ends.loc[spatial], rho[0])
        for row in effects.tidy().query("term.str.contains(':')").itertuples() if effects is not None else ():
            label = row.term.partition(":")[0]
            members = codes == list(LABELS).index(label)
            own, total = np.diag(S)[members].mean(), S[:, members].sum() / members.sum()
            truth = {"direct": own, "indirect": total - own, "total": total}[row.effect]
            measured[f"{row.effect}, {label}"] = interval(row.conf_low, row.conf_high, truth)
        measured["Chow, all"] = rejection(chow.joint.p_value)
        for test in chow:
            if test.name in ("rho", "lambda", "sigma2"):
                measured[f"Chow, {test.name}"] = rejection(test.p_value)
        return measured

    return Draw(results, outcomes)
