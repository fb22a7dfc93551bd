"""W^2 X as a fifth term of a GNS, and split by regime: against dense likelihoods."""

import numpy as np
import pytest

import spatial as sp
import weights as wt

from .. import naive_regimes as twin
from .. import naive_several
from .test_regimes import drawn

KEYS = {"entity": "id", "correction": False}


def powers(W, x, order):
    """[x, W x, W^2 x ...] of (T, n, k)."""
    out = [x]
    for _ in range(order):
        out.append(np.einsum("ij,tjk->tik", W, out[-1]))
    return np.concatenate(out, axis=2)


@pytest.mark.parametrize("other", [False, True])
def test_gns_with_the_second_lag_is_at_the_maximum_of_the_dense_likelihood(other):
    frame, w, W, _, y, x = drawn(4, n=45, lam=0.2)
    M = np.roll(W, 7, axis=(0, 1)) if other else W
    fit = sp.gns("y ~ a + b", frame, w, wx_order=2, w_error=wt.from_dense(M, w.ids) if other else None, **KEYS)
    X = np.concatenate([np.ones((1, 45, 1)), powers(W, x, 2)], axis=2)
    theta = np.append(fit.params, np.log(fit.sigma2))

    def f(at):
        return naive_several.loglik(at, y, X, [W], [M])

    assert fit.loglik == pytest.approx(f(theta), abs=1e-9)
    assert twin.gradient(f, theta) == pytest.approx(0, abs=1e-4)
    V = np.linalg.inv(-twin.hessian(f, theta))
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V))[:-1], rel=1e-4)


# -- by regime -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "regimes"), [
    ("sdm", "region"), ("sdm", sp.Regimes("region", rho=True, sigma2=True)),
    ("sdem", sp.Regimes("region", terms=["a"], lam=True)), ("gns", sp.Regimes("region", rho=True)),
])  # fmt: skip
def test_split_by_regime_it_is_at_the_maximum_of_the_dense_likelihood(model, regimes):
    frame, w, W, codes, y, x = drawn(4, n=45, row=False)
    fit = getattr(sp, model)("y ~ a + b", frame, w, wx_order=2, regimes=regimes, **KEYS)
    one = np.ones((1, 45, 1))
    terms = dict(zip(("Intercept", "a", "b", "W:Intercept", "W:a", "W:b", "W2:Intercept", "W2:a", "W2:b"),
                     np.moveaxis(powers(W, np.concatenate([one, x], axis=2), 2), 2, 0)))  # fmt: skip
    split = [name.rpartition(": ")[::2] if ": " in name else ("", name) for name in fit._sample.names]
    labels = list(fit.split.labels)
    X = np.stack([terms[name][0] * (codes == labels.index(label) if label else 1) for label, name in split], axis=1)
    assert {name for _, name in split} == set(terms)
    k, L, S = len(split), len(fit.lambdas), len(fit.sigma2s)
    theta = np.concatenate([fit.params, np.log(fit.sigma2s)])

    def f(at):
        return twin.loglik(at, y, X[None], W, W, codes, (k, fit.n_rhos, L, S))

    assert fit.loglik == pytest.approx(f(theta), abs=1e-8)
    assert twin.gradient(f, theta) == pytest.approx(0, abs=2e-4)
    V = np.linalg.inv(-twin.hessian(f, theta))
    assert fit.std_errors.to_numpy() == pytest.approx(np.sqrt(np.diag(V))[: k + fit.n_rhos + L], rel=2e-4)


@pytest.mark.parametrize("regimes", ["region", sp.Regimes("region", rho=True)])
def test_effects_by_regime_count_it(regimes):
    frame, w, W, codes, *_ = drawn(4, n=45)
    fit = sp.sdm("y ~ a + b", frame, w, entity="id", wx_order=2, regimes=regimes)
    p, both = fit.params, ("east: ", "south: ")
    rho = fit.rhos.to_numpy()[codes if fit.n_rhos > 1 else np.zeros_like(codes)]
    own = [np.array([p[label + name] for label in both])[codes][:, None] for name in ("a", "W:a", "W2:a")]
    S = np.linalg.solve(np.eye(45) - rho[:, None] * W, np.diag(own[0].ravel()) + own[1] * W + own[2] * (W @ W))
    effects = fit.effects(method="delta")
    table, received = (each.set_index(["effect", "term"])["estimate"] for each in
                       (effects.tidy(), effects.by_receiver()))  # fmt: skip
    for g, label in enumerate(both):
        direct, indirect, total, _, _, got = twin.averages(S, codes == g)
        assert table[:, label + "a"].to_numpy() == pytest.approx([direct, indirect, total], abs=1e-9)
        assert received["total", label + "a"] == pytest.approx(got, abs=1e-9)
    assert table["total", "a"] == pytest.approx(S.sum() / 45, abs=1e-9)
    assert effects.matrix("a").to_numpy() == pytest.approx(S, abs=1e-9)
    trend = fit.predict(kind="trend")
    X = fit._design.X[0] @ p[list(fit._design.names)].to_numpy()
    assert trend.to_numpy() == pytest.approx(X, abs=1e-9)


def test_one_regime_and_equal_models_are_the_plain_one():
    frame, w, *_ = drawn(5, T=4)
    options = {"entity": "id", "time": "t", "wx_order": 2}
    plain = sp.sdm("y ~ a + b", frame, w, **options)
    one = sp.sdm("y ~ a + b", frame.assign(region="all"), w, regimes=sp.Regimes("region", rho=True), **options)
    assert list(one.params.index) == list(plain.params.index)
    assert one.params.to_numpy() == pytest.approx(plain.params.to_numpy(), abs=1e-7)
    assert one.std_errors.to_numpy() == pytest.approx(plain.std_errors.to_numpy(), rel=1e-6)
    split = sp.sdm("y ~ a + b", frame, w, regimes="region", **options)
    assert split.chow()["W2:a"].df[0] == 1


def test_new_periods_and_new_units_have_the_second_lag():
    frame, w, *_ = drawn(5, T=4)
    fit = sp.sdm("y ~ a + b", frame, w, entity="id", time="t", effects="none", wx_order=2, regimes="region")
    last = frame[frame["t"] == 3]
    own = fit.predict(kind="TC").xs(3, level="t")
    got = fit.forecast(last.assign(t=4)).predicted.xs(4, level="t")
    assert got[own.index].to_numpy() == pytest.approx(own.to_numpy(), abs=1e-8)
    cut = last.set_index("id")
    some = sp.sdm("y ~ a + b", cut.iloc[:-1], w.subset(cut.index[:-1]), wx_order=2, regimes="region")
    new = some.predict(cut.iloc[-1:], w, kind="trend")
    n, member = len(cut), (cut["region"] == cut["region"].iloc[-1]).to_numpy()
    lags = {"": np.eye(n), "W:": w.csr.toarray(), "W2:": np.linalg.matrix_power(w.csr.toarray(), 2)}
    label, p = cut["region"].iloc[-1], some.params
    want = p[f"{label}: Intercept"] + sum(p[f"{label}: {power}{x}"] * (P @ cut[x])[-1] for power, P in lags.items()
                                          for x in ("a", "b"))  # fmt: skip
    assert member[-1]
    assert new.iloc[0] == pytest.approx(want, abs=1e-9)
