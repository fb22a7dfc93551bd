"""GMM for dynamic panels with gaps: against pydynpd without space, a twin written unit by unit with it, laws."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import spatial as sp
from spatial.solve.gmm_dynamic import panel_gmm

from .. import naive_dynamic_gaps as naive
from ..naive_past import off_dummies
from .test_dynamic_gaps import drawn, pattern
from .test_dynamic_varying import KEYS, matrices, temporal

FOLDER = Path(__file__).parents[2] / "reference" / "dynamic"
STORED = json.loads((FOLDER / "gaps_pydynpd.json").read_text())
OPTIONS = {"onestep": {"steps": 1}, "twosteps": {}, "collapsed": {"collapse": True}}


@pytest.fixture(scope="module")
def employment():
    """y, Z = [y_{t-1}, log wage, log capital], y_{t-1} and the rows of 138 firms, 12 % left out."""
    data = pd.read_csv(FOLDER / "empluk.csv")
    data = data[np.random.default_rng(1).uniform(size=len(data)) >= 0.12]
    y, wage, capital = (
        np.log(data.pivot(index="year", columns="firm", values=c).to_numpy()) for c in ("emp", "wage", "capital")
    )
    rows = np.isfinite(y[1:]) & np.isfinite(y[:-1])
    return y[1:], np.stack([y[:-1], wage[1:], capital[1:]], axis=2), y[:-1, :, None], rows


@pytest.mark.parametrize("case", OPTIONS)
def test_pydynpd(employment, case):
    """Coefficients, robust or Windmeijer's s.e., Hansen's J and after two steps both tests of serial correlation."""
    y, Z, past, rows = employment
    got, want = panel_gmm(y, Z, past, Z[:, :, 1:], rows=rows, **OPTIONS[case]), STORED[case]
    np.testing.assert_allclose(got.coef, want["coef"], rtol=1e-9)
    np.testing.assert_allclose(np.sqrt(np.diag(got.vcov)), want["se"], rtol=1e-9)
    assert got.hansen == pytest.approx(want["hansen"], rel=1e-9)
    assert got.instruments - 3 == want["df"]
    if case != "onestep":
        np.testing.assert_allclose(got.serial, want["ar"], rtol=1e-9)


@pytest.mark.parametrize("differences", [True, False])
def test_with_all_rows_it_is_the_balanced_panel(employment, differences):
    _, Z, past, rows = employment
    y = np.nan_to_num(employment[0])
    Z, past = np.nan_to_num(Z), np.nan_to_num(past)
    options = {"differences": differences, "depth": 2}
    a = panel_gmm(y, Z, past, Z[:, :, 1:], **options)
    b = panel_gmm(y, Z, past, Z[:, :, 1:], rows=np.ones_like(rows), **options)
    time = np.broadcast_to(np.eye(len(y))[:, None, 1:], (*y.shape, len(y) - 1))
    means = [values - values.mean(axis=1, keepdims=True) for values in (y, Z, past)]
    c, d = panel_gmm(*means, means[1][:, :, 1:], **options), panel_gmm(y, Z, past, Z[:, :, 1:], dummies=time, **options)
    np.testing.assert_allclose(d.coef, c.coef, rtol=1e-9)
    np.testing.assert_allclose(d.vcov, c.vcov, rtol=1e-7)
    np.testing.assert_allclose([d.hansen, *d.serial], [c.hansen, *c.serial], rtol=1e-7)
    np.testing.assert_allclose(a.coef, b.coef, rtol=1e-9)
    np.testing.assert_allclose(a.vcov, b.vcov, rtol=1e-8)
    np.testing.assert_allclose([a.hansen, *a.serial], [b.hansen, *b.serial], rtol=1e-8)


def _of_unit(columns, i, inside):
    return np.column_stack([np.where(inside, c[:, i], 0) for c in columns])


def by_unit(y, x, W, seen, transform, time):
    """(coefficients, robust covariance) of one step for the dynamic SDM with both lags, one matrix per unit."""
    T, N = len(y) - 1, y.shape[1]
    rows = seen[1:] & seen[:-1]
    y, x = np.nan_to_num(y), np.nan_to_num(x)

    def lag(V, z):
        return np.einsum("tij,tj->ti", V, z)

    own = [x[1:]]
    for _ in range(3):
        own.append(lag(W[1:], own[-1]))
    past = [np.where(seen[:-1], y[:-1], 0.0)]
    for _ in range(2):
        past.append(lag(W[:-1], past[-1]))
    if time:
        past = [np.array([p[t] - p[t, seen[t]].mean() for t in range(T)]) for p in past]
    Z = [y[:-1], lag(W[:-1], y[:-1]), own[0], own[1], lag(W[1:], y[1:])]
    dummies = np.eye(T)[:, 1:] if time else np.zeros((T, 0))
    HX, HY, HH, parts = 0.0, 0.0, 0.0, []
    for i in range(N):
        D = []
        for t in range(T - 1):
            row, later = np.zeros(T), np.flatnonzero(rows[t + 1 :, i]) + t + 1
            if transform == "differences" and rows[t, i] and rows[t + 1, i]:
                row[t], row[t + 1] = -1, 1
            elif transform == "orthogonal" and rows[t, i] and len(later):
                row[t], row[later] = 1, -1 / len(later)
                row *= np.sqrt(len(later) / (len(later) + 1))
            D.append(row)
        D, mask = np.array(D), np.any(D, axis=1)
        H = [[p[r - k, i] * (r >= k) * mask[r] if r >= k and seen[r - k, i] else 0.0 for p in past for k in range(2)]
             for r in range(T - 1)]  # fmt: skip
        inside = rows[:, i]
        H = np.hstack([H, D @ _of_unit(own, i, inside)])
        X, Y = D @ _of_unit(Z, i, inside), D @ np.where(inside, y[1:, i], 0)
        parts.append((H, X, Y, D @ D.T, D @ (dummies * inside[:, None])))
    parts = off_dummies(parts)
    for H, X, Y, DD in parts:
        HX, HY, HH = HX + H.T @ X, HY + H.T @ Y, HH + H.T @ DD @ H
    A = np.linalg.pinv(HH)
    M = np.linalg.inv(HX.T @ A @ HX) @ HX.T @ A
    b = M @ HY
    S = sum(np.outer(H.T @ (Y - X @ b), H.T @ (Y - X @ b)) for H, X, Y, _ in parts)
    return b, M @ S @ M.T


@pytest.mark.parametrize("transform", ["orthogonal", "differences"])
@pytest.mark.parametrize("time", [True, False])
def test_twin(transform, time):
    n, T = 40, 7
    seen = pattern(T, n, seed=2)
    whole = matrices(n, 1, seed=2)[0]
    W = np.stack([naive.cut(whole, there) for there in seen])
    frame, y, x = drawn(W, seen, seed=2, period=float(time))
    w = temporal(whole[None]).matrices[0].standardize("row")
    settings = sp.ArellanoBond(transform=transform, depth=2, steps=1)
    effects = "twoway" if time else "entity"
    options = {"lags": "both", "effects": effects, "missing": "period", "method": settings, **KEYS}
    fit = sp.sdm("y ~ x", frame.sample(frac=1, random_state=1), w, **options)
    coef, vcov = by_unit(y, x, W, seen, transform, time)
    np.testing.assert_allclose(fit.params, coef, rtol=1e-7)
    np.testing.assert_allclose(fit.vcov, vcov, rtol=1e-6)
    assert {"Hansen J", "AR(1)", "AR(2)"} <= {test.name for test in sp.instrument_tests(fit)}
