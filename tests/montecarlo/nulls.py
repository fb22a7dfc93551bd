"""Tests at 5 % on data for which their null is true; power where that is cheap."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Rejection, rejection
from .cross import CrossSection
from .maps import dense_of, weights_of

KEYS = {"entity": "i", "time": "t"}


def lm(*, n, w, k=1, errors="normal"):
    """The five LM tests and Moran's I of the residuals after least squares; power of two at rho = .4."""
    null, lag = (CrossSection(model, n, w, k, errors, 0.4, 0.4) for model in ("ols", "sar"))
    formula, weights = "y ~ " + " + ".join(f"x{j + 1}" for j in range(k)), weights_of(w, n)

    def draw(rng):
        data = null.sample(rng)
        fit = sp.ols(formula, data, weights)
        measured = {test.name: rejection(test.p_value) for test in sp.lm_tests(fit)}
        measured["Moran, residuals"] = rejection(sp.moran_residuals(fit.resid, fit._design.X[0], weights).p_value)
        tests = sp.lm_tests(sp.ols(formula, lag.sample(rng), weights))
        return measured | {f"{name}, rho .4": rejection(tests[name].p_value, power=True)
                           for name in ("LM lag", "robust LM lag")}  # fmt: skip

    return draw


def restrictions(*, n, w="knn", k=1, T=1, method="ml", truths=("sar", "sem", "slx")):
    """LR, Wald and common factor tests of the Durbin model against the smaller model that is true."""
    worlds = {truth: CrossSection(truth, n, w, k, "normal", 0.4, 0.4) for truth in truths}
    formula, weights = "y ~ " + " + ".join(f"x{j + 1}" for j in range(k)), weights_of(w, n)

    def sample(world, rng):
        if T == 1:
            return world.sample(rng)
        c = rng.standard_normal(n)
        parts = [world.sample(rng).assign(i=range(n), t=t) for t in range(T)]
        data = pd.concat(parts)
        return data.assign(y=data["y"] + c[data["i"]] + rng.standard_normal(T)[data["t"]])

    def draw(rng):
        measured, options = {}, KEYS if T > 1 else {}
        for truth, world in worlds.items():
            data = sample(world, rng)
            full = sp.sdm(formula, data, weights, method=method, **options)
            name = truth.upper()
            measured[f"Wald SDM, {name}"] = rejection(sp.wald_test(full, name).p_value)
            if method == "ml":
                small = getattr(sp, truth)(formula, data, weights, **options)
                measured[f"LR SDM, {name}"] = rejection(sp.lr_test(small, full).p_value)
                if truth == "sem":
                    measured["common factor"] = rejection(sp.common_factor(full, small).p_value)
        if T == 1 and "sem" in worlds and method == "ml":
            fit = sp.sem(formula, worlds["sem"].sample(rng), weights)
            measured["spatial Hausman"] = rejection(sp.spatial_hausman(fit).p_value)
            measured["LM error after SAR"] = rejection(
                sp.lm_residual_error(sp.sar(formula, worlds["sar"].sample(rng), weights)).p_value)  # fmt: skip
        return measured

    return draw


def residual(*, n, w="knn", k=1, errors="normal"):
    """Breusch-Pagan and Jarque-Bera after least squares and SAR."""
    world = CrossSection("sar", n, w, k, errors, 0.4, 0.4)
    formula, weights = "y ~ " + " + ".join(f"x{j + 1}" for j in range(k)), weights_of(w, n)

    def draw(rng):
        fit = sp.sar(formula, world.sample(rng), weights)
        return {"Breusch-Pagan": rejection(sp.breusch_pagan(fit).p_value),
                "Jarque-Bera": rejection(sp.jarque_bera(fit).p_value)}  # fmt: skip

    return draw


class PanelNull:
    """y = rho W y + x + z + theta W (x + z) + c + m + e, from the same x, z, e, c, m until the next ``again``."""

    def __init__(self, N, T):
        self.N, self.T, self.W, self.w = N, T, dense_of("knn", N), weights_of("knn", N)
        self.index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])

    def again(self, rng):
        shape = (self.T, self.N)
        self.x, self.z = (rng.standard_normal(shape) + rng.standard_normal(self.N) for _ in range(2))
        self.e, self.c = rng.standard_normal(shape), rng.standard_normal(self.N)
        self.m = rng.standard_normal((self.T, 1))

    def fit(self, model, effects, *, rho=0.0, theta=0.0, lam=0.0, units=1.0, periods=1.0):
        eye, X = np.eye(self.N), self.x + self.z
        u = np.linalg.solve(eye - lam * self.W, self.e.T).T + units * self.c + periods * self.m
        y = np.linalg.solve(eye - rho * self.W, (X + theta * X @ self.W.T + u).T).T
        data = pd.DataFrame({"y": y.ravel(), "x": self.x.ravel(), "z": self.z.ravel()}, self.index).reset_index()
        return getattr(sp, model)("y ~ x + z", data, self.w, effects=effects, **KEYS)


