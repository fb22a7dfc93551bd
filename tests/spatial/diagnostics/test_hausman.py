"""Hausman's test of spatial models against the dense Fisher information, and its size."""

import numpy as np
import pandas as pd
import pytest
from scipy.linalg import helmert

import spatial as sp

from ..designs import band, nearest
from ..models.test_estimators import PANEL, panel_data

N, T = 9, 4


def fisher(moments, theta):
    """mu_a' S^-1 mu_b + tr(S^-1 S_a S^-1 S_b) / 2 by central differences."""
    steps = 1e-5 * np.eye(len(theta))
    ends = [(moments(theta + h), moments(theta - h)) for h in steps]
    mu, S = ([(up[k] - down[k]) / 2e-5 for up, down in ends] for k in (0, 1))
    inverse = np.linalg.inv(moments(theta)[1])
    return np.array([[m @ inverse @ n + np.trace(inverse @ a @ inverse @ b) / 2 for n, b in zip(mu, S)]
                     for m, a in zip(mu, S)])  # fmt: skip


@pytest.mark.parametrize("effects", ["entity", "twoway"])
@pytest.mark.parametrize("model", ["sar", "sdm", "sem", "sac"])
def test_covariances_are_those_of_the_dense_information(model, effects):
    """Random effects: all T N moments. Fixed effects: those of data without unit (and period) means."""
    data, W = panel_data(6, N=N, T=T)
    fixed, random = (getattr(sp, model)("y ~ a + b", data, W, **PANEL, effects=e) for e in (effects, "random"))
    w, s2 = W.to_numpy(), random.sigma2
    spatial = [name for name in ("rho", "lambda") if name in random.params.index]
    X = random._design.X
    columns = [X] + [np.einsum("ij,tjk->tik", w, X[:, :, 1:])] * (model == "sdm")
    X = np.concatenate(columns, axis=2).reshape(T * N, -1)
    k = X.shape[1]

    def moments(theta, F=None, G=None):
        """Of y with unit effects, or of F y_t G' without them: F (T - 1, T), G (units left, N)."""
        at = dict(zip(spatial, theta[k : k + len(spatial)]))
        A, B = (np.linalg.inv(np.eye(N) - at.get(name, 0.0) * w) for name in ("rho", "lambda"))
        units = 0.0 if F is not None else theta[-1]
        S = np.kron(theta[-2] * np.eye(T) + units, A @ B @ B.T @ A.T)
        mu = np.kron(np.eye(T), A) @ X @ theta[:k]
        if F is None:
            return mu, S
        H = np.kron(F, G)
        return H @ mu, H @ S @ H.T

    theta = np.array([*random.params, s2, random._settings.random.sigma2_mu])
    full = fisher(moments, theta)
    common = list(fixed.params.index)
    at = [list(random.params.index).index(name) for name in common]
    V_R = np.linalg.inv(full)[np.ix_(at, at)]
    G = helmert(N) if effects == "twoway" else np.eye(N)
    within = fisher(lambda t: moments(t, helmert(T), G), theta)[:-1, :-1]
    kept = [*at, len(within) - 1]  # no intercept, but s2
    V_F = np.linalg.inv(within[np.ix_(kept, kept)])[:-1, :-1]
    d = (fixed.params - random.params[common]).to_numpy()
    test = sp.hausman(fixed, random)
    assert test.statistic == pytest.approx(d @ np.linalg.solve(V_F - V_R, d), rel=1e-4)
    assert (test.df, "positive" in test.null) == (len(common), False)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "t"), [(31, 13), (48, 8)])
def test_size_in_spatial_models(n, t, capsys):
    rng, R, W = np.random.default_rng(4), 500, nearest(np.random.default_rng(4), n, 4)
    A, index = np.linalg.inv(np.eye(n) - 0.3 * W), pd.MultiIndex.from_product([range(t), range(n)], names=["t", "i"])
    rejected = dict.fromkeys(("sar", "sdm", "sac"), 0)
    for _ in range(R):
        x, z, e = rng.standard_normal((3, t, n))
        x, z = x + rng.standard_normal(n), z + rng.standard_normal(n)
        y = (x + z + rng.standard_normal(n) + e) @ A.T
        data = pd.DataFrame({"y": y.ravel(), "x": x.ravel(), "z": z.ravel()}, index).reset_index()
        for name in rejected:
            fits = (getattr(sp, name)("y ~ x + z", data, pd.DataFrame(W), entity="i", time="t", effects=e)
                    for e in ("entity", "random"))  # fmt: skip
            rejected[name] += sp.hausman(*fits).p_value < 0.05
    with capsys.disabled():
        print(f"\nN={n} T={t}: " + ", ".join(f"{k} {v / R:.3f}" for k, v in rejected.items()))
    low, high = band(0.05, R, slack=0.015)
    assert all(low <= v / R <= high for v in rejected.values())
