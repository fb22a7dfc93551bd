"""A fifth of the outcomes is not observed, beside several W, rho by regime, random effects, errors correlated over
time, further effects, or by the restricted likelihood."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp
import weights as wt

from .cell import Draw, Interval, interval
from .maps import dense_of, weights_of

SHARE = 0.2
RHO, SECOND, PSI = 0.4, 0.25, 0.5
KINDS = ("direct", "indirect", "total")


def missing_joint(*, what: str, n: int, w: str, periods: int) -> Draw:
    """Intervals of rho, the slope, its effects, psi and of an outcome that is not observed, in a model with W y.

    Parameters
    ----------
    what : {"two W", "regimes", "random", "ar1", "ways", "reml"}
        Two W; rho by regime of the first and second half of the units beside two-way effects; random unit effects of
        the variance one; psi beside two-way effects; effects of units and of four groups by period; ten regressors and
        the restricted likelihood of a cross-section.
    n, periods : int
    w : str
        Of ``maps.KINDS``.
    """
    W, weights, eye = dense_of(w, n), weights_of(w, n), np.eye(n)
    order = np.roll(np.arange(n), n // 2)
    other = W[np.ix_(order, order)]
    second = wt.from_dense(other, ids=list(range(n)))
    half = np.arange(n) < n // 2
    rho = {"two W": {"rho_1": RHO, "rho_2": SECOND}, "regimes": {"first: rho": RHO, "second: rho": SECOND}}
    true = {**rho.get(what, {"rho": RHO}), "x": 1.0}
    links = {"two W": RHO * W + SECOND * other, "regimes": np.where(half, RHO, SECOND)[:, None] * W}.get(what, RHO * W)
    A = np.linalg.inv(eye - links)
    truth = dict(zip(KINDS, (A.trace() / n, (A.sum() - A.trace()) / n, A.sum() / n)))
    options = {"two W": {"w": [weights, second], "effects": "twoway"},
               "regimes": {"regimes": sp.Regimes("half", terms=[], rho=True), "effects": "twoway"},
               "random": {"effects": "random"}, "ar1": {"effects": "twoway", "serial": "ar1"}, "ways": {},
               "reml": {"method": "reml"}}[what]  # fmt: skip
    formula = "y ~ x" + {"ways": " | unit + group^period"}.get(what, "")
    formula += "".join(f" + z{j}" for j in range(9)) * (what == "reml")
    keys = {"entity": "unit", "time": "period"} if periods > 1 else {}
    group = np.arange(n) % 4

    def results(rng):
        x, e = rng.standard_normal((2, periods, n))
        for t in range(1, periods * (what == "ar1")):
            e[t] = PSI * e[t - 1] + np.sqrt(1 - PSI**2) * e[t]
        shifts = rng.standard_normal(n) * (periods > 1) + rng.standard_normal((periods, 1)) * (what != "random")
        if what == "ways":
            shifts = shifts + rng.standard_normal((periods, 4))[:, group]
        y = (1 + shifts + x + e) @ A.T
        seen = rng.random((periods, n)) >= SHARE
        rows = {"x": x.ravel(), "y": np.where(seen, y, np.nan).ravel(), "unit": np.tile(np.arange(n), periods),
                "period": np.repeat(np.arange(periods), n), "group": np.tile(group, periods),
                "half": np.tile(np.where(half, "first", "second"), periods)}  # fmt: skip
        data = pd.DataFrame(rows | {f"z{j}": rng.standard_normal(n * periods) for j in range(9 * (what == "reml"))})
        fit = sp.sar(formula, data, **({"w": weights, "missing": "model"} | keys | options))
        return fit, fit.effects(method="delta"), y

    def outcomes(fit, averages, y) -> dict[str, Interval]:
        ends = fit.conf_int()
        measured = {{"x": "beta"}.get(name, name): interval(*ends.loc[name], value) for name, value in true.items()}
        for row in averages.tidy().itertuples():
            if row.term == "x":
                measured[row.effect] = interval(row.conf_low, row.conf_high, truth[row.effect])
        if what == "ar1":
            psi = sp.variance_components(fit).set_index("term").loc["psi"]
            measured["psi"] = interval(psi["conf_low"], psi["conf_high"], PSI)
        table = fit.predict_missing()
        first, t, i = table.iloc[0], *(table.index[0][::-1] if periods > 1 else (0, table.index[0]))
        return measured | {"missing y": interval(first["conf_low"], first["conf_high"], y[t, i])}

    return Draw(results, outcomes)