def panel_lm(*, N, T):
    """LM tests under two-way effects, those of the Durbin terms among them."""
    world = PanelNull(N, T)

    def draw(rng):
        world.again(rng)
        plain = world.fit("ols", "twoway")
        tests = [*sp.lm_tests(plain), *(test for test in sp.durbin_lm_tests(plain) if "WX" in test.name)]
        return {test.name: rejection(test.p_value) for test in tests}

    return draw


def panel_effects(*, N, T):
    """Hausman's and Mundlak's tests, LR tests of unit and period effects."""
    world = PanelNull(N, T)

    def draw(rng):
        world.again(rng)
        truth, measured = {"rho": 0.3, "periods": 0.0}, {}
        pair = [world.fit("ols", e, periods=0.0) for e in ("entity", "random")]
        measured["Hausman, OLS"] = sp.hausman(*pair)
        pair = [world.fit("sdm", e, theta=0.5, **truth) for e in ("entity", "random")]
        measured["Hausman, SDM"] = sp.hausman(*pair)
        measured["robust Hausman, OLS"] = sp.robust_hausman(world.fit("ols", "twoway"))
        measured["robust Hausman, SDM"] = sp.robust_hausman(world.fit("sdm", "twoway", theta=0.5, rho=0.3))
        fit = world.fit("sdm", "correlated", theta=0.5, **truth)
        measured["Mundlak"] = sp.mundlak_test(fit)
        measured["Mundlak, cluster"] = sp.mundlak_test(fit.with_vcov("cluster"))
        for smaller, absent in (("entity", {"periods": 0.0}), ("time", {"units": 0.0})):
            pair = [world.fit("sar", e, rho=0.3, **absent) for e in (smaller, "twoway")]
            measured[f"LR twoway, {smaller}"] = sp.effects_test(*pair)
        return {name: rejection(test.p_value) for name, test in measured.items()}

    return draw


def panel_residuals(*, N, T):
    """Errors that are independent over units and time: CD, serial correlation, random effects."""
    world = PanelNull(N, T)

    def draw(rng):
        world.again(rng)
        within = world.fit("ols", "entity", periods=0.0)
        measured = {"CD": sp.pesaran_cd(within), "CD, neighbors": sp.pesaran_cd(within, neighbors=True)}
        measured |= {test.name: test for test in sp.serial_correlation(world.fit("sar", "twoway", rho=0.3))}
        pooled = world.fit("ols", "none", units=0.0, periods=0.0)
        measured |= {test.name: test for test in sp.random_effects_tests(pooled)}
        return {name: rejection(test.p_value) for name, test in measured.items()}

    return draw


def search(*, n, w="knn", k=2, rule="specific_to_general", errors="normal"):
    """How often ``specify`` leaves least squares though it is true, at 5 %; and finds a lag of .5 (power)."""
    null, lag = (CrossSection(model, n, w, k, errors, 0.5, 0.5) for model in ("ols", "sar"))
    formula, weights = "y ~ " + " + ".join(f"x{j + 1}" for j in range(k)), weights_of(w, n)

    def draw(rng):
        stays, finds = (sp.specify(formula, world.sample(rng), weights, rule=rule).choice.upper() == name
                        for world, name in ((null, "OLS"), (lag, "SAR")))  # fmt: skip
        return {"leaves OLS": Rejection(not stays), "ends at SAR": Rejection(finds, power=True)}

    return draw


def moran_family(*, n, w, law="normal", permutations=199):
    """Global statistics by permutation on values that are independent over space."""
    weights = weights_of(w, n)

    def draw(rng):
        y = pd.Series(rng.standard_normal(n) if law == "normal" else rng.exponential(size=n))
        options = {"permutations": permutations, "seed": int(rng.integers(2**31))}
        return {"Moran": rejection(sp.moran(y, weights, **options).p_value),
                "Geary": rejection(sp.geary(y, weights, **options).p_value),
                "Getis-Ord": rejection(sp.getis_ord(y - y.min() + 1, weights, **options).p_value)}  # fmt: skip

    return draw
