"""How often do the tests of panels reject what is true? At 5 % it should be 5 of 100 samples.

    python benchmarks/sizes.py [--samples 1000]      # about a quarter of an hour

    y_t = rho W y_t + x_t + z_t + theta (W x_t + W z_t) + c + m_t 1 + u_t,   errors standard normal

with W the four nearest of N points at random, x_t and z_t normal with unit effects of their own; every test has what
its null says, and nothing else.
"""

from __future__ import annotations

import argparse
import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
from intervals import nearest

import spatial as sp

DESIGNS = ((31, 5), (31, 13), (48, 5), (48, 17))
FORMULA = "y ~ x + z"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    columns = {f"{N}, {T}": sizes(N, T, args.samples) for N, T in DESIGNS}
    print("".join(f"| {name} " for name in ("", *columns)) + "|\n" + "| --- " * (len(columns) + 1) + "|")
    for name, shares in pd.DataFrame(columns).iterrows():
        print(f"| {name} " + "".join(f"| {100 * share:.1f} " for share in shares) + "|")


def sizes(N: int, T: int, samples: int, seed: int = 0) -> dict[str, float]:
    """Test -> share of samples in which it rejects at 5 %."""
    rng = np.random.default_rng([N, T, seed])
    W = nearest(rng, N, 4)
    draw = Draws(rng, W, T)
    result = [{test.name: test.p_value < 0.05 for test in tests(draw)} for _ in range(samples)]
    return pd.DataFrame(result).mean().to_dict()


class Draws:
    """Samples of one design: regressors, errors and effects anew each time."""

    def __init__(self, rng, W, T):
        self.rng, self.W, self.T, self.w = rng, W, T, pd.DataFrame(W)
        N = len(W)
        self.index = pd.MultiIndex.from_product([range(T), range(N)], names=["t", "i"])
        self.again()

    def again(self):
        """New regressors, errors, unit and period effects."""
        shape = (self.T, len(self.W))
        self.x, self.z, self.e = self.rng.standard_normal((3, *shape))
        self.x, self.z = (v + self.rng.standard_normal(shape[1]) for v in (self.x, self.z))
        self.units, self.periods = self.rng.standard_normal(shape[1]), self.rng.standard_normal((self.T, 1))

    def fit(self, model, effects, *, rho=0.0, theta=0.0, lam=0.0, units=1.0, periods=1.0):
        """The model on y of these parameters, with unit and period effects of these sizes."""
        eye = np.eye(len(self.W))
        X = self.x + self.z
        u = np.linalg.solve(eye - lam * self.W, self.e.T).T + units * self.units + periods * self.periods
        y = np.linalg.solve(eye - rho * self.W, (X + theta * X @ self.W.T + u).T).T
        data = pd.DataFrame({"y": y.ravel(), "x": self.x.ravel(), "z": self.z.ravel()}, self.index).reset_index()
        return getattr(sp, model)(FORMULA, data, self.w, entity="i", time="t", effects=effects)


def tests(draw: Draws):
    """Every test on data for which its null is true."""
    draw.again()
    yield from _spatial(draw)
    yield from _effects(draw)
    yield from _residuals(draw)


def _spatial(draw):
    """Two-way effects."""
    plain = draw.fit("ols", "twoway")
    yield from sp.lm_tests(plain)
    for test in sp.durbin_lm_tests(plain):
        if "WX" in test.name:
            yield test
    for smaller, truth in (("sar", {"rho": 0.3}), ("sem", {"lam": 0.3}), ("slx", {"theta": 0.5})):
        full = draw.fit("sdm", "twoway", **truth)
        yield sp.lr_test(draw.fit(smaller, "twoway", **truth), full)
        yield sp.wald_test(full, smaller.upper())


def _effects(draw):
    """Unit effects apart from the regressors; then none of one kind."""
    truth = {"rho": 0.3, "periods": 0.0}
    yield renamed(sp.hausman(draw.fit("ols", "entity", periods=0.0), draw.fit("ols", "random", periods=0.0)), "OLS")
    within = draw.fit("sdm", "entity", theta=0.5, **truth)
    yield renamed(sp.hausman(within, draw.fit("sdm", "random", theta=0.5, **truth)), "SDM")
    within = draw.fit("sdm", "twoway", theta=0.5, rho=0.3)
    for vcov in ("oim", "cluster"):
        yield renamed(sp.robust_hausman(draw.fit("ols", "twoway"), vcov=vcov), f"OLS, {vcov}")
        yield renamed(sp.robust_hausman(within, vcov=vcov), f"SDM, {vcov}")
    fit = draw.fit("sdm", "correlated", theta=0.5, **truth)
    yield renamed(sp.mundlak_test(fit), "SDM, oim")
    yield renamed(sp.mundlak_test(fit.with_vcov("cluster")), "SDM, cluster")
    for smaller, absent in (("entity", {"periods": 0.0}), ("time", {"units": 0.0})):
        yield sp.effects_test(*(draw.fit("sar", e, rho=0.3, **absent) for e in (smaller, "twoway")))
    pooled, random = (draw.fit("sar", e, rho=0.3, units=0.0, periods=0.0) for e in ("none", "random"))
    yield sp.lr_test(pooled, random)


def _residuals(draw):
    """Errors that are independent over units and time."""
    within = draw.fit("ols", "entity", periods=0.0)
    yield sp.pesaran_cd(within)
    yield renamed(sp.pesaran_cd(within, neighbors=True), "entity effects")
    yield renamed(sp.pesaran_cd(draw.fit("ols", "twoway"), neighbors=True), "two-way effects")
    yield from sp.serial_correlation(draw.fit("sar", "twoway", rho=0.3))
    yield from sp.random_effects_tests(draw.fit("ols", "none", units=0.0, periods=0.0))


def renamed(test, more: str):
    """The same test, and what it was made on."""
    return replace(test, name=f"{test.name} ({more})")


if __name__ == "__main__":
    main()
