"""NIST's linear regressions through ``ols``: digits beside the solution of the normal equations in exact fractions."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp

STRD = json.loads((Path(__file__).parents[2] / "reference/nist/strd.json").read_text())
POWERS = {"pontius": 2, "filip": 10, **{f"wampler{i}": 5 for i in range(1, 6)}}
FORMULAS = {"norris": "y ~ x", "noint1": "y ~ x - 1", "noint2": "y ~ x - 1",
            "longley": "y ~ x1 + x2 + x3 + x4 + x5 + x6"}  # fmt: skip
# Correct digits of the coefficients; 15 are all that a double has. Filip's powers of x are rounded before they are
# used.
DIGITS = {"norris": 12, "pontius": 11.5, "noint1": 14, "noint2": 14, "longley": 14, "wampler3": 14, "wampler4": 14,
          "wampler5": 14, "filip": 7.5}  # fmt: skip
EXACT = ("wampler1", "wampler2")  # y is a polynomial of x


def exact(name):
    """beta, the squared standard errors and s2 of least squares, in fractions of the decimals as they are printed."""
    data = {key: [Fraction(repr(v)) for v in values] for key, values in STRD[name]["data"].items()}
    y = data.pop("y")
    if name in POWERS:
        X = [[data["x"][i] ** p for p in range(POWERS[name] + 1)] for i in range(len(y))]
    else:
        X = [[Fraction(1)] * (not name.startswith("noint")) + [column[i] for column in data.values()]
             for i in range(len(y))]  # fmt: skip
    k = len(X[0])
    rows = [[sum(r[a] * r[b] for r in X) for b in range(k)] + [Fraction(int(a == b)) for b in range(k)]
            for a in range(k)]  # fmt: skip
    for a in range(k):  # Gauss-Jordan
        pivot = next(i for i in range(a, k) if rows[i][a])
        rows[a], rows[pivot] = rows[pivot], rows[a]
        rows[a] = [v / rows[a][a] for v in rows[a]]
        for b in range(k):
            if b != a and rows[b][a]:
                rows[b] = [u - rows[b][a] * v for u, v in zip(rows[b], rows[a])]
    inverse = [row[k:] for row in rows]
    Xy = [sum(r[a] * v for r, v in zip(X, y)) for a in range(k)]
    beta = [sum(u * v for u, v in zip(row, Xy)) for row in inverse]
    s2 = sum((v - sum(b * x for b, x in zip(beta, r))) ** 2 for r, v in zip(X, y)) / (len(y) - k)
    return beta, [s2 * inverse[a][a] for a in range(k)], s2


def root(value: Fraction) -> float:
    return float(np.sqrt(float(value)))


def lre(got, want):
    """Fewest correct digits."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    size = np.where(want == 0, 1.0, np.abs(want))
    with np.errstate(divide="ignore"):
        return float(np.min(-np.log10(np.abs(got - want) / size)))


def regression(name):
    """The regression as a user writes it."""
    frame = pd.DataFrame(STRD[name]["data"])
    if name in POWERS:
        formula = "y ~ x + " + " + ".join(f"I(x ** {p})" for p in range(2, POWERS[name] + 1))
    else:
        formula = FORMULAS[name]
    return sp.ols(formula, frame, pd.DataFrame(np.roll(np.eye(len(frame)), 1, axis=1)))


@pytest.mark.parametrize("name", [n for n in STRD if n != "source"])
def test_exact_fractions_are_what_nist_certifies(name):
    """In all fifteen digits."""
    beta, variances, _ = exact(name)
    certified = STRD[name]["certified"]
    assert len(certified["beta"]) == len(certified["se"]) == len(beta)
    np.testing.assert_allclose([*map(float, certified["beta"])], [*map(float, beta)], rtol=1e-14)
    np.testing.assert_allclose([*map(float, certified["se"])], [*map(root, variances)], rtol=1e-14)


@pytest.mark.parametrize("name", DIGITS)
def test_coefficients_and_standard_errors(name):
    beta, variances, s2 = exact(name)
    fit = regression(name)
    assert lre(fit.params, beta) > DIGITS[name]
    assert lre(fit.std_errors, [root(v) for v in variances]) > min(DIGITS[name], 12)
    assert lre(np.sqrt(fit.sigma2), root(s2)) > min(DIGITS[name], 12)


@pytest.mark.parametrize("name", EXACT)
def test_a_polynomial_without_error(name):
    """NIST certifies standard errors of zero; ours are withheld with a warning, and tests of residuals refuse."""
    beta, _, s2 = exact(name)
    with pytest.warns(sp.SpatialInputWarning, match="no residual variance is left: standard errors are withheld"):
        fit = regression(name)
    assert s2 == 0
    assert lre(fit.params, beta) > 12
    assert fit.tidy()[["std_error", "statistic", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    assert fit.with_vcov("robust").std_errors.isna().all()
    assert "standard errors are withheld" in str(fit)
    for test in (sp.lm_tests, sp.diagnose, sp.jarque_bera, sp.breusch_pagan, lambda fit: sp.lr_test(fit, fit)):
        with pytest.raises(sp.SpatialInputError, match="E703"):
            test(fit)


def test_a_lag_in_space_without_error():
    """Of least squares with lags too; a likelihood of rho has no maximum there."""
    z = np.sin(np.arange(30.0))
    W = np.roll(np.eye(30), 1, axis=1)
    frame = pd.DataFrame({"y": 1 + 2 * z + 0.5 * W @ z, "z": z})
    with pytest.warns(sp.SpatialInputWarning, match="withheld"):
        fit = sp.slx("y ~ z", frame, pd.DataFrame(W))
    np.testing.assert_allclose(fit.effects().tidy()["estimate"], [2.0, 0.5, 2.5], rtol=1e-12)
    assert fit.effects().tidy()["p_value"].isna().all()
    with pytest.raises(sp.SpatialInputError, match="E703"):
        sp.sdm("y ~ z", frame, pd.DataFrame(W))


def test_r_squared_of_longley():
    assert regression("longley").r_squared.r2 == pytest.approx(float(STRD["longley"]["certified"]["r2"][0]), rel=1e-12)
