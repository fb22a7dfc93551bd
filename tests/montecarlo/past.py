"""Moments beside other options: GMM on past values with weights, paths of regions, several W and regimes; two-stage
least squares with rho by regime, and with unit effects that follow regressors and instruments."""

from __future__ import annotations

import numpy as np
import pandas as pd

import spatial as sp

from .cell import Draw, Interval, Rejection, interval
from .maps import dense_of, weights_of

TAU, RHO, BETA, THETA, BURN, REGIONS = 0.4, 0.3, 1.0, 0.5, 20, 4
BY_REGIME = {"tau": (0.5, 0.2), "rho": (0.45, 0.15), "beta": (1.5, 0.5)}
DYNAMIC = ("units", "changing", "paths", "two", "regimes", "rho")


def past(*, kind: str, N: int, T: int, model: str = "sar") -> Draw:
    """Intervals of every parameter, and Hansen's J, of y_t = tau y_{t-1} + rho W y_t + x_t beta + ... + e_t by GMM.

    Parameters
    ----------
    kind : {"units", "changing", "paths", "two", "regimes", "rho"}
        Weights of units, or that change; paths of regions; two W; tau and beta by regime, rho too.
    N, T : int
        Units, and periods after the first.
    model : {"sar", "sdm"}
    """
    W, V = dense_of("knn", N), dense_of("dense", N)
    weights = [weights_of("knn", N), weights_of("dense", N)] if kind == "two" else weights_of("knn", N)
    east, split = np.arange(N) < N // 2, kind in ("regimes", "rho")
    tau, beta = (np.where(east, *BY_REGIME[name]) if split else np.full(N, one)
                 for name, one in (("tau", TAU), ("beta", BETA)))  # fmt: skip
    rho = np.where(east, *BY_REGIME["rho"]) if kind == "rho" else np.full(N, RHO)
    other, theta = 0.2 * (kind == "two"), THETA * (model == "sdm")
    inverse = np.linalg.inv(np.eye(N) - rho[:, None] * W - other * V)
    names = {"lag(y)": TAU, "x": BETA, "W:x": theta, "rho": RHO, "rho_1": RHO, "rho_2": other}
    names |= {f"{label}: {name}": value for place, label in enumerate(("east", "west")) for name, value in (
        ("lag(y)", BY_REGIME["tau"][place]), ("x", BY_REGIME["beta"][place]), ("rho", BY_REGIME["rho"][place]),
        ("W:x", theta))}  # fmt: skip
    options: dict = {"obs_weights": "size"} if kind in ("units", "changing") else {}
    options |= {"regimes": sp.Regimes("side", rho=kind == "rho")} if split else {}
    formula = "y ~ x | i + t + region^t" if kind == "paths" else "y ~ x"
    region = np.arange(N) % REGIONS

    def results(rng):
        x, e = rng.standard_normal((2, BURN + T + 1, N))
        size = np.exp(0.8 * rng.standard_normal((len(x) if kind == "changing" else 1, N))) * np.ones((len(x), 1))
        e = e / np.sqrt(size) if kind in ("units", "changing") else e
        unit, period = rng.standard_normal(N), rng.standard_normal(len(x))
        path = rng.standard_normal((len(x), REGIONS))[:, region] * (kind == "paths")
        y = np.zeros(x.shape)
        for t in range(1, len(x)):
            mean = tau * y[t - 1] + beta * x[t] + theta * W @ x[t]
            y[t] = inverse @ (mean + unit + period[t] + path[t] + e[t])
        index = pd.MultiIndex.from_product([range(T + 1), range(N)], names=["t", "i"])
        columns = {"y": y, "x": x, "size": size}
        data = pd.DataFrame({name: values[BURN:].ravel() for name, values in columns.items()}, index).reset_index()
        data = data.assign(region=region[data["i"]], side=np.where(east[data["i"]], "east", "west"))
        return (getattr(sp, model)(formula, data, weights, entity="i", time="t", lags="y", method=sp.ArellanoBond(),
                                   **options),)  # fmt: skip

    def outcomes(fit) -> dict[str, Interval | Rejection]:
        ends = fit.conf_int()
        measured: dict[str, Interval | Rejection] = {one: interval(*ends.loc[one], names[one]) for one in ends.index}
        measured["Hansen J"] = Rejection(sp.instrument_tests(fit)["Hansen J"].p_value < 0.05)
        return measured

    return Draw(results, outcomes)


def beside_moments(*, kind: str, N: int, T: int, model: str = "sar", errors: str = "normal") -> Draw:
    """Intervals of every parameter of static models by moments, c endogenous; of correlated effects the test too.

    Parameters
    ----------
    kind : {"rho", "correlated", "independent"}
        Rho by regime beside two-way effects; unit effects that follow the means of x and of the instrument z; those
        that do not though the model lets them.
    N, T : int
    model : {"sar", "sdm", "sac"}
    errors : {"normal", "units"}
        "units": standard deviations that differ between units, and intervals clustered by unit.
    """
    W, weights = dense_of("knn", N), weights_of("knn", N)
    east = np.arange(N) < N // 2
    rho = np.where(east, *BY_REGIME["rho"]) if kind == "rho" else np.full(N, RHO)
    theta, lam = THETA * (model == "sdm"), 0.4 * (model == "sac")
    inverse, of_error = np.linalg.inv(np.eye(N) - rho[:, None] * W), np.linalg.inv(np.eye(N) - lam * W)
    true = {"x": BETA, "c": BETA, "W:x": theta, "W:c": theta, "rho": RHO, "lambda": lam}
    true |= {f"{label}: rho": value for label, value in zip(("east", "west"), BY_REGIME["rho"])}
    options: dict = {"effects": "correlated"} if kind != "rho" else {
        "effects": "twoway", "regimes": sp.Regimes("side", terms=[], rho=True)}  # fmt: skip
    options |= {"vcov": "cluster"} if errors == "units" else {}
    scale = np.sqrt(np.linspace(0.2, 1.8, N)) if errors == "units" else 1.0

    def results(rng):
        x, z, v, e = rng.standard_normal((4, T, N))
        z = z + rng.standard_normal(N)
        c, own = z + v + 0.6 * e, rng.standard_normal(N)
        followed = (x + z).mean(axis=0) * (kind == "correlated")
        period = rng.standard_normal((T, 1)) * (kind == "rho")
        mean = 1 + x + c + theta * (x + c) @ W.T + period + followed
        y = (mean + (own + scale * e) @ of_error.T) @ inverse.T
        index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
        columns = {"y": y, "x": x, "c": c, "z": z}
        data = pd.DataFrame({name: values.ravel() for name, values in columns.items()}, index).reset_index()
        data = data.assign(side=np.where(east[data["i"]], "east", "west"))
        return (getattr(sp, model)("y ~ x + c", data, weights, entity="i", time="t", endog=["c"], instruments=["z"],
                                   method="gmm", **options),)  # fmt: skip

    def outcomes(fit) -> dict[str, Interval | Rejection]:
        ends = fit.conf_int()
        measured: dict[str, Interval | Rejection] = {
            name: interval(*ends.loc[name], value) for name, value in true.items() if name in ends.index
        }
        if kind != "rho":
            measured["Mundlak"] = Rejection(sp.mundlak_test(fit).p_value < 0.05, power=kind == "correlated")
        return measured

    return Draw(results, outcomes)
